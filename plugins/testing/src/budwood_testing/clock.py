"""Clocks for tests: time passes only when code sleeps, or when the test advances it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator


class FakeClock:
    """
    A clock on which sleeping returns immediately; see `budwood.contracts.Clock`. It is thread-safe.

    Waiting for an event or a future does not advance the time: it ends when the event is set or the future is done, or
    when other code has slept past the deadline.

    Attributes:
        slept: The duration of each sleep, in seconds.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self.slept: list[float] = []
        self._now = start
        self._changed = threading.Condition()
        self._timers: dict[Callable[[], object], float] = {}

    @property
    def now(self) -> float:
        """The value of `monotonic`. Setting it ends waits whose deadline has passed."""
        return self._now

    @now.setter
    def now(self, moment: float) -> None:
        self.advance(moment - self._now)

    def advance(self, seconds: float) -> None:
        """Advance the time."""
        with self._changed:
            self._now += seconds
            due = [wake for wake, deadline in self._timers.items() if deadline <= self._now]
            for wake in due:
                del self._timers[wake]
        for wake in due:
            wake()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point in time."""
        return self._now

    def time(self) -> float:
        """Return seconds since 1970."""
        return 1_700_000_000.0 + self._now

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Advance the time, and return immediately."""
        self.slept.append(seconds)
        self.advance(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Advance the time, and return immediately."""
        self.sleep(seconds)

    def wait(self, event: threading.Event, deadline: float) -> None:
        """Wait until the event is set or the time reaches ``deadline``."""
        with self._timer(event.set, deadline):
            event.wait()

    async def wait_async(self, future: asyncio.Future[None], deadline: float) -> None:
        """Wait until the future is done or the time reaches ``deadline``."""
        loop = asyncio.get_running_loop()
        due: asyncio.Future[None] = loop.create_future()
        with self._timer(lambda: loop.call_soon_threadsafe(_resolve, due), deadline):
            await asyncio.wait((future, due), return_when=asyncio.FIRST_COMPLETED)

    @contextlib.contextmanager
    def _timer(self, wake: Callable[[], object], deadline: float) -> Iterator[None]:
        """Call a function when the time reaches the deadline, within a ``with`` block."""
        with self._changed:
            is_due = deadline <= self._now
            if not is_due:
                self._timers[wake] = deadline
                self._changed.notify_all()
        if is_due:
            wake()
        try:
            yield
        finally:
            with self._changed:
                self._timers.pop(wake, None)
                self._changed.notify_all()


class ManualClock(FakeClock):
    """
    A clock that only `advance` moves, for tests of what happens during a sleep.

    Sleeping blocks until the test has advanced the time far enough.
    """

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Block until the time has advanced by ``seconds``, or ``wake`` is set."""
        self.slept.append(seconds)
        self.wait(wake or threading.Event(), self._now + seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait until the time has advanced by ``seconds``."""
        self.slept.append(seconds)
        await self.wait_async(asyncio.get_running_loop().create_future(), self._now + seconds)

    def wait_for_sleepers(self, count: int) -> None:
        """Wait until exactly ``count`` threads and tasks sleep or wait on this clock."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._timers) == count)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
