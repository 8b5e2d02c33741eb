"""Time that passes only when someone sleeps."""

from __future__ import annotations

import threading


class FakeClock:
    """
    A clock for tests; see `budwood.contracts.Clock`.

    Attributes:
        slept: Every pause, in seconds.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return self.now

    def time(self) -> float:
        """Seconds since 1970."""
        return 1_700_000_000.0 + self.now

    def sleep(self, seconds: float, *, wake: threading.Event | None = None) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let time pass at once."""
        self.sleep(seconds)
