"""
A limit of concurrent attempts that adapts to the load that an endpoint can serve.

Rejections have two causes. If the endpoint is overloaded, fewer attempts at a time lead to fewer rejections per
success; if it rejects at random, they do not. So every decrease is a trial: it is kept if it helped, and otherwise
taken back.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Final

from budwood.engine.drivers.latch import Latch
from budwood.errors import CapacityError, ProviderError, RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from budwood.engine.endpoints.health import Health

OVERLOAD_STATUS: Final = (503, 529)

MIN_RUNNING: Final = 3
"""The attempts that ran besides the rejected one, from which on fewer at a time may help."""

EVIDENCE: Final = 20
"""The rejections that a decrease requires, times the share of attempts that succeeded: a high share is clear sooner."""

TOLERATED: Final = 0.15
"""The rejections per success that are tolerated: to retry them costs less than to find the right limit."""

HELPED: Final = 0.5
"""A decrease has helped if the rejections per success are at most this part of those before."""

BELOW: Final = 0.9
"""A decrease sets the limit to this part of the attempts that were served at a time."""

CLEAR_SHARE: Final = 0.3
"""A share of rejections that cannot be tolerated, so that a larger decrease is tried if one did not help."""

MAX_TRIES: Final = 3
"""How often a decrease is followed by a larger one."""

MAX_TOLERANCE: Final = 1.0
"""The rejections per success from which on a decrease is tried again, although none has helped before."""

RAISE: Final = 0.1
MAX_RAISE: Final = 0.5
"""The limit rises by this part, at least by 1, for as many successes as it allows at a time; the part doubles while
nothing is rejected."""

MAX_PATIENCE: Final = 8
"""The successes per raise double with each decrease that has helped, up to this factor, until the limit is exceeded
again from which it was lowered."""

LATENCY_WEIGHT: Final = 0.1

ROUND_TRIPS: Final = 2
"""The round trips for which attempts are counted before the limit is changed."""

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
        is_limited: Tells whether the user's limits prevent such overloads.
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
    """
    Counts the attempts that were sent after the last change of the limit.

    Args:
        now: The time of the change.
    """

    __slots__ = ("_least", "_running", "has_queue", "rejected", "start", "total")

    def __init__(self, now: float) -> None:
        self.start = now
        self.total = 0
        self.rejected = 0
        self._least = math.inf
        self._running = 0
        self.has_queue = False  # whether an attempt had to wait

    def add(self, running: int, *, is_rejected: bool) -> None:
        """Count an attempt that has ended, while others run."""
        self.total += 1
        if is_rejected:
            self.rejected += 1
            self._least = min(self._least, running)
            self._running += running

    @property
    def served(self) -> float:
        """The attempts that ran while others were rejected: on average, or if most are rejected, the fewest."""
        return max(self._least if self.share > CLEAR_SHARE else self._running / max(self.rejected, 1), 1.0)

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
        self._window = _Window(now)
        self._trial: _Window | None = None  # the attempts before the decrease that is being tried
        self._tries = 0  # the decreases of this trial after the first
        self._before = self._limit  # the limit before it
        self._tolerated = 0.0
        self._tolerated_until = now
        self._successes = 0
        self._patience = 1
        self._ceiling = self._limit
        self._steps = 0  # the raises above the ceiling
        self._latency = 0.0
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
        if latch.is_set:
            return None
        self._window.has_queue = True
        return latch

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
            if not is_rejected:
                self._successes += 1
                self._latency += (now - started - self._latency) * (LATENCY_WEIGHT if self._latency else 1.0)
            if started < self._window.start:
                return  # sent before the last change, about which it says nothing
            self._window.add(len(self._running), is_rejected=is_rejected)
            lasted = self._latency and now - self._window.start >= ROUND_TRIPS * self._latency
            if self._window.total < self._limit or not lasted:
                return
            if self._trial is not None:
                self._judge(self._trial, now)
            else:
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
        is_clear = EVIDENCE * (1 - window.share) <= window.rejected < window.total
        if is_clear and window.odds > tolerated and self._limit > 1:
            self._before, self._trial = self._limit, window
            self._lower(window, now)
        elif self._successes >= self._limit * self._patience and (window.odds <= tolerated or window.rejected <= 1):
            self._successes = 0
            if self._waiters:
                self._raise()
        elif window.total >= _MAX_WINDOW:
            self._window = _Window(now)

    def _lower(self, window: _Window, now: float) -> None:
        self._ceiling = min(self._limit, window.served)
        self._steps = 0
        self._change(max(BELOW * self._ceiling, 1.0), now)

    def _raise(self) -> None:
        """Raise the limit, faster and faster above what was too much before."""
        part = RAISE
        if self._limit > self._ceiling:
            self._patience = 1
            part = min(RAISE * 2.0**self._steps, MAX_RAISE)
            self._steps += 1
        self._limit += max(part * self._limit, 1.0)

    def _judge(self, before: _Window, now: float) -> None:
        """Take a decrease back if it did not help."""
        window = self._window
        if window.total * before.share < EVIDENCE and window.rejected < before.rejected:
            return
        has_helped = window.odds <= HELPED * before.odds
        is_small = not window.has_queue or window.share > CLEAR_SHARE  # it may have been too small to help
        if not has_helped and is_small and self._tries < MAX_TRIES and self._limit > 1:
            self._tries += 1
            self._lower(window, now)
            return
        self._tries = 0
        if not has_helped:
            self._tolerated = min(2 * max(window.odds, before.odds), MAX_TOLERANCE)
            self._tolerated_until = now + MEMORY_SECONDS
            self._change(max(self._before, self._limit), now)
        else:
            self._patience = min(2 * self._patience, MAX_PATIENCE)
            self._change(self._limit, now)
        self._trial = None

    def _tolerance(self, now: float) -> float:
        """Return the rejections per success that do not lower the limit."""
        return max(self._tolerated if now < self._tolerated_until else 0.0, TOLERATED)

    def _change(self, limit: float, now: float) -> None:
        self._limit = limit
        self._window = _Window(now)
        self._successes = 0
