"""The real time."""

from __future__ import annotations

import threading
import time


class SystemClock:
    """The process's clocks; see `budwood.contracts.Clock`."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Wait, blocking the thread; no longer than until ``wake`` is set."""
        if wake is None:
            time.sleep(seconds)
        else:
            wake.wait(seconds)

    async def sleep_async(self, seconds: float) -> None:
        """Wait, leaving the thread to other tasks."""
        import asyncio

        await asyncio.sleep(seconds)
