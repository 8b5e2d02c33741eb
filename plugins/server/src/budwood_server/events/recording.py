"""Write events in the transaction of what they tell."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database.changes import note_change
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import EVENTS


@dataclass(frozen=True, slots=True)
class NewEvent:
    """
    An event that has no place in the order of events yet.

    Attributes:
        type: One of `budwood_server.events.event_types.EVENT_TYPES`.
        subject: The id of what it is about, such as a key.
        data: What happened, as JSON, without texts of prompts and replies and without secrets.
        owner: Who owns what it is about: only the owner, and those who see everything, see the event. None for events
            that only these see.
        texts: Texts of prompts and replies, which only those see who may and want to.
        time: When it happened, in seconds since 1970.
    """

    type: str
    subject: str
    data: Mapping[str, Any]
    owner: str | None = None
    texts: Mapping[str, Any] | None = field(default=None, repr=False)
    time: float = field(default_factory=time.time)

    def to_row(self) -> dict[str, Any]:
        """Return the values of its row."""
        return {
            "type": self.type,
            "subject": self.subject,
            "owner": self.owner,
            "time": self.time,
            "data": dict(self.data),
            "texts": None if self.texts is None else dict(self.texts),
        }


async def record_events(connection: AsyncConnection, events: Sequence[NewEvent]) -> None:
    """
    Write events. They get their places in the order of events after the commit; see `Sequencer`.

    An event of a call that was written before, because a commit was not confirmed, is left alone.

    Args:
        connection: The transaction of what they tell.
        events: The events.
    """
    if events:
        statement = insert_into(connection, EVENTS).on_conflict_do_nothing()
        await connection.execute(statement, [event.to_row() for event in events])
        note_change(connection, EVENTS.name)
