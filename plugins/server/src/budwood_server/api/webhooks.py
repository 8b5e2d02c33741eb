"""``/api/webhooks``: endpoints to which the server sends events, and what it has sent."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.access.keys import ADMIN, TEXTS
from budwood_server.api.access import get_database, get_worker, require
from budwood_server.api.errors import list_responses
from budwood_server.api.events import TypesQuery
from budwood_server.api.idempotency import IdempotencyKey, create_once
from budwood_server.api.paging import Page, PageQuery
from budwood_server.api.pattern_words import WEBHOOK_ID_PATTERN
from budwood_server.api.tokens import find_keys
from budwood_server.api_models.moments import from_seconds
from budwood_server.api_models.webhooks import (
    DeliveryDetails,
    DeliveryReply,
    DeliveryState,
    NewWebhook,
    NewWebhookReply,
    Replay,
    ReplayReply,
    SecretReply,
    SecretRotation,
    WebhookChange,
    WebhookDetails,
    WebhookReply,
    WebhookTestReply,
)
from budwood_server.events.envelope import encode_event
from budwood_server.events.event_types import select_types
from budwood_server.events.reading import read_events
from budwood_server.people import audit
from budwood_server.people.principals import Principal
from budwood_server.people.roles import WEBHOOKS_READ, WEBHOOKS_WRITE
from budwood_server.web.problems import reject
from budwood_server.webhooks import store
from budwood_server.webhooks.activity import DAY, Activity, find_activities
from budwood_server.webhooks.choices import choose_change, choose_new
from budwood_server.webhooks.deliveries import count_states, find_delivery, list_attempts, list_deliveries
from budwood_server.webhooks.permissions import check_access, check_delivery
from budwood_server.webhooks.records import Webhook
from budwood_server.webhooks.secrets import load_secrets
from budwood_server.webhooks.sending import Sender, find_warning
from budwood_server.webhooks.trial import send_test
from budwood_server.webhooks.urls import find_host
from budwood_server.webhooks.views import (
    describe_attempt,
    describe_delivery,
    describe_delivery_details,
    describe_details,
    describe_webhook,
)

router = APIRouter(prefix="/api/webhooks", tags=["webhooks"])

MAX_DELIVERY: Final = 2**63 - 1
_ERRORS: Final = list_responses(400, 401, 403, 404, 503)

Reader = Annotated[Principal, Depends(require(WEBHOOKS_READ))]
Writer = Annotated[Principal, Depends(require(WEBHOOKS_WRITE))]
WebhookId = Annotated[str, Path(max_length=64, pattern=WEBHOOK_ID_PATTERN, description="The id of an endpoint.")]
DeliveryId = Annotated[int, Path(ge=1, le=MAX_DELIVERY, description="The id of a delivery.")]


def get_owner(principal: Principal) -> str | None:
    """Return whose endpoints a principal sees; None for those of all owners."""
    return None if ADMIN in principal.scopes else principal.owner


@router.get("", responses=list_responses(400, 401, 403, 503))
async def list_all(request: Request, reader: Reader, paging: PageQuery) -> Page[WebhookReply]:
    """List endpoints, the newest first. An administrator sees those of all owners."""
    after = paging.after(float, str)
    async with get_database(request).read() as connection:
        found = await store.list_webhooks(
            connection, get_owner(reader), after=after and (after[0], after[1]), limit=paging.fetch
        )
    return Page[WebhookReply].of(found, paging, describe_webhook, lambda each: (each.created, each.id))


@router.post(
    "", status_code=201, response_model=NewWebhookReply, responses=list_responses(400, 401, 403, 409, 429, 503)
)
async def create(request: Request, writer: Writer, new: NewWebhook, idempotency_key: IdempotencyKey = None) -> Response:
    """
    Create an endpoint, and return its secret once. It gets events that happen from now on.

    Without a master key, which seals secrets, it is refused: `budwood server master-key create` makes one.
    """
    fields = choose_new(new, writer, allow_local=_allows_local(request))
    keys = await find_keys(request)
    warning = await find_warning(new.url, allow_local=_allows_local(request))

    async def insert(connection: AsyncConnection) -> NewWebhookReply:
        webhook, secret = await store.create_webhook(connection, writer, keys, fields)
        await _record(connection, writer, "webhook.create", webhook)
        return NewWebhookReply(**dict(describe_webhook(webhook)), secret=secret, warning=warning)

    return await create_once(request, writer, idempotency_key, insert)


@router.get("/{webhook_id}", responses=_ERRORS)
async def show(request: Request, reader: Reader, webhook_id: WebhookId) -> WebhookDetails:
    """Return an endpoint, with the number of its deliveries and when its secrets expire."""
    async with get_database(request).read() as connection:
        webhook = await store.find_webhook(connection, webhook_id, get_owner(reader))
        secrets = await load_secrets(connection, [webhook.id], now=time.time())
        counts = await count_states(connection, [webhook.id])
    return describe_details(webhook, secrets, counts.get(webhook.id, {}))


@router.patch("/{webhook_id}", responses=_ERRORS | list_responses(409))
async def change(request: Request, writer: Writer, webhook_id: WebhookId, body: WebhookChange) -> WebhookReply:
    """
    Change an endpoint: fields that are left out stay. ``"state": "active"`` also ends a pause after failures.

    An endpoint whose key was revoked, or whose account was disabled, is then that of who makes it active. Other changes
    than a pause need a key or an account that may see all that the endpoint gets.
    """
    fields = choose_change(body, writer, allow_local=_allows_local(request))
    async with get_database(request).write() as connection:
        webhook = await store.change_webhook(connection, writer, webhook_id, get_owner(writer), fields)
        await _record(connection, writer, "webhook.change", webhook, changed=sorted(fields))
    return describe_webhook(webhook)


@router.delete("/{webhook_id}", status_code=204, responses=_ERRORS)
async def delete(request: Request, writer: Writer, webhook_id: WebhookId) -> None:
    """Delete an endpoint with its secrets and deliveries. Those that wait are not sent."""
    async with get_database(request).write() as connection:
        webhook = await store.delete_webhook(connection, webhook_id, get_owner(writer))
        await _record(connection, writer, "webhook.delete", webhook)


@router.post("/{webhook_id}/rotate", response_model=SecretReply, responses=_ERRORS | list_responses(409))
async def rotate(
    request: Request,
    writer: Writer,
    webhook_id: WebhookId,
    rotation: Annotated[SecretRotation | None, Body()] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Replace the secret, and return the new one once. The present one signs, too, for `overlap` seconds."""
    overlap = (rotation or SecretRotation()).overlap
    keys = await find_keys(request)

    async def act(connection: AsyncConnection) -> SecretReply:
        webhook = await _find(connection, writer, webhook_id)
        secret = await store.rotate_secret(connection, keys, webhook.id, webhook.owner, overlap)
        await _record(connection, writer, "webhook.rotate", webhook, overlap=overlap)
        return SecretReply(id=webhook.id, secret=secret, old_secrets_expire=from_seconds(time.time() + overlap))

    return await create_once(request, writer, idempotency_key, act, status=200)


