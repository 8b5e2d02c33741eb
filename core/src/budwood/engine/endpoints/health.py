"""The health of an endpoint: its last outcomes, its circuit breaker, and its budget of retries."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from budwood.errors import (
    BadResponseError,
    CapacityError,
    ConnectionFailedError,
    ProviderError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)

if TYPE_CHECKING:
    from random import Random

    from budwood.engine.limits.adaptive import AdaptiveLimit
    from budwood.types.endpoints import BreakerState

MINUTE: Final = 60

FAILURES_TO_OPEN: Final = 3
"""The number of failures in a row after which a breaker opens."""

FIRST_REST: Final = 2.0
MAX_REST: Final = 60.0
"""Seconds until the first probe of an open breaker. They double with each failed probe up to the maximum."""

JITTER: Final = 0.2
"""The share by which the rest is extended at random, so that processes do not probe at the same time."""

RETRY_SHARE: Final = 0.2
RETRIES_PER_MINUTE: Final = 10
"""Retries of one minute: this share of the other attempts of that minute, plus this number."""

MAX_OUTCOMES: Final = 1024
"""The number of outcomes after which attempts call `Health.count_outcomes`, which bounds the memory."""

MIN_SILENCE: Final = 10.0
"""Seconds without an answer from which on the deadline of a call counts as a failure: some servers never answer."""

MIN_LATENCIES: Final = 20
"""The number of latencies from which percentiles are meaningful."""

_FAILURES: Final = (CapacityError, ServerError, ConnectionFailedError, StreamInterruptedError, BadResponseError)


def is_failure(error: BaseException) -> bool:
    """Tell whether an error is the endpoint's failure, rather than a rejected request or a deadline of the user."""
    if not isinstance(error, ProviderError):
        return False
    cause = find_cause(error)
    return isinstance(cause, _FAILURES) or (isinstance(cause, RequestTimeoutError) and cause.phase != "deadline")


def is_rejection(error: BaseException) -> bool:
    """Tell whether an error is an answer of the endpoint that is not its failure, provided that it answered."""
    if not isinstance(error, ProviderError) or is_failure(error):
        return False
    return not isinstance(find_cause(error), RequestTimeoutError)


def find_cause(error: ProviderError) -> ProviderError:
    """Return what interrupted a stream, such as a rate limit or the deadline of the call; else the error itself."""
    cause = error.__cause__
    return cause if isinstance(error, StreamInterruptedError) and isinstance(cause, ProviderError) else error


@dataclass(slots=True)
class _Counts:
    """Numbers of attempts that ended, of those that failed, and of retries from the budget."""

    attempts: int = 0
    failures: int = 0
    retries: int = 0


