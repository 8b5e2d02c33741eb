"""The real time."""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

_SIGNAL_SECONDS = 0.5
"""A thread that waits for an event may miss Control-C, and on Windows always does. It looks for it this often."""


class SystemClock:
    """The process's clocks; see `budwood.contracts.Clock`."""

    monotonic = staticmethod(time.monotonic)
    """Return the seconds since some moment; never goes back."""

    time = staticmethod(time.time)
    """Return the seconds since 1970."""

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Wait, blocking the thread; no longer than until ``wake`` is set."""
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(min(seconds, threading.TIMEOUT_MAX))

    def wait(self, event: threading.Event, deadline: float) -> None:
        """Wait, blocking the thread, until the event is set, at most until ``deadline``."""
        while not event.is_set() and (left := deadline - time.monotonic()) > 0:
            event.wait(min(left, _SIGNAL_SECONDS))

    async def sleep_async(self, seconds: float) -> None:
        """Wait, leaving the thread to other tasks."""
        import asyncio

        await asyncio.sleep(seconds)

    async def wait_async(self, future: asyncio.Future[None], deadline: float) -> None:
        """Wait, leaving the thread to other tasks, until the future is done, at most until ``deadline``."""
        import asyncio

        await asyncio.wait((future,), timeout=max(deadline - time.monotonic(), 0.0))