@router.post("/{webhook_id}/test", responses=_ERRORS | list_responses(409))
async def test(request: Request, writer: Writer, webhook_id: WebhookId) -> WebhookTestReply:
    """Send the event `webhook.test` at once, also to an endpoint that is paused, and return what it answers."""
    server = get_worker(request).configuration.server
    keys = await find_keys(request)
    async with get_database(request).write() as connection:
        webhook = await _find(connection, writer, webhook_id)
        stored = await load_secrets(connection, [webhook.id], now=time.time())
        await _record(connection, writer, "webhook.test", webhook)
    secrets = [each.open(keys) for each in stored]
    sender = Sender(timeout=server.webhooks.timeout, allow_local=server.webhooks.allow_local)
    try:
        event, attempt = await send_test(webhook, secrets, sender, server.events.source)
    finally:
        await sender.close()
    return WebhookTestReply(event=event, delivered=attempt.has_succeeded, attempt=describe_attempt(attempt))


@router.get("/{webhook_id}/deliveries", responses=_ERRORS)
async def list_sent(
    request: Request,
    reader: Reader,
    webhook_id: WebhookId,
    paging: PageQuery,
    *,
    state: Annotated[DeliveryState | None, Query()] = None,
    types: TypesQuery = None,
) -> Page[DeliveryReply]:
    """List deliveries of an endpoint, the newest first, each with what came of its last attempt."""
    (before,) = paging.after(int) or (None,)
    selected = select_types(types, param="type") if types else None
    async with get_database(request).read() as connection:
        webhook = await store.find_webhook(connection, webhook_id, get_owner(reader))
        found = await list_deliveries(
            connection, webhook.id, state=state, types=selected, before=before, limit=paging.fetch
        )
        attempts = await list_attempts(connection, [each.id for each in found])
    return Page[DeliveryReply].of(
        found, paging, lambda each: describe_delivery(webhook, each, attempts.get(each.id, ())), lambda each: [each.id]
    )


