"""``/api/alerts``: the alerts of the settings, and whether they fire."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from budwood_server.access.keys import TELEMETRY
from budwood_server.alerts import listing
from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api_models.alerts import AlertsReply
from budwood_server.events.owners import find_owner
from budwood_server.people.principals import Principal, sees_all

router = APIRouter(prefix="/api/alerts", tags=["alerts"])

Reader = Annotated[Principal, Depends(require(TELEMETRY))]


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_alerts(request: Request, reader: Reader) -> AlertsReply:
    """
    List the alerts of the settings with their states, by name.

    A principal that does not see all calls gets those whose rule selects only calls of its own team, or its own calls.
    """
    rules = get_worker(request).configuration.server.alerts
    visible = {
        name: rule
        for name, rule in rules.items()
        if sees_all(reader) or find_owner(rule.select_calls().tags) == reader.owner
    }
    return await listing.list_alerts(get_database(request), visible)
