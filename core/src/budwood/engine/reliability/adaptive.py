"""
A limit of concurrent attempts that adapts to what an endpoint bears.

Rejections have two causes. If the endpoint is overloaded, fewer attempts at a time lead to fewer rejections per
success; if it rejects at random, they do not. So every decrease is a trial: it is kept if it helped, and otherwise
taken back.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from budwood.engine.drivers.latch import Latch
from budwood.errors import CapacityError, ProviderError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from budwood.engine.reliability.health import Health

OVERLOAD_STATUS: Final = (503, 529)

MIN_RUNNING: Final = 3
"""The attempts that ran besides the rejected one, from which on fewer at a time may help."""

EVIDENCE: Final = 20
"""The rejections that a decrease requires, times the share of attempts that succeeded: a high share is clear sooner."""

MIN_SHARE: Final = 0.05
"""The share of rejections that is tolerated."""

HELPED: Final = 0.6
"""A decrease has helped if the rejections per success are at most this part of those before."""

STEEP: Final = 0.5
GENTLE: Final = 0.75
"""The factor of a decrease, if more or less than half of the attempts were rejected."""

RAISE: Final = 0.05
"""The limit rises by this part, at least by 1, for as many successes as it allows at a time."""

MEMORY_SECONDS: Final = 60.0
"""How long rejections are tolerated that a decrease did not change, and how long a limit is kept that is not needed."""

_MAX_WINDOW: Final = 400


def is_overload(error: BaseException | None) -> bool:
    """Tell whether a server rejected an attempt because it, or the account, has no room for more."""
    if not isinstance(error, ProviderError) or error.status is None:
        return False
    return isinstance(error, RateLimitError | CapacityError) or error.status in OVERLOAD_STATUS


def record_failure(
    health: Health, error: BaseException, started: float, now: float, is_limited: Callable[[], bool]
) -> None:
    """
    Record an attempt that ended without a reply. The first overload starts a limit.

    Args:
        health: The health of the endpoint. The attempt does not run any more.
        error: The error of the attempt.
        started: When the attempt was sent.
        now: The time, by the same clock.
        is_limited: Tells whether the user limits the attempts at a time.
    """
    rejected = is_overload(error)
    if health.adaptive is None and rejected and len(health.running) >= MIN_RUNNING and not is_limited():
        health.adaptive = AdaptiveLimit(health.running, len(health.running) + 1, started)
    if health.adaptive is not None:
        record_end(health, started, now, is_rejected=rejected if isinstance(error, ProviderError) else None)


def record_end(health: Health, started: float, now: float, *, is_rejected: bool | None) -> None:
    """
    Record the end of an attempt, and remove a limit that was not needed for a while.

    Args:
        health: The health of the endpoint, which has a limit.
        started: When the attempt was sent.
        now: The time, by the same clock.
        is_rejected: Whether the endpoint was overloaded; None if that is unknown.
    """
    adaptive = health.adaptive
    if adaptive is None:
        return
    if is_rejected is not None:
        adaptive.count(started, now, is_rejected=is_rejected)
    if adaptive.retire(now):
        health.adaptive = None
    adaptive.wake()


class _Window:
    """Counts the attempts that were sent after the last change of the limit."""

    __slots__ = ("peak", "rejected", "total")

    def __init__(self) -> None:
        self.total = 0
        self.rejected = 0
        self.peak = 0

    @property
    def share(self) -> float:
        """The share of attempts that were rejected."""
        return self.rejected / self.total if self.total else 0.0

    @property
    def odds(self) -> float:
        """The rejections per success."""
        return self.rejected / max(self.total - self.rejected, 0.5)


class AdaptiveLimit:
    """
    Limits the attempts at a time of one endpoint. Attempts wait in order of arrival. Safe to use from several threads.

    Args:
        running: The ids of the attempts that run, which their callers add and remove as well.
        limit: The first limit.
        now: The time, by a monotonic clock.
    """

    def __init__(self, running: set[int], limit: int, now: float) -> None:
        self._running = running
        self._limit = float(max(limit, 1))
        self._lock = threading.Lock()
        self._waiters: dict[int, Latch] = {}
        self._window = _Window()
        self._changed = now
        self._trial: _Window | None = None  # the attempts before the decrease that is being tried
        self._before = self._limit  # the limit before it
        self._tolerated = 0.0
        self._tolerated_until = now
        self._successes = 0
        self._needed = now
        self._is_retired = False

    @property
    def limit(self) -> int:
        """The attempts that may run at a time."""
        return int(self._limit)

    def enter(self, attempt: int) -> Latch | None:
        """
        Take a place for an attempt, which is then one of those that run.

        Returns:
            None if there was a place; otherwise a latch that is set once the attempt has one.
        """
        latch = Latch()
        with self._lock:
            self._running.discard(attempt)
            self._waiters[attempt] = latch
        self.wake()
        return None if latch.is_set else latch

    def leave(self, attempt: int) -> None:
        """Give up the place of an attempt that waits, or has just stopped waiting."""
        with self._lock:
            self._waiters.pop(attempt, None)
            self._running.discard(attempt)
        self.wake()

    def wake(self) -> None:
        """Give free places to the attempts that have waited the longest."""
        granted = []
        with self._lock:
            while self._waiters and (self._is_retired or len(self._running) < self.limit):
                attempt = next(iter(self._waiters))
                self._running.add(attempt)
                granted.append(self._waiters.pop(attempt))
        for latch in granted:
            latch.set()

    def count(self, started: float, now: float, *, is_rejected: bool) -> None:
        """Count an attempt that has ended, and change the limit if it is time to."""
        with self._lock:
            if self._waiters:
                self._needed = now
            if started < self._changed:
                return  # sent before the last change, about which it says nothing
            window = self._window
            window.total += 1
            window.rejected += is_rejected
            window.peak = max(window.peak, len(self._running) + 1)
            if not is_rejected:
                self._successes += 1
            if self._trial is not None:
                self._judge(self._trial, now)
            elif window.total >= self._limit:
                self._review(now)

    def retire(self, now: float) -> bool:
        """Return whether no attempt had to wait for a while. The limit then lets all attempts pass."""
        with self._lock:
            if not self._waiters and now - self._needed >= MEMORY_SECONDS:
                self._is_retired = True
            return self._is_retired

    def _review(self, now: float) -> None:
        """Lower the limit if the endpoint is overloaded; raise it after enough successes."""
        window, tolerated = self._window, self._tolerance(now)
        required = EVIDENCE * (1 - window.share)
        if window.rejected >= required and window.odds > tolerated and self._limit > 1:
            self._before, self._trial = self._limit, window
            base = min(self._limit, window.peak)
            self._change(max(base * (STEEP if window.share > STEEP else GENTLE), 1.0), now)
        elif self._successes >= self._limit and (window.odds <= tolerated or window.rejected <= 1):
            self._successes = 0
            if self._waiters:
                self._limit += max(RAISE * self._limit, 1.0)
        if window.total >= _MAX_WINDOW and self._trial is None:
            self._window = _Window()

    def _judge(self, before: _Window, now: float) -> None:
        """Take a decrease back if it did not help."""
        window = self._window
        if window.total < before.total and window.rejected < before.rejected:
            return
        if window.odds > HELPED * before.odds:
            self._tolerated = 2 * max(window.odds, before.odds)
            self._tolerated_until = now + MEMORY_SECONDS
            self._change(max(self._before, self._limit), now)
        else:
            self._change(self._limit, now)
        self._trial = None

    def _tolerance(self, now: float) -> float:
        """Return the rejections per success that do not lower the limit."""
        return max(self._tolerated if now < self._tolerated_until else 0.0, MIN_SHARE)

    def _change(self, limit: float, now: float) -> None:
        self._limit = limit
        self._window = _Window()
        self._changed = now
        self._successes = 0
