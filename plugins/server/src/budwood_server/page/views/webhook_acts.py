"""``/admin/webhooks/ID/…``: pause, test, rotate, replay and delete an endpoint."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

from starlette.responses import Response

from budwood_server.api import webhooks
from budwood_server.api_models.webhooks import Replay, SecretReply, SecretRotation, WebhookChange, WebhookDetails
from budwood_server.page.confirmations import ask
from budwood_server.page.forms import REFUSED, find_errors
from budwood_server.page.overlaps import list_overlap_fields, read_overlap
from budwood_server.page.routes import get, post
from budwood_server.page.views.webhooks import PATH, WEBHOOK, find_webhook
from budwood_server.page.visits import Visit
from budwood_server.people.roles import WEBHOOKS_WRITE

_DAY: Final = "86400"


async def pause(visit: Visit) -> Response:
    """Keep the events of an endpoint back."""
    return await _set_state(visit, "paused", "webhook-paused")


async def resume(visit: Visit) -> Response:
    """Send events again, also those that were kept back."""
    return await _set_state(visit, "active", "webhook-resumed")


async def test(visit: Visit) -> Response:
    """Send a test event, and show what the endpoint answers."""
    webhook = await find_webhook(visit)
    result = await webhooks.test(visit.request, visit.principal, webhook.id)
    return visit.render("webhook_test.html", {"webhook": webhook, "result": result})


async def ask_rotation(visit: Visit) -> Response:
    """Ask when the present secret of an endpoint ends."""
    webhook = await find_webhook(visit)
    return ask(
        visit,
        title=f"Rotate the secret of {webhook.name}?",
        text="The endpoint gets a new secret, which is shown once. Until the present one ends, both sign requests.",
        button="Rotate secret",
        tone="primary",
        cancel=f"{PATH}/{webhook.id}",
        fields=list_overlap_fields(_DAY),
    )


async def rotate(visit: Visit) -> Response:
    """Give an endpoint a new secret, and show it once."""
    webhook = await find_webhook(visit)
    rotation = SecretRotation(overlap=read_overlap(visit.form))
    once = visit.form.optional("once")
    reply = await webhooks.rotate(visit.request, visit.principal, webhook.id, rotation, once)
    new = SecretReply.model_validate_json(bytes(reply.body))
    expires = new.old_secrets_expire if rotation.overlap else None
    return visit.render(
        "webhook_secret.html", {"webhook": webhook, "secret": new.secret, "warning": None, "expires": expires}
    )


async def ask_replay(visit: Visit) -> Response:
    """Ask since when events are sent again."""
    webhook = await find_webhook(visit)
    since = datetime.now(UTC) - timedelta(days=1)
    return _ask_replay(visit, webhook, f"{since:%Y-%m-%dT%H:%M}", None, 200)


async def replay(visit: Visit) -> Response:
    """Send all events since a moment again."""
    webhook = await find_webhook(visit)
    text = visit.form.text("since")
    try:
        body = Replay.model_validate({"since": f"{text}Z"})
        await webhooks.replay(visit.request, visit.principal, webhook.id, body, visit.form.optional("once"))
    except REFUSED as error:
        errors, status = find_errors(error, ("since",))
        return _ask_replay(visit, webhook, text, errors.fields.get("since") or errors.form, status)
    return visit.redirect(f"{PATH}/{webhook.id}/deliveries", "events-replayed")


async def ask_deletion(visit: Visit) -> Response:
    """Ask whether an endpoint is to be deleted."""
    webhook = await find_webhook(visit)
    return ask(
        visit,
        title=f"Delete the endpoint {webhook.name}?",
        text="Its secrets and the list of its deliveries are deleted. Events that wait for it are not sent.",
        button="Delete endpoint",
        cancel=f"{PATH}/{webhook.id}",
    )


async def delete(visit: Visit) -> Response:
    """Delete an endpoint."""
    await webhooks.delete(visit.request, visit.principal, visit.request.path_params["webhook_id"])
    return visit.redirect(PATH, "webhook-deleted")


async def _set_state(visit: Visit, state: Literal["active", "paused"], notice: str) -> Response:
    webhook_id = visit.request.path_params["webhook_id"]
    await webhooks.change(visit.request, visit.principal, webhook_id, WebhookChange(state=state))
    return visit.redirect(f"{PATH}/{webhook_id}", notice)


def _ask_replay(visit: Visit, webhook: WebhookDetails, since: str, error: str | None, status: int) -> Response:
    field = {"name": "since", "label": "Events since (UTC)", "type": "datetime-local", "value": since}
    return ask(
        visit,
        title=f"Send events to {webhook.name} again?",
        text="It gets all events since then that it is to get, with the same ids, also those that it accepted.",
        button="Send again",
        tone="primary",
        cancel=f"{PATH}/{webhook.id}",
        fields=[
            field | {"required": True, "error": error},
            {"name": "once", "label": "", "type": "hidden", "value": uuid4().hex},
        ],
        status=status,
    )


ROUTES: Final = [
    post(f"{WEBHOOK}/pause", pause, WEBHOOKS_WRITE),
    post(f"{WEBHOOK}/resume", resume, WEBHOOKS_WRITE),
    post(f"{WEBHOOK}/test", test, WEBHOOKS_WRITE),
    get(f"{WEBHOOK}/rotate", ask_rotation, WEBHOOKS_WRITE),
    post(f"{WEBHOOK}/rotate", rotate, WEBHOOKS_WRITE),
    get(f"{WEBHOOK}/replay", ask_replay, WEBHOOKS_WRITE),
    post(f"{WEBHOOK}/replay", replay, WEBHOOKS_WRITE),
    get(f"{WEBHOOK}/delete", ask_deletion, WEBHOOKS_WRITE),
    post(f"{WEBHOOK}/delete", delete, WEBHOOKS_WRITE),
]