class Health:
    """
    The health of one endpoint, shared by all clients of the process with equal settings. Safe to use from threads.

    Attempts write `running`, `outcomes` and `latencies` directly: these operations are atomic, and cost no call.

    Attributes:
        running: The ids of the attempts that run now.
        outcomes: The end of each of the last attempts, by the monotonic clock, and whether the endpoint failed.
        latencies: The durations of the last successful attempts, in seconds; those of streams are not among them.
        first_tokens: The last times to the first content of streams, in seconds.
        failures: The failures since the last success.
        last_error: The class of the last failure.
        first_token: The average time to the first content of streams, in seconds, in which recent ones count most;
            None without any.
        adaptive: The limit of concurrent attempts after an overload; None for no limit.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a fork, in which another thread may have held the lock."""
        self._lock = threading.Lock()
        self.running: set[int] = set()
        self.outcomes: deque[tuple[float, bool]] = deque()
        self.latencies: deque[float] = deque(maxlen=128)
        self.first_tokens: deque[float] = deque(maxlen=128)
        self.failures = 0
        self.last_error: str | None = None
        self.first_token: float | None = None
        self.adaptive: AdaptiveLimit | None = None
        self._seconds: defaultdict[int, _Counts] = defaultdict(_Counts)  # of the last minute
        self._rest = FIRST_REST
        self._opened = float("-inf")  # when the breaker opened last
        self._next_probe: float | None = None  # None while the breaker is closed
        self._probe: object | None = None  # the owner of the probe that runs

    def succeed(self) -> bool:
        """Close the breaker, after any answer of the endpoint. Returns whether it was open."""
        with self._lock:
            was_open = self._next_probe is not None
            self.failures = 0
            self._rest = FIRST_REST
            self._next_probe = self._probe = None
            return was_open

    def fail(self, error: BaseException, started: float, now: float, chance: Random) -> bool:
        """
        Record a failure of the endpoint. Several in a row, or a failed probe, open the breaker.

        Args:
            error: The failure. If it has ``retry_after``, the breaker rests at least that long, up to `MAX_REST`.
            started: When the attempt started. One that started before the breaker opened does not open it again.
            now: The time. Both are by the monotonic clock.
            chance: Yields the jitter.

        Returns:
            Whether the breaker opened.
        """
        with self._lock:
            self.last_error = type(error).__name__
            is_closed = self._next_probe is None
            if started < (self._opened if self._next_probe is None else self._next_probe):
                self.failures += not is_closed
                return False
            self.failures += 1
            if is_closed and self.failures < FAILURES_TO_OPEN:
                return False
            if not is_closed:
                self._rest = min(self._rest * 2, MAX_REST)
            asked = getattr(error, "retry_after", None) or 0.0
            rest = max(self._rest, min(asked, MAX_REST))  # in this order, NaN counts as nothing
            self._opened, self._next_probe, self._probe = now, now + rest * chance.uniform(1, 1 + JITTER), None
            return True

    def record_error(
        self, error: BaseException, started: float, now: float, chance: Random, *, is_answered: bool
    ) -> BreakerState | None:
        """
        Record the end of an attempt without a reply: a failure of the endpoint, or a request that it rejected.

        Args:
            error: The error of the attempt.
            started: When the attempt started.
            now: The time.
            chance: Yields the jitter.
            is_answered: Whether the head of a reply arrived.

        Returns:
            The state of the breaker, if this opened or closed it.
        """
        is_silent = isinstance(error, RequestTimeoutError) and not is_answered and now - started >= MIN_SILENCE
        is_failed = is_silent or is_failure(error)
        if is_failed:
            self.outcomes.append((now, True))
            changed = self.fail(error, started, now, chance)
        elif is_answered and is_rejection(error):
            self.outcomes.append((now, False))
            changed = self.failures > 0 and self.succeed()
        else:
            return None
        if len(self.outcomes) > MAX_OUTCOMES:
            self.count_outcomes(now)
        return ("open" if is_failed else "closed") if changed else None

    def acquire(self, now: float, owner: object) -> bool:
        """
        Return whether an attempt may be sent. If the breaker has rested long enough, the caller sends the one probe.

        Args:
            now: The time, by the monotonic clock.
            owner: Identifies the caller for `release`.
        """
        if self._next_probe is None:
            return True
        with self._lock:
            if self._next_probe is None:
                return True
            if self._probe is not None or now < self._next_probe:
                return False
            self._probe = owner
            return True

    def release(self, owner: object) -> None:
        """End a probe that neither succeeded nor failed, such as that of a cancelled call."""
        if self._probe is owner:
            with self._lock:
                if self._probe is owner:
                    self._probe = None

    def is_open(self, now: float) -> bool:
        """Return whether `acquire` would refuse."""
        next_probe = self._next_probe
        return next_probe is not None and (self._probe is not None or now < next_probe)

    def breaker(self) -> BreakerState:
        """Return the state of the breaker."""
        if self._next_probe is None:
            return "closed"
        return "open" if self._probe is None else "half-open"

    def next_probe(self, now: float) -> float | None:
        """Return the seconds until an open breaker lets a call through; None if it is closed."""
        next_probe = self._next_probe
        return None if next_probe is None else max(next_probe - now, 0.0)

    def take_retry(self, now: float) -> bool:
        """Take a retry from the budget of the last minute; return whether there was one left."""
        with self._lock:
            recent = self._count_recent(now)
            calls = max(recent.attempts - recent.retries, 0)
            if recent.retries + 1 > RETRIES_PER_MINUTE + RETRY_SHARE * calls:
                return False
            self._seconds[int(now)].retries += 1
            return True

    def calls(self, now: float) -> tuple[int, int]:
        """Return the number of attempts that ended in the last minute, and how many of them failed."""
        with self._lock:
            recent = self._count_recent(now)
            return recent.attempts, recent.failures

    def count_outcomes(self, now: float) -> None:
        """Replace the outcomes by their numbers in each second of the last minute."""
        with self._lock:
            self._count_recent(now)

    def _count_recent(self, now: float) -> _Counts:
        """Count the new outcomes, and return the sums of the last minute."""
        seconds, outcomes = self._seconds, self.outcomes
        for _ in range(len(outcomes)):
            ended, is_failed = outcomes.popleft()
            seconds[int(ended)].attempts += 1
            seconds[int(ended)].failures += is_failed
        recent = _Counts()
        for second, counts in tuple(seconds.items()):
            if second <= now - MINUTE - 1:
                del seconds[second]
                continue
            recent.attempts += counts.attempts
            recent.failures += counts.failures
            recent.retries += counts.retries
        return recent

    def percentile(self, percent: int, *, streamed: bool) -> float | None:
        """Return a percentile of the latencies, or for streams of the times to the first content; None if too few."""
        latencies = sorted(self.first_tokens if streamed else self.latencies)
        if len(latencies) < MIN_LATENCIES:
            return None
        return latencies[-(-len(latencies) * percent // 100) - 1]  # the nearest rank

    def median_latency(self) -> float | None:
        """Return the median of the last latencies, in seconds; None without any."""
        latencies = sorted(self.latencies)
        return latencies[len(latencies) // 2] if latencies else None

    def record_first_token(self, seconds: float) -> bool:
        """Record the time to the first content of a stream, which closes an open breaker. Returns whether it did."""
        self.first_tokens.append(seconds)
        with self._lock:
            last = self.first_token
            self.first_token = seconds if last is None else 0.8 * last + 0.2 * seconds
        return self._next_probe is not None and self.succeed()