@router.get("/{webhook_id}/deliveries/{delivery_id}", responses=_ERRORS)
async def show_sent(
    request: Request, reader: Reader, webhook_id: WebhookId, delivery_id: DeliveryId
) -> DeliveryDetails:
    """Return a delivery with its body, its requests and their answers. Texts are shown with the scope texts only."""
    source = get_worker(request).configuration.server.events.source
    async with get_database(request).read() as connection:
        webhook = await store.find_webhook(connection, webhook_id, get_owner(reader))
        delivery = await find_delivery(connection, webhook.id, delivery_id)
        attempts = (await list_attempts(connection, [delivery.id])).get(delivery.id, ())
        with_texts = webhook.with_texts and TEXTS in reader.scopes
        events = await read_events(connection, places=[delivery.place], with_texts=with_texts)
    event = events[0] if events else None
    check_delivery(delivery, event, reader)
    body = None if event is None else encode_event(event, source, with_texts=with_texts).decode()
    return describe_delivery_details(webhook, delivery, attempts, body)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    response_model=DeliveryReply,
    responses=_ERRORS | list_responses(409),
)
async def replay_one(
    request: Request,
    writer: Writer,
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Send the event of a delivery again, with the same id, by the schedule from its start."""

    async def act(connection: AsyncConnection) -> DeliveryReply:
        webhook = await _find(connection, writer, webhook_id)
        delivery = await find_delivery(connection, webhook.id, delivery_id)
        if not await read_events(connection, places=[delivery.place]):
            hint = "Events are kept for the days that [server.events] retention says."
            raise reject("The event was removed.", code="event_removed", hint=hint, status=409)
        if not await store.replay_delivery(connection, webhook, delivery.id):
            hint = "Wait until the request that is under way has ended."
            raise reject("The event is being sent.", code="delivery_in_progress", hint=hint, status=409)
        await _record(connection, writer, "webhook.replay", webhook, delivery=delivery.id)
        attempts = (await list_attempts(connection, [delivery.id])).get(delivery.id, ())
        return describe_delivery(webhook, await find_delivery(connection, webhook.id, delivery.id), attempts)

    return await create_once(request, writer, idempotency_key, act, status=200)


@router.post("/{webhook_id}/replay", response_model=ReplayReply, responses=_ERRORS | list_responses(409))
async def replay(
    request: Request, writer: Writer, webhook_id: WebhookId, body: Replay, idempotency_key: IdempotencyKey = None
) -> Response:
    """
    Send all events since a moment again that the endpoint gets, also those from before it was created.

    An endpoint that is paused or disabled gets them once it is active.
    """

    async def act(connection: AsyncConnection) -> ReplayReply:
        webhook = await _find(connection, writer, webhook_id)
        count = await store.replay_since(connection, webhook, body.since.timestamp())
        await _record(connection, writer, "webhook.replay", webhook, since=body.since.isoformat(), events=count)
        return ReplayReply(events=count)

    return await create_once(request, writer, idempotency_key, act, status=200)


async def read_activities(request: Request, webhooks: Sequence[WebhookReply]) -> Mapping[str, Activity]:
    """Return what is known of the deliveries of endpoints, by their ids."""
    async with get_database(request).read() as connection:
        return await find_activities(connection, [each.id for each in webhooks], since=time.time() - DAY)


async def _find(connection: AsyncConnection, principal: Principal, webhook_id: str) -> Webhook:
    """Return an endpoint that a principal may use, and not only see."""
    webhook = await store.find_webhook(connection, webhook_id, get_owner(principal))
    check_access(webhook, principal)
    return webhook


def _allows_local(request: Request) -> bool:
    return get_worker(request).configuration.server.webhooks.allow_local


async def _record(
    connection: AsyncConnection, principal: Principal, action: str, webhook: Webhook, **details: object
) -> None:
    """Write an act into the audit log. It names the host of the URL only: the rest may have a secret."""
    shown = {"name": webhook.name, "host": find_host(webhook.url), **details}
    await audit.record(connection, principal, action, webhook.id, shown)
