"""When old records are removed."""

from __future__ import annotations

from typing import Final

from budwood.contracts import Clock

SWEEP: Final = 5_000
"""The number of records that are removed at once, so that others need not wait long for the store."""

SWEEP_SECONDS: Final = 3600.0
"""Seconds between two removals."""

_DAY: Final = 86_400.0


class Retention:
    """
    Tells when records are removed: hourly, with a write.

    Args:
        clock: The clock.
        days: The days after which records are removed; None for never.
    """

    def __init__(self, clock: Clock, days: float | None) -> None:
        self._clock = clock
        self._seconds = None if days is None else days * _DAY
        self._next = float("-inf")

    def due(self) -> float | None:
        """Return the time before which records are removed now, in seconds since 1970; None if they are not."""
        now = self._clock.time()
        return None if self._seconds is None or now < self._next else now - self._seconds

    def removed(self, count: int) -> None:
        """Note how many records were removed. If there are more, the next write removes them."""
        if count < SWEEP:
            self._next = self._clock.time() + SWEEP_SECONDS
