"""The level of a rate, which is refilled continuously."""

from __future__ import annotations

from math import inf, isfinite
from typing import Final

from budwood.types import Claim

CAPACITY_SECONDS: Final = 1.0
"""The seconds of refill that a rate holds at most, so that no burst exceeds what the vendor allows in a second."""

MIN_DELAY: Final = 0.001
"""The shortest delay of a denial in seconds: rounding must not produce delays that do not advance the clock."""

_TOLERANCE: Final = 1e-9


class Rate:
    """
    A bucket that is refilled with ``limit`` units per ``period``. Its owner locks it.

    The capacity is one second's refill, at least one unit. Larger amounts are taken from a full bucket, and leave a
    debt.

    Args:
        claim: The claim with the limit and the period.
        now: The current time.
    """

    __slots__ = ("_blocked_until", "_limit", "_period", "_updated", "level")

    def __init__(self, claim: Claim, now: float) -> None:
        self._limit = claim.limit
        self._period = claim.period
        self.level = self._capacity
        self._updated = now
        self._blocked_until = -inf

    def update(self, claim: Claim, now: float) -> float:
        """Refill the bucket, apply the limit of a claim, and return the level."""
        passed = now - self._updated
        if passed > 0:
            self.level += passed * self._limit / self._period
            self._updated = now
        self._limit = claim.limit
        self._period = claim.period
        self.level = min(self.level, self._capacity)
        return self.level

    def delay(self, claim: Claim, now: float, *, before: float = 0.0) -> float:
        """Return the seconds until a claim fits, or 0 if it fits now; with ``before``, after units for another one."""
        missing = min(claim.amount, self._capacity) - self.update(claim, now) + before
        delay = 0.0
        if missing > _TOLERANCE * max(self._capacity, 1.0):
            delay = missing * self._period / self._limit
        delay = max(delay, self._blocked_until - now)
        return max(delay, MIN_DELAY) if delay > 0 else 0.0

    def take(self, amount: float) -> None:
        """Lower the level, also below zero; a negative amount raises it up to the capacity."""
        self.level = min(self.level - amount, self._capacity)

    def correct(self, claim: Claim, remaining: float, delay: float | None, now: float) -> None:
        """Lower the level to what the vendor reports; block the rate for ``delay`` seconds if nothing remains."""
        level = self.update(claim, now)
        if isfinite(remaining):
            self.level = min(level, max(remaining, 0.0))
        if remaining <= 0 and delay is not None and 0 < delay < inf:
            self._blocked_until = max(self._blocked_until, now + delay)

    def is_idle(self, now: float) -> bool:
        """Return whether a new bucket would be the same."""
        full = self.level + (now - self._updated) * self._limit / self._period >= self._capacity
        return full and now >= self._blocked_until

    @property
    def _capacity(self) -> float:
        return max(self._limit / self._period * CAPACITY_SECONDS, 1.0)
