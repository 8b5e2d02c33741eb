"""
Endpoints of webhooks in the database: create, change, remove and list them, and replay their events.

All functions take the connection of a transaction, in which callers record who does it. Each change raises the version
of the endpoints, which workers notice.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, tuple_, update

from budwood_server.access.tokens import new_id
from budwood_server.api_models.webhooks import OVERLAP_SECONDS
from budwood_server.database import WEBHOOKS as SUBJECT
from budwood_server.database import raise_version
from budwood_server.database.tables import DELIVERIES, EVENTS, WEBHOOKS
from budwood_server.web.problems import reject
from budwood_server.webhooks.fan_out import add_past_deliveries
from budwood_server.webhooks.names import check_name, find_free_name
from budwood_server.webhooks.permissions import PAUSE, check_access, check_choices
from budwood_server.webhooks.principals import select_webhooks
from budwood_server.webhooks.records import Webhook, to_webhook
from budwood_server.webhooks.secrets import add_secret, expire_secrets
from budwood_server.webhooks.signing import create_secret
from budwood_server.webhooks.urls import find_host

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.people.principals import Principal
    from budwood_server.vault.master_keys import MasterKeys

PREFIX: Final = "wh_"
MAX_WEBHOOKS: Final = 100
"""The maximum number of endpoints of an owner."""

_ORDER: Final = (WEBHOOKS.c.created.desc(), WEBHOOKS.c.id.desc())


async def create_webhook(
    connection: AsyncConnection, principal: Principal, keys: MasterKeys, fields: Mapping[str, Any]
) -> tuple[Webhook, str]:
    """
    Create an endpoint, and return it with its secret, which is not shown again.

    Args:
        connection: A transaction that writes.
        principal: Who creates it, and owns it.
        keys: The master keys, which seal the secret.
        fields: ``name``, ``url``, ``types``, ``subjects``, ``sees_all``, ``with_texts``, ``concurrency`` and
            ``per_second``, as `Webhook` has them. Without a name, it has that of the host, with a number if that is
            in use.

    Raises:
        ProblemError: 409: another endpoint of the owner has the name. 429: the owner has `MAX_WEBHOOKS` endpoints.
    """
    version = await raise_version(connection, SUBJECT)  # others who change endpoints wait here
    count = select(func.count()).where(WEBHOOKS.c.owner == principal.owner)
    if (await connection.execute(count)).scalar_one() >= MAX_WEBHOOKS:
        raise reject(
            f"You have {MAX_WEBHOOKS} endpoints.", code="too_many_webhooks", hint="Delete one first.", status=429
        )
    name = fields["name"] or await find_free_name(connection, principal.owner, find_host(fields["url"]))
    await check_name(connection, principal.owner, name)
    now = time.time()
    row = {
        "id": f"{PREFIX}{new_id()}",
        "version": version,
        **_owned_by(principal),
        "state": "active",
        "created": now,
        "changed": now,
        "failures": 0,
        "open_until": 0.0,
        "next_request": 0.0,
        **_to_columns(fields),
        "name": name,
    }
    await connection.execute(insert(WEBHOOKS).values(row))
    secret = create_secret()
    await add_secret(connection, keys, row["id"], secret, now)
    return await find_webhook(connection, row["id"], None), secret


async def find_webhook(connection: AsyncConnection, webhook_id: str, owner: str | None) -> Webhook:
    """
    Return an endpoint.

    Args:
        connection: A transaction.
        webhook_id: Its id.
        owner: Who must own it; None for any owner.

    Raises:
        ProblemError: 404: there is none, or it has another owner.
    """
    row = (await connection.execute(select_webhooks().where(_is(webhook_id, owner)))).mappings().first()
    if row is None:
        message = f"There is no endpoint {webhook_id!r}."
        raise reject(message, code="not_found", hint="GET /api/webhooks lists them.", status=404)
    return to_webhook(dict(row))


async def change_webhook(
    connection: AsyncConnection, principal: Principal, webhook_id: str, owner: str | None, fields: Mapping[str, Any]
) -> Webhook:
    """
    Change an endpoint. Events that come later go by the new values, and so do the attempts of earlier ones.

    Args:
        connection: A transaction that writes.
        principal: Who changes it. An endpoint whose key or account cannot be used any more, and that is made active,
            is then that of the principal.
        webhook_id: Its id.
        owner: Who must own it; None for any owner.
        fields: Those of `create_webhook` that change, and ``state``: ``"active"`` or ``"paused"``. An endpoint that is
            made active gets requests at once.

    Raises:
        ProblemError: 403: its key or account may not see what the fields choose, or the principal may not see what
            the endpoint then gets; see `budwood_server.webhooks.permissions.check_access`. 404: see `find_webhook`.
            409: another endpoint of the owner has the name.
    """
    webhook = await find_webhook(connection, webhook_id, owner)
    values = {**_to_columns(fields), "version": await raise_version(connection, SUBJECT), "changed": time.time()}
    if fields.get("state") == "active":
        values |= {"reason": None, "failures": 0, "open_until": 0.0}
        if not webhook.has_principal:
            name = await find_free_name(connection, principal.owner, webhook.name, webhook_id=webhook_id)
            values = {"name": name, **values, **_owned_by(principal)}
    if "name" in fields:
        await check_name(connection, values.get("owner", webhook.owner), fields["name"], webhook_id=webhook_id)
    await connection.execute(update(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id).values(**values))
    changed = await find_webhook(connection, webhook_id, None)
    check_choices(changed, fields)
    if fields != PAUSE:
        check_access(changed, principal)
    return changed


async def delete_webhook(connection: AsyncConnection, webhook_id: str, owner: str | None) -> Webhook:
    """
    Delete an endpoint with its secrets and deliveries, and return what it was.

    Raises:
        ProblemError: 404: see `find_webhook`.
    """
    webhook = await find_webhook(connection, webhook_id, owner)
    await raise_version(connection, SUBJECT)
    await connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id))
    return webhook


async def rotate_secret(
    connection: AsyncConnection, keys: MasterKeys, webhook_id: str, owner: str | None, overlap: float = OVERLAP_SECONDS
) -> str:
    """
    Create a new secret of an endpoint, and return it. The present one signs beside it for some seconds.

    Raises:
        ProblemError: 404: see `find_webhook`.
    """
    await find_webhook(connection, webhook_id, owner)
    await raise_version(connection, SUBJECT)
    now = time.time()
    await expire_secrets(connection, webhook_id, now + overlap)
    secret = create_secret()
    await add_secret(connection, keys, webhook_id, secret, now)
    return secret


async def list_webhooks(
    connection: AsyncConnection,
    owner: str | None,
    *,
    after: tuple[float, str] | None = None,
    limit: int | None = None,
) -> Sequence[Webhook]:
    """
    Return endpoints, the newest first.

    Args:
        connection: A transaction.
        owner: Those of this owner; None for all.
        after: When the last one of the page before was created, in seconds since 1970, and its id.
        limit: The maximum number.
    """
    query = select_webhooks().order_by(*_ORDER).limit(limit)
    if owner is not None:
        query = query.where(WEBHOOKS.c.owner == owner)
    if after is not None:
        query = query.where(tuple_(WEBHOOKS.c.created, WEBHOOKS.c.id) < after)
    return [to_webhook(dict(row)) for row in (await connection.execute(query)).mappings()]


async def replay_delivery(connection: AsyncConnection, webhook: Webhook, delivery_id: int) -> bool:
    """Send the event of a delivery again, by the schedule from its start. Return whether there is such a delivery."""
    is_this = and_(DELIVERIES.c.webhook == webhook.id, DELIVERIES.c.id == delivery_id)
    return (await connection.execute(_replay().where(is_this))).rowcount == 1


async def replay_since(connection: AsyncConnection, webhook: Webhook, since: float) -> int:
    """
    Send all events since a moment again that an endpoint gets, also those from before it was created.

    Those that are on their way are left alone. Others that write wait meanwhile, so it is few statements.

    Args:
        connection: A transaction that writes.
        webhook: The endpoint.
        since: The moment in seconds since 1970.

    Returns:
        The number of events.

    Raises:
        ProblemError: 409: its key or account cannot be used any more.
    """
    if not webhook.has_principal:
        hint = "Make the endpoint active: it is then yours, and gets the events that you may see."
        raise reject(f"The endpoint is disabled. {webhook.reason}", code="webhook_disabled", hint=hint, status=409)
    is_replayed = _select_replayed(webhook, since)
    places = select(EVENTS.c.place).where(is_replayed)
    is_one = and_(DELIVERIES.c.webhook == webhook.id, DELIVERIES.c.place.in_(places))
    await connection.execute(_replay().where(is_one))
    await add_past_deliveries(connection, webhook.id, is_replayed)
    count: int = (await connection.execute(select(func.count()).select_from(EVENTS).where(is_replayed))).scalar_one()
    return count


def _select_replayed(webhook: Webhook, since: float) -> ColumnElement[bool]:
    """Return the condition that an event is one since a moment that an endpoint gets, as `EventFilter.accepts` says."""
    selected = webhook.filter
    conditions = [EVENTS.c.place.is_not(None), EVENTS.c.time >= since, EVENTS.c.type.in_(selected.types)]
    if selected.owner is not None:
        conditions.append(EVENTS.c.owner == selected.owner)
    if selected.subjects is not None:
        conditions.append(EVENTS.c.subject.in_(selected.subjects))
    return and_(*conditions)


def _replay() -> Any:  # noqa: ANN401 - a statement of SQLAlchemy
    """Return the statement that has deliveries sent again, unless a request is under way."""
    now = time.time()
    is_idle = or_(DELIVERIES.c.state != "sending", DELIVERIES.c.due <= now)
    values = {"state": "waiting", "due": now, "queued": now, "earlier": DELIVERIES.c.attempts, "finished": None}
    return update(DELIVERIES).where(is_idle).values(**values)


def _owned_by(principal: Principal) -> dict[str, str]:
    """Return the columns of an endpoint that say whose it is."""
    return {"owner": principal.owner, "principal_kind": principal.kind, "principal_id": principal.id}


def _is(webhook_id: str, owner: str | None) -> Any:  # noqa: ANN401 - a condition of SQLAlchemy
    is_this = WEBHOOKS.c.id == webhook_id
    return is_this if owner is None else and_(is_this, WEBHOOKS.c.owner == owner)


def _to_columns(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields as the table has them."""
    columns = dict(fields)
    for name in ("types", "subjects"):
        if columns.get(name) is not None:
            columns[name] = sorted(columns[name])
    for name in ("sees_all", "with_texts"):
        if name in columns:
            columns[name] = int(columns[name])
    return columns
