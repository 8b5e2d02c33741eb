"""Let all workers know that streams of this process want an event for each call."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete

from budwood import logs
from budwood_server.database import INTERESTS, DatabaseError, raise_version
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import EVENT_INTERESTS

if TYPE_CHECKING:
    from budwood_server.database import Database

RENEW_SECONDS: Final = 30.0
"""Seconds between two times that the row is renewed, or removed if no stream wants events of calls any more."""

LEASE_SECONDS: Final = 120.0
"""Seconds after which the row of a process that was killed counts no more."""


class Interests:
    """
    Keeps a row in the table of interests while streams of this process want events of calls.

    Args:
        database: The database.
        worker: Identifies this process.
        notice: Lets this process know at once; the others notice the version.
    """

    def __init__(self, database: Database, worker: str, notice: Callable[[], Awaitable[None]]) -> None:
        self._database = database
        self._worker = worker
        self._notice = notice
        self._count = 0
        self._owners: Counter[str] = Counter()  # of texts
        self._written: frozenset[str] = frozenset()
        self._has_row = False
        self._turns = asyncio.Lock()

    async def add(self, text_owner: str | None = None) -> None:
        """
        Count a stream that wants events of calls. They are written from now on, in this process at once.

        Args:
            text_owner: The owner of the calls whose texts it gets, or `ALL`; None if it gets none.

        Raises:
            DatabaseError: The database cannot be used. The stream is not counted.
        """
        async with self._turns:
            wanted = self._find_owners() | ({text_owner} if text_owner is not None else set())
            if not self._has_row or not wanted <= self._written:
                await self._write(frozenset(wanted))
                await self._notice()
            self._count += 1
            if text_owner is not None:
                self._owners[text_owner] += 1

    def remove(self, text_owner: str | None = None) -> None:
        """Count a stream less. Events are written for a while, because it may be opened again."""
        self._count -= 1
        if text_owner is not None:
            self._owners[text_owner] -= 1

    def _find_owners(self) -> set[str]:
        return {owner for owner, count in self._owners.items() if count > 0}

    async def run(self) -> None:
        """Renew the row, or remove it, until the task is cancelled."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.renew()
            except DatabaseError as error:
                logs.emit("interest in events not renewed", level="warning", reason=str(error))

    async def renew(self) -> None:
        """
        Renew the row if streams want events of calls; else remove it.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._turns:
            if self._count:
                self._owners = +self._owners  # those that are counted
                await self._write(frozenset(self._owners))
            elif self._has_row:
                await self._delete()

    async def close(self) -> None:
        """Remove the row, if the database can be used; else it ends after its time."""
        try:
            if self._has_row:
                await self._delete()
        except DatabaseError as error:
            logs.emit("interest in events not removed", level="warning", reason=str(error))

    async def _write(self, owners: frozenset[str]) -> None:
        values = {"worker": self._worker, "texts": sorted(owners), "expires": time.time() + LEASE_SECONDS}
        async with self._database.write() as connection:
            statement = insert_into(connection, EVENT_INTERESTS).values(values)
            changed = {name: values[name] for name in ("texts", "expires")}
            await connection.execute(statement.on_conflict_do_update(index_elements=["worker"], set_=changed))
            if not self._has_row or owners != self._written:
                await raise_version(connection, INTERESTS)
        self._has_row, self._written = True, owners

    async def _delete(self) -> None:
        async with self._database.write() as connection:
            await connection.execute(delete(EVENT_INTERESTS).where(EVENT_INTERESTS.c.worker == self._worker))
            await raise_version(connection, INTERESTS)
        self._has_row = False
