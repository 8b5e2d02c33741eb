"""Notice what other processes change: keys, tokens, the configuration."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from budwood.logs import emit
from budwood_server.database.address import Address
from budwood_server.database.engine import Database, connect_postgresql
from budwood_server.database.failures import is_database_failure, to_database_error
from budwood_server.database.versions import CHANNEL, read_versions

POLL_SECONDS: Final = 0.25
_QUERY: Final = "SELECT subject, version FROM budwood_versions"

Callback = Callable[[], Awaitable[None]]


class VersionWatch:
    """
    Polls the versions of subjects, and awaits callbacks when one has changed.

    A callback that fails is awaited again at the next poll. While the database cannot be reached, nothing is noticed.

    Args:
        database: The database.
        interval: Seconds between two polls. PostgreSQL also announces changes at once.
    """

    def __init__(self, database: Database, *, interval: float = POLL_SECONDS) -> None:
        self._database = database
        self._source = _open_source(database)
        self._interval = interval
        self._callbacks: dict[str, list[Callback]] = {}
        self._seen: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._turns = asyncio.Lock()
        self._has_failed = False

    def subscribe(self, subject: str, callback: Callback) -> None:
        """Await a callback after each change of a subject; several changes may be one call."""
        self._callbacks.setdefault(subject, []).append(callback)

    async def start(self) -> None:
        """
        Read the present versions, and poll from then on in a task. Load what they stand for after this.

        Raises:
            DatabaseError: The database cannot be used.
        """
        self._seen = dict(await self._source.read() or {})
        self._task = asyncio.create_task(self._run(), name="budwood-version-watch")

    async def check(self) -> None:
        """
        Poll once.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._turns:
            found = await self._source.read()
            for subject, version in (found or {}).items():
                if version != self._seen.get(subject):
                    for callback in self._callbacks.get(subject, ()):
                        await callback()
                    self._seen[subject] = version

    async def close(self) -> None:
        """Stop polling."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._source.close()

    async def _run(self) -> None:
        while True:
            await self._source.wait(self._interval)
            try:
                await self.check()
                self._has_failed = False
            except Exception as error:  # noqa: BLE001 - it must go on, since revoked keys are noticed here
                self._source.forget()
                if not self._has_failed:
                    emit("version poll failed", level="warning", error=str(error))
                self._has_failed = True


class _Source(Protocol):
    """Where versions are read."""

    async def read(self) -> Mapping[str, int] | None:
        """Return the versions; None if nothing can have changed since the last time."""

    async def wait(self, seconds: float) -> None:
        """Wait until the next poll."""

    def forget(self) -> None:
        """Read again at the next poll, although nothing may have changed."""

    async def close(self) -> None:
        """Close what is open."""


def _open_source(database: Database) -> _Source:
    if database.is_postgresql:
        return _PostgreSQLSource(database.address)
    if database.address.path is not None:
        return _SQLiteSource(database.address, database.address.path)
    return _MemorySource(database)


class _MemorySource:
    """Reads from a database in memory, which has one connection."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> Mapping[str, int] | None:
        async with self._database.read() as connection:
            return await read_versions(connection)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def forget(self) -> None:
        """Do nothing: it always reads."""

    async def close(self) -> None:
        """Do nothing: the connection belongs to the database."""


class _SQLiteSource(_MemorySource):
    """
    Reads from a connection of its own, and only after another connection has committed.

    ``PRAGMA data_version`` takes some microseconds, and reading in WAL mode waits for no writer, so that both run in
    the event loop: threads would cost more.
    """

    def __init__(self, address: Address, path: Path) -> None:
        self._address = address
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._data_version: int | None = None

    async def read(self) -> Mapping[str, int] | None:
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._path.as_uri()}?mode=rw", timeout=0, isolation_level=None, uri=True
                )
            (data_version,) = self._connection.execute("PRAGMA data_version").fetchone()
            if data_version == self._data_version:
                return None
            versions = dict(self._connection.execute(_QUERY).fetchall())
        except sqlite3.Error as error:
            self.forget()
            raise to_database_error(error, self._address) from None
        self._data_version = data_version
        return versions

    def forget(self) -> None:
        self._data_version = None

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _PostgreSQLSource:
    """Reads from a connection of its own, which also listens for announcements."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Any = None
        self._is_announced = asyncio.Event()

    async def read(self) -> Mapping[str, int] | None:
        self._is_announced.clear()
        try:
            if self._connection is None:
                self._connection = await connect_postgresql(self._address)
                await self._connection.add_listener(CHANNEL, self._announce)
            return {row[0]: row[1] for row in await self._connection.fetch(_QUERY, timeout=5.0)}
        except Exception as error:
            if not is_database_failure(error):
                raise
            failure = to_database_error(error, self._address)
        await self.close()
        raise failure

    def _announce(self, *_: object) -> None:
        self._is_announced.set()

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for of Python 3.11 loses a cancellation with an announcement
                await self._is_announced.wait()

    def forget(self) -> None:
        """Do nothing: it always reads."""

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken; then there is nothing to close
                await connection.close(timeout=1.0)
