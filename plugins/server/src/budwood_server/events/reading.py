"""Read events in their order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database.tables import EVENTS
from budwood_server.web.problems import reject

_PREFIX: Final = "evt_"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Event:
    """
    An event with its place in the order of events.

    Attributes:
        place: Its place: a number that grows from event to event, without gaps.
        type: One of `budwood_server.events.event_types.EVENT_TYPES`.
        time: When it happened, in seconds since 1970.
        subject: The id of what it is about.
        owner: Who owns that; None if only those see the event who see everything.
        data: What happened.
        texts: Texts of prompts and replies; None if it has none, or they were not read.
    """

    place: int
    type: str
    time: float
    subject: str
    owner: str | None
    data: Mapping[str, Any]
    texts: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """Its public id. Later events have greater ids, also as texts."""
        return format_id(self.place)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """
    Which events a webhook, a stream or a list gets.

    Attributes:
        types: Their types.
        owner: Only events of this owner; None for those of all owners.
        subjects: Only events about these; None for all.
        values: Only events whose data has one of these values in a field.
    """

    types: frozenset[str]
    owner: str | None = None
    subjects: frozenset[str] | None = None
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def accepts(self, event: Event) -> bool:
        """Tell whether it selects an event."""
        is_visible = self.owner is None or event.owner == self.owner
        has_subject = self.subjects is None or event.subject in self.subjects
        has_values = all(event.data.get(name) in values for name, values in self.values.items())
        return event.type in self.types and is_visible and has_subject and has_values


def format_id(place: int) -> str:
    """Return the public id of the event at a place."""
    return f"{_PREFIX}{place:0{_DIGITS}d}"


def parse_id(text: str, *, param: str = "after") -> int:
    """
    Return the place of the event with a public id; of ``0``, the place before the first.

    Raises:
        ProblemError: 400: it is no id of an event.
    """
    digits = text.removeprefix(_PREFIX)
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
        raise reject(
            f"{text!r} is no id of an event.",
            param=param,
            hint="Send the id of the last event, such as evt_0…042, or 0.",
        )
    return int(digits)


def to_event(row: Mapping[str, Any]) -> Event:
    """Return the event of a row."""
    return Event(
        place=row["place"],
        type=row["type"],
        time=row["time"],
        subject=row["subject"],
        owner=row["owner"],
        data=row["data"],
        texts=row.get("texts"),
    )


def select_events(*, with_texts: bool = False) -> Select[Any]:
    """Return the query for events, whose rows `to_event` takes."""
    return select(*[column for column in EVENTS.c if with_texts or column is not EVENTS.c.texts])


async def read_events(
    connection: AsyncConnection,
    after: int = 0,
    *,
    limit: int | None = None,
    until: int | None = None,
    places: Collection[int] | None = None,
    types: Collection[str] | None = None,
    owner: str | None = None,
    with_texts: bool = False,
) -> Sequence[Event]:
    """
    Return events in their order.

    Args:
        connection: A transaction.
        after: The place after which they begin.
        limit: The maximum number; None for all.
        until: The last place; None for no end.
        places: Only those at these places.
        types: Only these types.
        owner: Only events of this owner.
        with_texts: Whether they have texts, which may be long.
    """
    query = select_events(with_texts=with_texts).where(EVENTS.c.place > after).order_by(EVENTS.c.place).limit(limit)
    if until is not None:
        query = query.where(EVENTS.c.place <= until)
    if places is not None:
        query = query.where(EVENTS.c.place.in_(places))
    if types is not None:
        query = query.where(EVENTS.c.type.in_(types))
    if owner is not None:
        query = query.where(EVENTS.c.owner == owner)
    return [to_event(dict(row)) for row in (await connection.execute(query)).mappings()]


async def find_range(connection: AsyncConnection) -> tuple[int, int]:
    """Return the first and the last place of the events that are kept; (0, 0) without any."""
    query = select(func.min(EVENTS.c.place), func.max(EVENTS.c.place))
    first, last = (await connection.execute(query)).one()
    return first or 0, last or 0
