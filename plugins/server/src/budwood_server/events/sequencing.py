"""
Give committed events their places in one order.

The keys of rows do not tell in which order transactions were committed: with PostgreSQL, a reader that has seen the row
7 would miss the row 6 if that is committed later. So a row gets its place after its commit, and readers go by places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from sqlalchemy import bindparam, exists, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood import logs
from budwood_server.database import EVENTS as SUBJECT
from budwood_server.database import Database, DatabaseError, raise_version
from budwood_server.database.tables import EVENTS
from budwood_server.events.counts import EventCounts
from budwood_server.events.reading import Event, select_events, to_event
from budwood_server.events.waiting import wait_for_work

BATCH: Final = 1000
"""The maximum number of events that get their places in one transaction."""

_LOCK: Final = 0x62776576
"""The advisory lock of PostgreSQL for those who give places."""


Receive = Callable[[AsyncConnection, Sequence[Event]], Awaitable[None]]
"""Takes part in the transaction that gives events their places. The events are in their order."""


class Sequencer:
    """
    Gives committed events their places, and raises the version of ``events`` to the last place.

    Every process may have one; one of them at a time does the work.

    Args:
        database: The database.
        receive: Is told of the events, in the same transaction.
        poll: Seconds between two looks for new events.
        counts: Where events that have got their places are counted.
    """

    def __init__(self, database: Database, receive: Receive, *, poll: float, counts: EventCounts | None = None) -> None:
        self._database = database
        self._receive = receive
        self._poll = poll
        self._counts = counts or EventCounts()
        self._wake = asyncio.Event()
        self._has_failed = False

    def wake(self) -> None:
        """Look for new events at once, because some were committed."""
        self._wake.set()

    async def run(self) -> None:
        """Give places until the task is cancelled."""
        while True:
            try:
                while await self.assign() == BATCH:
                    pass
                self._has_failed = False
            except Exception as error:  # noqa: BLE001 - it must go on, or events wait for ever
                if not self._has_failed:
                    logs.emit("events not ordered", level="warning", reason=_describe(error))
                self._has_failed = True
            await wait_for_work(self._wake, self._poll)

    async def assign(self) -> int:
        """
        Give events that are committed their places, at most `BATCH`. Return their number.

        Raises:
            DatabaseError: The database cannot be used. No event has got a place.
        """
        if not await self._has_new():
            return 0
        async with self._database.write() as connection:
            if self._database.is_postgresql:  # SQLite has one writer at a time
                await _lock(connection)
            query = select_events().where(EVENTS.c.place.is_(None)).order_by(EVENTS.c.id).limit(BATCH)
            rows = (await connection.execute(query)).mappings().all()
            if not rows:
                return 0
            last = await raise_version(connection, SUBJECT, len(rows))
            places = range(last - len(rows) + 1, last + 1)
            given = [{"row": row["id"], "given": place} for row, place in zip(rows, places, strict=True)]
            change = update(EVENTS).where(EVENTS.c.id == bindparam("row")).values(place=bindparam("given"))
            await connection.execute(change, given)
            events = [to_event({**row, "place": place}) for row, place in zip(rows, places, strict=True)]
            await self._receive(connection, events)
        self._counts.ordered.update(event.type for event in events)
        return len(rows)

    async def _has_new(self) -> bool:
        async with self._database.read() as connection:
            return bool((await connection.execute(select(exists().where(EVENTS.c.place.is_(None))))).scalar())


async def _lock(connection: AsyncConnection) -> None:
    """
    Take the lock until the end of the transaction, once no other process has it.

    The other one may have looked already when the events of this process were committed, so it does not suffice.
    """
    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _describe(error: Exception) -> str:
    """Return the text of an error of the database, and only the name of others: their texts may have data."""
    return str(error) if isinstance(error, DatabaseError) else type(error).__name__
