"""Claims and calls for the suite for limiters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from budwood.contracts import Limiter, WakingLimiter
from budwood.types import Claim, Denial

SLOW: Final = Claim("slow", "rate", 100, period=1000.0)
"""One unit in ten seconds: a test that takes a second cannot see it refilled."""

FAST: Final = Claim("fast", "rate", 1000, period=10.0, amount=100)
"""100 units in a second, all of which the claim takes."""

SLOT: Final = Claim("slots", "concurrency", 1)
QUOTA: Final = Claim("quota", "quota", 10, amount=6, is_lasting=True)


def denied(limiter: Limiter, ticket: str, claims: Sequence[Claim]) -> Denial:
    """Return the denial of a ticket. A limiter that wakes no tickets has to say when to ask again."""
    denial = limiter.reserve(ticket, claims)
    assert denial is not None, f"{ticket!r} was granted beyond the limit"
    if denial.delay is None:
        is_final = denial.claim.kind == "quota" and denial.claim.resets_at is None
        assert is_final or isinstance(limiter, WakingLimiter), "without watch(), a denial needs a delay"
    else:
        assert denial.delay > 0, "the delay of a denial is more than zero"
    return denial


def delay_of(denial: Denial) -> float:
    """Return the delay of a denial that has one."""
    assert denial.delay is not None, "the first ticket that waits for time alone needs a delay"
    return denial.delay


def calls_of(limiter: Limiter) -> dict[str, partial[Any]]:
    """Return a call of each method, by its name."""
    return {
        "reserve": partial(limiter.reserve, "other", [SLOW, QUOTA, SLOT]),
        "settle": partial(limiter.settle, "other", [SLOW, QUOTA, SLOT], {"slow": 0}),
        "correct": partial(limiter.correct, SLOW, 0, None),
        "cancel": partial(limiter.cancel, "other", [SLOW, QUOTA, SLOT]),
    }
