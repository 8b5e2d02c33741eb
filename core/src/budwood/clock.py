"""The system's clock."""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio

_SIGNAL_SECONDS = 0.5
"""A thread that waits for an event may miss Control-C, and on Windows always does, so it wakes up this often."""


class SystemClock:
    """The clocks of the process; see `budwood.contracts.Clock`."""

    monotonic = staticmethod(time.monotonic)
    """Return seconds since an arbitrary moment; never goes back."""

    time = staticmethod(time.time)
    """Return the seconds since 1970."""

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Wait, and block the thread, at most until ``wake`` is set."""
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(min(seconds, threading.TIMEOUT_MAX))

    def wait(self, event: threading.Event, deadline: float) -> None:
        """Wait, and block the thread, until the event is set or ``deadline`` has passed."""
        while not event.is_set() and (left := deadline - time.monotonic()) > 0:
            event.wait(min(left, _SIGNAL_SECONDS))

    async def sleep_async(self, seconds: float) -> None:
        """Wait, and let other tasks run."""
        import asyncio

        await asyncio.sleep(seconds)

    async def wait_async(self, future: asyncio.Future[None], deadline: float) -> None:
        """Wait, and let other tasks run, until the future is done or ``deadline`` has passed."""
        import asyncio

        await asyncio.wait((future,), timeout=max(deadline - time.monotonic(), 0.0))
