"""``/admin/webhooks/ID/deliveries``: what was sent to an endpoint, and what it answered."""

from __future__ import annotations

import json
from typing import Final, get_args
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.responses import Response

from budwood_server.api import webhooks
from budwood_server.api_models.webhooks import DeliveryState
from budwood_server.events.event_types import EVENT_TYPES
from budwood_server.page.formatting import format_json
from budwood_server.page.forms import REFUSED, find_errors
from budwood_server.page.routes import get, post
from budwood_server.page.views.webhooks import PATH, WEBHOOK, find_webhook
from budwood_server.page.visits import Visit
from budwood_server.people.roles import WEBHOOKS_READ, WEBHOOKS_WRITE

_DELIVERY: Final = f"{WEBHOOK}/deliveries/{{delivery_id}}"
_STATES: Final = get_args(DeliveryState)


async def show_deliveries(visit: Visit) -> Response:
    """List deliveries of an endpoint, the newest first."""
    webhook = await find_webhook(visit)
    state: DeliveryState | None = next((each for each in _STATES if each == visit.query.get("state")), None)
    chosen = next((each for each in EVENT_TYPES if each == visit.query.get("type")), None)
    page = await webhooks.list_sent(
        visit.request, visit.principal, webhook.id, visit.paging(), state=state, types=[chosen] if chosen else None
    )
    values = {
        "webhook": webhook,
        "page": page,
        "state": state,
        "states": [("", "Any state"), *((each, each.capitalize()) for each in _STATES)],
        "type": chosen,
        "types": [("", "All types"), *((each, each) for each in EVENT_TYPES)],
        "may_write": visit.may(WEBHOOKS_WRITE),
    }
    return visit.render("deliveries_table.html" if visit.is_fragment else "deliveries.html", values)


async def show_delivery(visit: Visit) -> Response:
    """Show a delivery with its requests and their answers."""
    return await _show(visit, None, 200)


async def replay(visit: Visit) -> Response:
    """Send the event of a delivery again."""
    webhook = await find_webhook(visit)
    number = _read_number(visit)
    try:
        await webhooks.replay_one(visit.request, visit.principal, webhook.id, number, visit.form.optional("once"))
    except REFUSED as error:
        errors, status = find_errors(error, ())
        return await _show(visit, errors.form, status)
    return visit.redirect(f"{PATH}/{webhook.id}/deliveries/{number}", "event-replayed")


async def _show(visit: Visit, error: str | None, status: int) -> Response:
    webhook = await find_webhook(visit)
    delivery = await webhooks.show_sent(visit.request, visit.principal, webhook.id, _read_number(visit))
    values = {
        "webhook": webhook,
        "delivery": delivery,
        "body": _indent(delivery.body),
        "error": error,
        "once": uuid4().hex,
        "may_write": visit.may(WEBHOOKS_WRITE),
    }
    return visit.render("delivery.html", values, status=status)


def _read_number(visit: Visit) -> int:
    text = visit.request.path_params["delivery_id"]
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= webhooks.MAX_DELIVERY):
        raise HTTPException(404)
    return int(text)


def _indent(body: str | None) -> str | None:
    """Return the body of a request as people read JSON; as it is, if it is only the beginning of one."""
    try:
        return body and format_json(json.loads(body))
    except ValueError:
        return body


ROUTES: Final = [
    get(f"{WEBHOOK}/deliveries", show_deliveries, WEBHOOKS_READ),
    get(_DELIVERY, show_delivery, WEBHOOKS_READ),
    post(f"{_DELIVERY}/replay", replay, WEBHOOKS_WRITE),
]
