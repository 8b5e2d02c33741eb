"""
The gate of a model: how many calls run at a time, and when the run waits for the endpoint.

If all calls fail, the gate pauses and lets single calls through, after delays that grow, until one succeeds. If many
fail, it tries with fewer at a time, and takes that back if it does not help: rejections at random do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from budwood.errors import BudwoodError

FIRST_DELAY: Final = 1.0
MAX_DELAY: Final = 60.0
"""Seconds before the first probe. They double with each failed probe, up to the maximum."""

JITTER: Final = 0.2
"""The share by which a delay is extended at random."""

FAILURES_TO_PAUSE: Final = 16
"""Failures without a success between them that pause the gate, or fewer if fewer calls run at a time."""

MIN_FAILURES_TO_PAUSE: Final = 3

FIRST_CALLS: Final = 4
FIRST_SHARE: Final = 0.125
"""Calls at a time after a pause: this share of the slots, at least that number. Each success admits one more."""

MIN_OUTCOMES: Final = 20
"""The number of outcomes from which on the share of failures is meaningful."""

MAX_FAILED: Final = 0.3
"""The share of failed calls that is not reduced: to send them again costs less than to have fewer at a time."""

HELPED: Final = 0.5
"""Fewer calls at a time have helped if the share of failures is at most this part of the share before."""

MEMORY_SECONDS: Final = 60.0
"""Seconds without another decrease after one that did not help, and in which a second pause is due to an overload."""

GROWTH: Final = 0.05
"""The part by which the limit rises per round trip after a decrease that helped."""


@dataclass(slots=True, eq=False)
class Ticket:
    """
    A call that passed the gate.

    Attributes:
        started: When it passed.
        successes: The number of successes before.
        is_probe: Whether it tests an endpoint that was unavailable.
    """

    started: float
    successes: int
    is_probe: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """
    A time in which calls wait for an endpoint.

    Attributes:
        since: When the first of the failed calls ended.
        until: When the next probe is sent.
        error: The last error.
    """

    since: float
    until: float
    error: BudwoodError


@dataclass(slots=True)
class _Window:
    """Counts the calls that started after ``start``."""

    start: float
    total: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        """The share of calls that failed."""
        return self.failed / self.total if self.total else 0.0


class Gate:
    """
    Decides when a call of a model may be sent. All times are by one monotonic clock, in seconds.

    Args:
        slots: The most calls at a time.
        patience: The longest time without a success, in seconds.
        now: The time.
        random: Yields the jitter.

    Attributes:
        running: The number of calls that run.
        successes: The number of calls that the endpoint answered.
        pause: The pause, if calls wait.
        is_exhausted: Whether a call failed at the end of the patience.
    """

    def __init__(self, slots: int, patience: float, now: float, random: Random) -> None:
        self.running = 0
        self.successes = 0
        self.pause: Pause | None = None
        self.is_exhausted = False
        self._patience = patience
        self._slots = slots
        self._random = random
        self._limit = self._threshold = float(slots)  # above the threshold, the limit rises slowly
        self._window = _Window(now)
        self._trial: tuple[_Window, float] | None = None  # what was before the decrease that is being tried
        self._tolerant_until = now
        self._failures = 0  # since the last success
        self._failing_since = now
        self._reopened = float("-inf")  # when the last pause ended
        self._probes = 0  # that failed
        self._probe: Ticket | None = None

    @property
    def limit(self) -> int:
        """The number of calls that may run at a time."""
        return int(self._limit)

    @property
    def is_failing(self) -> bool:
        """Whether the last call failed."""
        return self._failures > 0

    def admits(self, now: float) -> bool:
        """Return whether a call may be sent."""
        if self.pause is None:
            return self.running < self.limit
        return self._probe is None and now >= self.pause.until

    def enter(self, now: float) -> Ticket:
        """Let a call through, which `admits` has permitted."""
        self.running += 1
        ticket = Ticket(now, self.successes, is_probe=self.pause is not None)
        if ticket.is_probe:
            self._probe = ticket
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """End a call without an outcome, such as one that was cancelled."""
        self.running -= 1
        if self._probe is ticket:
            self._probe = None

    def succeed(self, ticket: Ticket, now: float) -> None:
        """End a call that the endpoint answered, which also a rejection of the request is."""
        self.leave(ticket)
        self.successes += 1
        self._failures = 0
        if self.pause is not None:
            self._reopen(now)
        elif ticket.started >= self._window.start:
            self._probes = 0
            self._raise()
            self._count(ticket, now, failed=0)

    def fail(self, ticket: Ticket, error: BudwoodError, now: float) -> None:
        """
        End a call because the endpoint is unavailable or overloaded.

        Args:
            ticket: The call.
            error: The reason. If it has ``retry_after``, a pause lasts at least that long.
            now: The time.
        """
        self.leave(ticket)
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        if self.pause is not None:
            self._probes += ticket.is_probe
            self._wait(error, now, now + self._delay() if ticket.is_probe else self.pause.until)
        elif self._failures >= max(min(self.limit, FAILURES_TO_PAUSE), MIN_FAILURES_TO_PAUSE):
            self._wait(error, now, now + self._delay())
        else:
            self._count(ticket, now, failed=1)

    def next_time(self) -> float | None:
        """Return when a call may be sent next, if that depends only on the time."""
        return self.pause.until if self.pause is not None and self._probe is None else None

    def _delay(self) -> float:
        return min(FIRST_DELAY * 2.0**self._probes, MAX_DELAY) * self._random.uniform(1, 1 + JITTER)

    def _wait(self, error: BudwoodError, now: float, until: float) -> None:
        """Pause as long as the endpoint asks for, but send a last probe when the patience ends."""
        end = self._failing_since + self._patience
        self.is_exhausted = now >= end
        asked = getattr(error, "retry_after", None) or 0.0
        self.pause = Pause(self._failing_since, min(max(until, now + asked), max(end, now)), error)

    def _reopen(self, now: float) -> None:
        """Begin with few calls at a time. If the last pause ended shortly before this one, stop earlier."""
        self.pause = None
        is_overloaded = self._failing_since < self._reopened + MEMORY_SECONDS
        self._threshold = max(self._limit / 2, 1.0) if is_overloaded else float(self._slots)
        self._limit = min(max(FIRST_CALLS, FIRST_SHARE * self._slots), self._threshold)
        self._reopened = now
        self._trial = None
        self._window = _Window(now)

    def _raise(self) -> None:
        step = 1.0 if self._limit < self._threshold else max(GROWTH * self._limit, 1.0) / self._limit
        self._limit = min(self._limit + step, self._slots)

    def _count(self, ticket: Ticket, now: float, *, failed: int) -> None:
        """Count an outcome. Calls that started before the last change of the limit say nothing about it."""
        window = self._window
        if ticket.started < window.start:
            return
        window.total += 1
        window.failed += failed
        if window.total >= max(self.limit, MIN_OUTCOMES):
            self._window = _Window(now)
            self._review(window, now)

    def _review(self, window: _Window, now: float) -> None:
        if self._trial is not None:
            self._judge(*self._trial, window, now)
        elif window.share > MAX_FAILED and now >= self._tolerant_until and self._limit > 1:
            self._trial = window, self._limit
            self._limit = max(self._limit / 2, 1.0)
            self._threshold = self._limit

    def _judge(self, before: _Window, limit: float, window: _Window, now: float) -> None:
        """Take a decrease back if it did not help."""
        self._trial = None
        if window.share > HELPED * before.share:
            self._limit = limit
            self._threshold = float(self._slots)
            self._tolerant_until = now + MEMORY_SECONDS
