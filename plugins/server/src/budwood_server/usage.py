"""Records of calls in the database of the server."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.types import RequestFinished
from budwood_usage.collector import EVENTS, Collector
from budwood_usage.database import add, find_calls, prune, read_dropped, sum_calls
from budwood_usage.retention import Retention
from budwood_usage.rows import make_rows

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from budwood.contracts import Clock
    from budwood.types import CallFilter, CallRecord, Observation, UsageTotals
    from budwood_server.events.calls import CallEvents

WRITE_SECONDS: Final = 0.2
"""Seconds for which a record waits at most, while the database works."""

MAX_WAITING: Final = 100_000
"""The number of records that wait while the database fails. Further ones are dropped, and counted."""

BATCH: Final = 512
"""The maximum number of records of one transaction."""

MAX_PAUSE: Final = 10.0
"""Seconds between two attempts to write to a database that fails. They double up to the maximum."""

STOP_SECONDS: Final = 5.0
"""Seconds for which the end of the server waits for the last records."""


class UsageRecorder:
    """
    An observer that records every call in the database of the server, by a task on its event loop.

    Any thread may call `observe`. The tables must exist: `budwood_usage.database.upgrade` creates them.

    Args:
        engine: The database.
        clock: The clock for the time of calls, and for retention.
        retention_days: The days after which records are removed; None to keep them.
        events: Writes the events of calls with their records, or None.
    """

    event_types: Final = EVENTS

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        retention_days: float | None = None,
        *,
        events: CallEvents | None = None,
    ) -> None:
        self._engine = engine
        self._events = events
        self._collector = Collector(clock)
        self._retention = Retention(clock, retention_days)
        self._waiting: deque[tuple[Any, ...]] = deque()  # rows
        self._dropped: deque[None] = deque()  # its length is a counter that threads may change at once
        self._writing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0

    def observe(self, event: Observation) -> None:
        """
        Collect a call that has ended. It does no I/O.

        Its row is made at once: many of them later would hold up requests, or the task would wait between them.
        """
        ended = self._collector.collect(event)
        if ended is None:
            return
        rows, _ = make_rows((ended,))
        if rows and len(self._waiting) < MAX_WAITING:
            if self._events is not None and self._events.texts.owners and isinstance(event, RequestFinished):
                self._events.texts.keep(rows[0], event)
            self._waiting += rows
        else:
            self._dropped.append(None)

    def start(self) -> None:
        """Start to write records, in a task of the running event loop."""
        self._stopping.clear()
        self._task = asyncio.create_task(self._write_until_stopped(), name="budwood usage")

    async def stop(self) -> None:
        """Write the last records, for at most `STOP_SECONDS`, and end the task. Later records wait for `flush`."""
        task, self._task = self._task, None
        self._stopping.set()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                if task is not None:
                    await task
                await self.flush()
        except TimeoutError:
            pass
        if self._waiting:
            logs.emit("usage records not written", level="warning", waiting=len(self._waiting))

    async def flush(self) -> bool:
        """Write what has been collected. Return whether the database has accepted it; if not, it is kept."""
        async with self._writing:
            while self._waiting or self._dropped:
                try:
                    await self._write_batch()
                except Exception as error:  # noqa: BLE001 - the task must go on whatever the driver raises
                    self._report(error)
                    return False
                if self._failures:
                    self._failures = 0
                    logs.emit("usage store works again", level="info")
            return True

    async def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """
        Return the sums over groups of calls that are written; see `budwood.contracts.UsageStore`.

        Raises:
            ValueError: Calls cannot be grouped by one of the names.
            SQLAlchemyError: The database cannot be read.
        """
        async with self._engine.connect() as connection:
            return await connection.run_sync(sum_calls, by, where)

    async def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """
        Return records that are written; see `budwood.contracts.UsageStore`.

        Raises:
            SQLAlchemyError: The database cannot be read.
        """
        async with self._engine.connect() as connection:
            return await connection.run_sync(find_calls, where, after=after, limit=limit)

    async def dropped(self) -> int:
        """
        Return how many calls were not recorded, by any process.

        Raises:
            SQLAlchemyError: The database cannot be read.
        """
        async with self._engine.connect() as connection:
            return await connection.run_sync(read_dropped) + len(self._dropped)

    async def _write_until_stopped(self) -> None:
        while not self._stopping.is_set():
            await self._sleep(min(WRITE_SECONDS * 2**self._failures, MAX_PAUSE))
            if await self.flush():
                await self._prune()

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _write_batch(self) -> None:
        """
        Write the oldest records. They wait until the transaction is committed.

        A power of two of them is one statement. Each statement more waits for a turn of the event loop, and a busy
        server would collect calls faster than it writes them.
        """
        waiting, counted = self._waiting, len(self._dropped)
        size = min(len(waiting), BATCH)
        size = 1 << (size.bit_length() - 1) if size else 0
        batch = [waiting[index] for index in range(size)]
        async with self._engine.begin() as connection:
            await connection.run_sync(add, batch, counted)
            if self._events is not None:
                await self._events.record(connection, batch)
        if self._events is not None:
            self._events.texts.forget(batch)
        for _ in batch:
            waiting.popleft()
        for _ in range(counted):
            self._dropped.popleft()

    async def _prune(self) -> None:
        """Remove old records, once an hour."""
        before = self._retention.due()
        if before is None:
            return
        try:
            async with self._engine.begin() as connection:
                count = await connection.run_sync(prune, before)
        except Exception as error:  # noqa: BLE001 - as in `flush`
            self._report(error)
        else:
            self._retention.removed(count)

    def _report(self, error: Exception) -> None:
        """Log the first failure. The texts of drivers may quote values of rows."""
        self._failures += 1
        if self._failures == 1:
            cause = getattr(error, "orig", None) or error
            logs.emit("usage store failed", level="warning", error=type(cause).__name__, waiting=len(self._waiting))
