"""``/admin/endpoints``: the providers, the state of their endpoints, and the models that clients may use."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from budwood.types import CallFilter
from budwood_server.access.keys import TELEMETRY
from budwood_server.api import endpoints
from budwood_server.page.navigation import Link
from budwood_server.page.routes import get
from budwood_server.page.visits import Visit
from budwood_server.people.roles import ENDPOINTS_READ
from budwood_server.telemetry.filters import restrict
from budwood_server.telemetry.reading import CallReader

PATH: Final = "/admin/endpoints"
LINK: Final = Link("Endpoints", PATH, "server", "Observe", ENDPOINTS_READ)

_DAY: Final = 86_400.0


async def show_endpoints(visit: Visit) -> Response:
    """Show providers and models. The page asks for them again every five seconds."""
    reply = await endpoints.list_endpoints(visit.request, visit.principal)
    values = {"reply": reply, "models": await _list_models(visit)}
    return visit.render("endpoints_lists.html" if visit.is_fragment else "endpoints.html", values)


async def _list_models(visit: Visit) -> list[dict[str, Any]]:
    """Return the public names of models, with their calls of the last day."""
    daily = await _sum_day(visit, "model")
    configured = visit.worker.configuration.server.models
    return [{"name": name, "targets": value.models, "daily": daily.get(name)} for name, value in configured.items()]


async def _sum_day(visit: Visit, dimension: str) -> dict[str | None, Any]:
    """Return the sums over the last day by a dimension; none for an account that may not read telemetry."""
    if not visit.may(TELEMETRY):
        return {}
    where = replace(restrict(CallFilter(), visit.principal), since=time.time() - _DAY)
    return {sums.group[0]: sums for sums in await CallReader(visit.database).sum([dimension], where)}


ROUTES: Final = [get(PATH, show_endpoints, ENDPOINTS_READ)]
