"""Read past events part by part, and notice which of them were removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database.tables import EVENTS
from budwood_server.events.reading import Event, EventFilter, read_events

PLACES: Final = 500
"""The maximum number of places of a page."""

TEXT_PLACES: Final = 50
"""That of a page with texts, which may be long."""


class Page(NamedTuple):
    """
    A part of the order of events.

    Attributes:
        last: Its last place.
        events: The events that a filter selects.
        removed: The number of its places whose events are not kept any more, whether the filter would select them or
            not.
    """

    last: int
    events: Sequence[Event]
    removed: int


async def read_page(
    connection: AsyncConnection, selected: EventFilter, after: int, until: int, *, with_texts: bool = False
) -> Page:
    """
    Return the page after a place.

    Args:
        connection: A transaction.
        selected: Which events it has.
        after: The place.
        until: The last place that a page may have.
        with_texts: Whether its events have texts.
    """
    last = min(after + (TEXT_PLACES if with_texts else PLACES), until)
    kept = select(func.count()).where(EVENTS.c.place > after, EVENTS.c.place <= last)
    count: int = (await connection.execute(kept)).scalar_one()
    if not count:
        following = select(func.min(EVENTS.c.place)).where(EVENTS.c.place > last, EVENTS.c.place <= until)
        found: int | None = (await connection.execute(following)).scalar_one()
        last = until if found is None else found - 1
        return Page(last, (), last - after)
    events = await read_events(
        connection, after, until=last, types=selected.types, owner=selected.owner, with_texts=with_texts
    )
    return Page(last, [event for event in events if selected.accepts(event)], last - after - count)
