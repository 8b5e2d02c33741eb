"""Counts of quotas in the memory of the process."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

from budwood.limiting.rates import MIN_DELAY
from budwood.types import Claim, Denial

KEPT_SECONDS: Final = 7 * 86_400.0
"""How long a count is kept after the end of its period: the clock of the system may be set back."""

_SWEEP_SIZE: Final = 1000


class Period(NamedTuple):
    """A quota in one of its periods."""

    key: str
    resets_at: float

    @classmethod
    def of(cls, claim: Claim) -> Period:
        """Return the period of a claim."""
        return cls(claim.key, inf if claim.resets_at is None else claim.resets_at)


class Counters:
    """The units that were taken from quotas. Its owner locks it."""

    def __init__(self) -> None:
        self._used: dict[Period, float] = {}
        self._sweep_at = _SWEEP_SIZE

    def used(self, period: Period) -> float:
        """Return the units that were taken in a period."""
        return self._used.get(period, 0.0)

    def add(self, period: Period, amount: float, now: float) -> None:
        """Add units, or give them back if the amount is negative."""
        self._used[period] = max(self._used.get(period, 0.0) + amount, 0.0)
        if len(self._used) >= self._sweep_at:
            self._used = {period: used for period, used in self._used.items() if period.resets_at > now - KEPT_SECONDS}
            self._sweep_at = max(2 * len(self._used), _SWEEP_SIZE)


def find_denial(used: Iterable[tuple[Claim, float]], now: float) -> Denial | None:
    """
    Return the denial of the quota that is exhausted for the longest time, or None if all claims fit.

    Args:
        used: The claims, with the units that were taken before.
        now: Seconds since 1970.
    """
    denials = [_deny(claim, taken, now) for claim, taken in used if taken + claim.amount > claim.limit]
    return max(denials, key=lambda denial: inf if denial.delay is None else denial.delay, default=None)


def _deny(claim: Claim, taken: float, now: float) -> Denial:
    delay = None if claim.resets_at is None else max(claim.resets_at - now, MIN_DELAY)
    return Denial(claim, delay, max(claim.limit - taken, 0.0))
