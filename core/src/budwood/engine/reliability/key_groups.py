"""Groups of keys that share a quota: what is left of it, and when a limited group is used again."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from budwood.engine.drivers.latch import Latch

if TYPE_CHECKING:
    from random import Random

    from budwood.endpoint_settings import Limits
    from budwood.errors import RateLimitError
    from budwood.types import RateLimits

FIRST_REST: Final = 0.5
MAX_REST: Final = 60.0
"""Seconds that a group rests after a rate limit without a time. They double while no request succeeds."""

MIN_REST: Final = 0.1
"""The shortest rest in seconds, so that a vendor that asks for none is not sent requests without a pause."""

JITTER: Final = 0.2
"""How much the rest varies at random, so that processes do not come back at the same time."""

UNKNOWN_RESET: Final = 60.0
"""Seconds after which a remaining number without a reset is no longer used."""

WEIGHT: Final = 0.2
"""The weight of the last request in the average number of tokens."""


class Allowance:
    """
    What the headers of the last reply leave of a limit.

    Vendors refill continuously: the reset is the time until the full limit is available.

    Args:
        remaining: What was left after the reply.
        limit: The full limit; None if it is unknown.
        reset: Seconds until the full limit is available; None if that is unknown.
        now: The time, by the monotonic clock.
    """

    __slots__ = ("_limit", "_now", "_remaining", "_reset")

    def __init__(self, remaining: int, limit: int | None, reset: float | None, now: float) -> None:
        self._remaining = float(remaining)
        self._limit = limit
        self._reset = UNKNOWN_RESET if reset is None or not math.isfinite(reset) else reset
        self._now = now

    def take(self, amount: float) -> None:
        """Subtract what a request that is sent now will use."""
        self._remaining -= amount

    def left(self, now: float) -> float:
        """Return an estimate of what is left."""
        passed = now - self._now
        if passed >= self._reset:
            return math.inf
        if self._limit is None:
            return self._remaining
        return self._remaining + max(self._limit - self._remaining, 0.0) * max(passed, 0.0) / self._reset


class KeyGroup:
    """
    Keys that share a quota. `KeyGroups.lock` guards it.

    Args:
        name: Identifies it in ledgers and reports.

    Attributes:
        limits: Its limits in the settings.
        used: When it was used last, as a number of `KeyGroups.next_number`.
        is_exhausted: Whether its quota is used up, until `restore`.
        ready_at: The end of its rest, by the monotonic clock.
        rejections: The rate limits since its last success.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.limits: Limits | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything but the settings."""
        self.used = 0
        self.is_exhausted = False
        self.ready_at = -math.inf
        self.rejections = 0
        self._rests = (0, 0)  # the numbers of the last two rests
        self._requests: Allowance | None = None
        self._tokens: Allowance | None = None
        self._average: float | None = None  # tokens of a request

    def is_ready(self, now: float) -> bool:
        """Tell whether it neither rests nor is exhausted."""
        return not self.is_exhausted and self.ready_at <= now

    def has_room(self, now: float) -> bool:
        """Tell whether the last headers leave room for a request."""
        if self._requests is not None and self._requests.left(now) < 1.0:
            return False
        return self._tokens is None or self._tokens.left(now) >= max(self._average or 0.0, 1.0)

    def take(self, number: int) -> None:
        """Use it for an attempt."""
        self.used = number
        if self._requests is not None:
            self._requests.take(1.0)
        if self._tokens is not None:
            self._tokens.take(self._average or 0.0)

    def record_limits(self, limits: RateLimits, now: float) -> None:
        """Record the rate limits in the headers of a reply."""
        if limits.remaining_requests is not None:
            self._requests = Allowance(limits.remaining_requests, limits.limit_requests, limits.reset_requests, now)
        if limits.remaining_tokens is not None:
            self._tokens = Allowance(limits.remaining_tokens, limits.limit_tokens, limits.reset_tokens, now)

    def succeed(self, number: int, tokens: int | None) -> None:
        """Record a success of the attempt with this number, and its tokens."""
        if number > self._rests[0]:  # it started after the last rest but one, so the group has answered in between
            self.rejections = 0
        if tokens is not None:
            self._average = tokens if self._average is None else (1 - WEIGHT) * self._average + WEIGHT * tokens

    def rest(
        self, error: RateLimitError, limits: RateLimits | None, attempt: tuple[int, int], now: float, chance: Random
    ) -> None:
        """
        Rest after a rate limit: as long as the error asks, else until the reset in the headers, else a backoff.

        Args:
            error: The rate limit.
            limits: The rate limits in its headers.
            attempt: The number of the attempt that it answers, and the number of this event.
            now: The time, by the monotonic clock.
            chance: Yields the jitter.
        """
        started, number = attempt
        is_new = started > self._rests[1]  # not one of several that were under way before the rest
        if is_new:
            self.rejections += 1
            self._rests = (self._rests[1], number)
        seconds = error.retry_after if error.retry_after is not None else _reset(limits)
        backoff = min(FIRST_REST * 2.0 ** min(self.rejections - 1, 10), MAX_REST) * chance.uniform(
            1 - JITTER, 1 + JITTER
        )
        if seconds is None or not math.isfinite(seconds):
            if not is_new:
                return
            seconds = backoff
        elif self.rejections > 1:
            seconds = max(seconds, backoff)
        self.ready_at = max(self.ready_at, now + max(seconds, MIN_REST))

    def restore(self) -> None:
        """Use it again although its quota was exhausted."""
        self.is_exhausted = False


def _reset(limits: RateLimits | None) -> float | None:
    """Return the seconds until what is used up is available again, by the headers."""
    if limits is None:
        return None
    spent = [
        reset
        for remaining, reset in (
            (limits.remaining_requests, limits.reset_requests),
            (limits.remaining_tokens, limits.reset_tokens),
        )
        if remaining == 0 and reset is not None
    ]
    known = [reset for reset in (limits.reset_requests, limits.reset_tokens) if reset is not None]
    return max(spent) if spent else min(known, default=None)


class KeyGroups:
    """
    The groups of keys of a process, by name. Safe to use from threads.

    Attributes:
        lock: Guards all groups and pools, which share groups.
        restored: Set when exhausted groups or rejected keys are used again.
    """

    def __init__(self) -> None:
        self._named: dict[str, KeyGroup] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything but the settings, as after a fork, in which another thread may have held the lock."""
        self.lock = threading.Lock()
        self.restored = Latch()
        self._number = 0
        for group in tuple(self._named.values()):
            group.reset()

    def named(self, name: str) -> KeyGroup:
        """Return the group of a name in the settings, which endpoints share."""
        with self.lock:
            return self._named.setdefault(name, KeyGroup(name))

    def next_number(self) -> int:
        """Return the next number of an event, with the lock held."""
        self._number += 1
        return self._number

    def wake(self) -> None:
        """Wake all attempts that wait for a key."""
        with self.lock:
            restored, self.restored = self.restored, Latch()
        restored.set()
