"""Create the deliveries of events, in the transaction that gives the events their places."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database.changes import note_change
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import DELIVERIES, EVENTS, WEBHOOKS
from budwood_server.events.reading import Event
from budwood_server.webhooks.principals import select_webhooks
from budwood_server.webhooks.records import Webhook, to_webhook


async def fan_out(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """
    Create a delivery of each event for each endpoint that gets it. Endpoints that are paused get theirs later.

    Patterns such as ``*`` name the types of this version of the server, and only those that an endpoint may get now.

    Args:
        connection: The transaction that gives the events their places.
        events: The events.
    """
    query = select_webhooks().where(WEBHOOKS.c.state != "disabled")
    webhooks = [to_webhook(dict(row)) for row in (await connection.execute(query)).mappings()]
    await add_deliveries(connection, webhooks, events)


async def add_deliveries(connection: AsyncConnection, webhooks: Iterable[Webhook], events: Sequence[Event]) -> None:
    """Create deliveries of events for endpoints that get them, unless they exist."""
    now = time.time()
    filters = [(webhook.id, webhook.filter) for webhook in webhooks]
    rows = [_to_row(webhook, event, now) for event in events for webhook, wanted in filters if wanted.accepts(event)]
    if rows:
        await connection.execute(insert_into(connection, DELIVERIES).on_conflict_do_nothing(), rows)
        note_change(connection, DELIVERIES.name)


async def add_past_deliveries(connection: AsyncConnection, webhook: str, condition: ColumnElement[bool]) -> None:
    """
    Create deliveries of events that have their places for an endpoint, unless they exist. No event is read.

    Args:
        connection: A transaction that writes.
        webhook: The id of the endpoint.
        condition: Which of `EVENTS`.
    """
    values = {"webhook": webhook, **_start(time.time())}
    columns = [literal(value, DELIVERIES.c[name].type) for name, value in values.items()]
    query = select(*columns, EVENTS.c.place, EVENTS.c.type).where(condition).order_by(EVENTS.c.place)
    insert = insert_into(connection, DELIVERIES).from_select([*values, "place", "type"], query)
    await connection.execute(insert.on_conflict_do_nothing())
    note_change(connection, DELIVERIES.name)


def _to_row(webhook: str, event: Event, now: float) -> dict[str, Any]:
    return {"webhook": webhook, "place": event.place, "type": event.type, **_start(now)}


def _start(now: float) -> dict[str, Any]:
    """Return the columns of a delivery that has not been tried."""
    return {"state": "waiting", "due": now, "attempts": 0, "earlier": 0, "created": now, "queued": now}
