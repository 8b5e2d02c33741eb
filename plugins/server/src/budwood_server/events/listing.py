"""Lists of events in either order, by their types, their subject and when they happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.api_models.events import Order
from budwood_server.database.tables import EVENTS
from budwood_server.events.reading import Event, select_events, to_event


@dataclass(frozen=True, slots=True)
class EventQuery:
    """
    Which events a list has.

    Attributes:
        types: Their types.
        subject: Only events about this; None for all.
        since: Only events that happened at this moment or later, in seconds since 1970; None for all.
        until: Only events that happened before this moment; None for all.
        owner: Only events of this owner; None for those of all owners.
    """

    types: frozenset[str]
    subject: str | None = None
    since: float | None = None
    until: float | None = None
    owner: str | None = None


async def list_events(
    connection: AsyncConnection,
    where: EventQuery,
    order: Order,
    *,
    after: int = 0,
    before: int | None = None,
    limit: int,
) -> Sequence[Event]:
    """
    Return events.

    Args:
        connection: A transaction.
        where: Which events.
        order: Which of them come first.
        after: Only those after this place.
        before: Only those before this place; None for all.
        limit: The maximum number.
    """
    place = EVENTS.c.place
    query = select_events().where(place > after, EVENTS.c.type.in_(where.types))
    if before is not None:
        query = query.where(place < before)
    if where.subject is not None:
        query = query.where(EVENTS.c.subject == where.subject)
    if where.since is not None:
        query = query.where(EVENTS.c.time >= where.since)
    if where.until is not None:
        query = query.where(EVENTS.c.time < where.until)
    if where.owner is not None:
        query = query.where(EVENTS.c.owner == where.owner)
    query = query.order_by(place if order == "oldest" else place.desc()).limit(limit)
    return [to_event(dict(row)) for row in (await connection.execute(query)).mappings()]
