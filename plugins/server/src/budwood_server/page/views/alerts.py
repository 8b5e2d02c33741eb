"""``/admin/alerts``: the alerts of the settings, and whether they fire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response

from budwood_server.access.keys import TELEMETRY
from budwood_server.alerts.rules import Metric
from budwood_server.api import alerts
from budwood_server.page.formatting import format_dollars, format_number, format_seconds, format_share
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get
from budwood_server.page.visits import Visit
from budwood_server.people.roles import EVENTS_READ

PATH: Final = "/admin/alerts"
LINK: Final = Link("Alerts", PATH, "alert", "Observe", TELEMETRY)

_METRICS: Final[Mapping[Metric, tuple[str, Callable[[float | None], str]]]] = {
    "success_rate": ("Success rate", format_share),
    "error_rate": ("Error rate", format_share),
    "p95_latency": ("95th percentile of latency", format_seconds),
    "cost": ("Cost", format_dollars),
    "tokens": ("Tokens", format_number),
    "calls": ("Calls", format_number),
}
"""What each metric is called, and how its values look."""


async def show_alerts(visit: Visit) -> Response:
    """Show the alerts, those that fire first. The page asks for them again every five seconds."""
    reply = await alerts.list_alerts(visit.request, visit.principal)
    values = {
        "alerts": sorted(reply.alerts, key=lambda alert: (alert.state != "firing", alert.state != "pending")),
        "metrics": _METRICS,
        "may_read_events": visit.may(EVENTS_READ),
    }
    return visit.render("alerts_table.html" if visit.is_fragment else "alerts.html", values)


ROUTES: Final = [get(PATH, show_alerts, TELEMETRY)]
