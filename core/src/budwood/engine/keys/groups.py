"""Groups of keys that share a quota: what is left of it, and when a limited group is used again."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

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

MAX_AGE: Final = 60.0
"""Seconds after which the headers of a reply are not used any more, if their reset is later or unknown."""

GROWTH: Final = 1.25
"""How much more a group is used after a rest, step by step, while there is no rate limit."""

MAX_PERIOD: Final = 60.0
"""The longest time in seconds by which the use of a group is measured."""

WEIGHT: Final = 0.2
"""The weight of the last request in the average number of tokens."""

_ROUNDING: Final = 1e-6


class Allowance:
    """
    What the headers of the last reply leave of a limit.

    Vendors refill continuously: the reset is the time until the full limit is available.

    Args:
        remaining: What was left after the reply.
        limit: The full limit; None if it is unknown.
        reset: Seconds until the full limit is available.
        now: The time, by the monotonic clock.
    """

    __slots__ = ("_end", "_now", "_rate", "_remaining")

    def __init__(self, remaining: int, limit: int | None, reset: float, now: float) -> None:
        self._remaining = float(remaining)
        self._rate = max(limit - remaining, 0) / reset if limit is not None and reset > 0 else 0.0
        self._now = now
        self._end = now + min(max(reset, 0.0), MAX_AGE)

    def take(self, amount: float) -> None:
        """Subtract what a request that is sent now will use."""
        self._remaining -= amount

    def ready_at(self, amount: float) -> float:
        """Return when an amount is left, by the monotonic clock; at the latest when the headers have expired."""
        missing = amount - self._remaining
        if missing <= 0:
            return self._now
        return min(self._now + missing / self._rate, self._end) if self._rate else self._end


class Window:
    """
    How much a group is used after a rest: as much as it granted before, so that waiting attempts are not all rejected.

    It grows with each period, and as soon as all of its attempts have succeeded.

    Args:
        size: The attempts in each period.
        period: The seconds of a period.
        now: Its start, by the monotonic clock.
    """

    __slots__ = ("_period", "_size", "_succeeded", "_taken", "end")

    def __init__(self, size: int, period: float, now: float) -> None:
        self._size = size
        self._period = period
        self._taken = 0
        self._succeeded = 0
        self.end = now + period

    @property
    def has_room(self) -> bool:
        """Whether another attempt fits."""
        return self._taken < self._size

    def take(self, attempts: int = 1) -> None:
        """Use it for attempts."""
        self._taken += attempts

    def succeed(self) -> None:
        """Record a success of one of its attempts."""
        self._succeeded += 1
        if self._succeeded >= self._size:
            self._size = math.ceil(self._size * GROWTH)

    def next_period(self) -> Window | None:
        """Return the window of the next period; None if this one was not used up."""
        return None if self.has_room else Window(math.ceil(self._size * GROWTH), self._period, self.end)


class KeyGroup:
    """
    Keys that share a quota. `KeyGroups.lock` guards it.

    Args:
        name: Identifies it in ledgers and reports.

    Attributes:
        limits: Its limits in the settings.
        used: When it was used last, as a number of `KeyGroups.next_number`.
        is_exhausted: Whether its quota is used up, until `restore`.
        rests_until: The end of its last rest, by the monotonic clock.
        rejections: The periods between rests without a success.
    """

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.limits: Limits | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything but the settings."""
        self.used = 0
        self.is_exhausted = False
        self.rests_until = -math.inf
        self.rejections = 0
        self._rests = (0, 0)  # the numbers of the last two rests
        self._requests: Allowance | None = None
        self._tokens: Allowance | None = None
        self._window: Window | None = None
        self._average = 0.0  # tokens of a request
        self._start_period(None)

    def _start_period(self, now: float | None) -> None:
        self._since = now  # the end of the last rest, or the first attempt
        self._granted = 0  # attempts since then
        self._refused = 0  # how many of them were rate limited
        self._is_resting = False

    def ready_at(self, now: float) -> float:
        """Return when it can be used: after its rest, and when the last headers leave room. Now, or a later time."""
        if self.rests_until > now:
            return self.rests_until
        self._end_rest()
        while self._window is not None and self._window.end <= now:
            self._window = self._window.next_period()
        times = [now]
        if self._window is not None and not self._window.has_room:
            times.append(self._window.end)
        if self._requests is not None:
            times.append(self._requests.ready_at(1.0))
        if self._tokens is not None:
            times.append(self._tokens.ready_at(max(self._average, 1.0)))
        ready = max(times)
        return ready if ready - now > _ROUNDING else now

    def _end_rest(self) -> None:
        if self._is_resting:
            end = self.rests_until
            seconds = end - (end if self._since is None else self._since)
            period = min(max(seconds, MIN_REST), MAX_PERIOD)
            share = period / max(seconds, MIN_REST)
            self._window = Window(max(math.ceil((self._granted - self._refused) * share), 1), period, end)
            self._start_period(end)

    def take(self, number: int, now: float) -> None:
        """Use it for an attempt."""
        self.used = number
        self._granted += 1
        if self._since is None:
            self._since = now
        if self._window is not None:
            self._window.take()
        if self._requests is not None:
            self._requests.take(1.0)
        if self._tokens is not None:
            self._tokens.take(self._average)

    def give_back(self) -> None:
        """Take back an attempt that was not sent."""
        self._granted -= 1
        if self._window is not None:
            self._window.take(-1)
        if self._requests is not None:
            self._requests.take(-1.0)
        if self._tokens is not None:
            self._tokens.take(-self._average)

    def record_limits(self, limits: RateLimits, now: float) -> None:
        """Record the rate limits in the headers of a reply. The end of a rest takes precedence over them."""
        if self.rests_until > now:
            return
        if limits.remaining_requests is not None:
            self._requests = _allowance(limits.remaining_requests, limits.limit_requests, limits.reset_requests, now)
        if limits.remaining_tokens is not None:
            self._tokens = _allowance(limits.remaining_tokens, limits.limit_tokens, limits.reset_tokens, now)

    def succeed(self, number: int, tokens: int | None) -> None:
        """Record a success of the attempt with this number, and its tokens."""
        if number > self._rests[0]:  # it started after the last rest but one, so the group has answered in between
            self.rejections = 0
        if number > self._rests[1] and self._window is not None:
            self._window.succeed()
        if tokens is not None:
            self._average = (1 - WEIGHT) * self._average + WEIGHT * tokens if self._average else float(tokens)

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
        self._refused += started > self._rests[0]
        seconds = _finite(error.retry_after)
        if seconds is None:
            seconds = _reset(limits)
        backoff = min(FIRST_REST * 2.0 ** min(self.rejections - 1, 10), MAX_REST)
        backoff *= chance.uniform(1 - JITTER, 1 + JITTER)
        if seconds is None:
            if not is_new:
                return
            seconds = backoff
        elif self.rejections > 1:
            seconds = max(seconds, backoff)
        self.rests_until = max(self.rests_until, now + max(seconds, MIN_REST))
        self._requests = self._tokens = None
        self._is_resting = True

    def restore(self) -> None:
        """Use it again although its quota was exhausted."""
        self.is_exhausted = False


def _allowance(remaining: int, limit: int | None, reset: float | None, now: float) -> Allowance | None:
    """Return what headers leave; None without a reset, or with a limit of zero, as some proxies report."""
    seconds = _finite(reset)
    return None if seconds is None or limit == 0 else Allowance(remaining, limit, seconds, now)


def _finite(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) else None


def _reset(limits: RateLimits | None) -> float | None:
    """Return the seconds until what is used up is available again, by the headers."""
    if limits is None:
        return None
    pairs = (
        (limits.remaining_requests, _finite(limits.reset_requests)),
        (limits.remaining_tokens, _finite(limits.reset_tokens)),
    )
    spent = [reset for remaining, reset in pairs if remaining == 0 and reset is not None]
    known = [reset for _, reset in pairs if reset is not None]
    return max(spent) if spent else min(known, default=None)


class KeyGroups:
    """
    The groups of keys of a process, by name. Safe to use from threads.

    Attributes:
        lock: Guards all groups and pools, which share groups.
    """

    def __init__(self) -> None:
        self._named: dict[str, KeyGroup] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything but the settings, as after a fork, in which another thread may have held the lock."""
        self.lock = threading.Lock()
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
