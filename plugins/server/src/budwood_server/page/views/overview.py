"""``/admin/overview``: what the gateway does, as figures and charts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from starlette.responses import Response

from budwood.types import CallFilter, UsageTotals
from budwood_server.access.keys import TELEMETRY
from budwood_server.api import endpoints
from budwood_server.page.charts.calls import (
    make_calls_chart,
    make_cost_chart,
    make_errors_chart,
    make_latency_chart,
)
from budwood_server.page.charts.drawing import Chart, draw_areas, draw_bars, draw_lines
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get
from budwood_server.page.visits import Visit
from budwood_server.people.roles import ENDPOINTS_READ
from budwood_server.telemetry.filters import restrict
from budwood_server.telemetry.forms import add_up
from budwood_server.telemetry.ordering import Order, sort_groups
from budwood_server.telemetry.reading import CallReader
from budwood_server.telemetry.series import Series, make_series, read_history
from budwood_server.telemetry.timeline import PERIODS, Period, Timeline, find_timeline

PATH: Final = "/admin/overview"
LINK: Final = Link("Overview", PATH, "overview", "Observe", TELEMETRY)

TITLES: Final[dict[Period, str]] = {"hour": "Hour", "day": "Day", "week": "Week", "month": "30 days"}
SPANS: Final[dict[Period, str]] = {"hour": "1h", "day": "24h", "week": "7d", "month": "30d"}
"""The same times as a filter of telemetry."""

POLLS: Final[dict[Period, str]] = {"hour": "30s", "day": "1m", "week": "2m", "month": "5m"}
"""How often the page asks for new figures."""

ORDERS: Final[dict[Order, str]] = {"cost": "Cost", "calls": "Calls", "errors": "Errors", "latency": "Latency"}
"""What the tables of the largest groups may be ordered by."""

_TOP: Final = 5


async def show_overview(visit: Visit) -> Response:
    """Show the calls of a period. The page asks for them again from time to time."""
    period: Period = next((each for each in PERIODS if each == visit.query.get("period")), "day")
    order: Order = next((each for each in ORDERS if each == visit.query.get("order")), "cost")
    timeline = find_timeline(period, time.time())
    records, where = CallReader(visit.database), restrict(CallFilter(), visit.principal)
    history = await read_history(records, where, timeline, ("model", "key"))
    models = history.sum_groups("model")
    keys = sort_groups(history.sum_groups("key"), order)[:_TOP]
    series = make_series(history, "model", _choose_groups(models))
    values = {
        "period": period,
        "periods": TITLES,
        "order": order,
        "orders": ORDERS,
        "span": SPANS[period],
        "poll": POLLS[period],
        "series": series,
        "changes": await _compare(records, where, timeline, series),
        "charts": _draw(series),
        "models": sort_groups(models, order)[:_TOP],
        "keys": keys,
        "key_names": await find_key_names(visit, [totals.group[0] for totals in keys]),
        "endpoints": await _list_endpoints(visit),
    }
    return visit.render("overview_figures.html" if visit.is_fragment else "overview.html", values)


def _choose_groups(groups: Iterable[UsageTotals]) -> list[str]:
    """Return the groups with the highest cost, and then those with the most calls."""
    named = [totals for totals in groups if totals.group[0] is not None]
    largest = (*sort_groups(named, "cost")[:_TOP], *sort_groups(named, "calls")[:_TOP])
    return [*dict.fromkeys(str(totals.group[0]) for totals in largest)]


async def find_key_names(visit: Visit, ids: Sequence[str | None]) -> dict[str, str]:
    """Return the names of keys by their ids, as far as the keys exist."""
    services = visit.worker.services
    if services is None:
        return {}
    found = [await services.keys.store.load(key_id) for key_id in dict.fromkeys(ids) if key_id]
    return {each.key.id: each.key.name for each in found if each is not None}


async def _compare(records: CallReader, where: CallFilter, timeline: Timeline, series: Series) -> dict[str, str]:
    """Return how calls, cost and errors differ from the time before of the same length."""
    figures = await records.read_figures(timeline.intervals_before, where, with_durations=False)
    before = add_up(each.total for each in figures)
    if not before.calls:
        return {}
    names = ("calls", "errors") if before.unknown_costs or series.total.unknown_costs else ("calls", "cost", "errors")
    return {name: _format_change(float(getattr(series.total, name)), float(getattr(before, name))) for name in names}


def _format_change(value: float, before: float) -> str:
    if not before:
        return ""
    change = (value - before) / before
    if abs(change) < 0.005:
        return "as in the period before"
    if change >= 10:
        return f"▲ {value / before:,.0f} times the period before"
    return f"{'▲' if change > 0 else '▼'} {abs(change):.0%} against the period before"


def _draw(series: Series) -> Sequence[tuple[Chart, Any]]:
    """Return the charts with their drawings."""
    drawings = (
        (make_calls_chart, draw_bars),
        (make_cost_chart, draw_areas),
        (make_latency_chart, draw_lines),
        (make_errors_chart, draw_bars),
    )
    return [(chart, draw(chart)) for make, draw in drawings for chart in [make(series)]]


async def _list_endpoints(visit: Visit) -> Any:  # noqa: ANN401 - the reply of the API, or None
    if not visit.may(ENDPOINTS_READ):
        return None
    return await endpoints.list_endpoints(visit.request, visit.principal)


ROUTES: Final = [get(PATH, show_overview, TELEMETRY)]
