"""The health of an endpoint: its last outcomes, its circuit breaker, and its budget of retries."""

from __future__ import annotations

import threading
from collections import deque
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

    from budwood.engine.reliability.adaptive import AdaptiveLimit
    from budwood.types.endpoints import BreakerState

MINUTE: Final = 60.0

FAILURES_TO_OPEN: Final = 3
"""The number of failures in a row after which a breaker opens."""

FIRST_REST: Final = 2.0
MAX_REST: Final = 60.0
"""Seconds until the first probe of an open breaker. They double with each failed probe up to the maximum."""

JITTER: Final = 0.2
"""How much the rest varies at random, so that processes do not probe at the same time."""

RETRY_SHARE: Final = 0.2
RETRIES_PER_MINUTE: Final = 10
"""Retries of one minute: this share of the attempts of that minute, plus this number."""

MIN_LATENCIES: Final = 20
"""The number of latencies from which percentiles are meaningful."""

_FAILURES: Final = (
    CapacityError,
    ServerError,
    ConnectionFailedError,
    StreamInterruptedError,
    BadResponseError,
)


def is_failure(error: BaseException | None) -> bool:
    """Tell whether an error is the endpoint's failure, rather than a rejected request or a timeout of the user."""
    return isinstance(error, _FAILURES) or (isinstance(error, RequestTimeoutError) and error.phase != "deadline")


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
        first_token: The average time to the first content of streams, in seconds; None without any.
        adaptive: The limit of concurrent attempts after an overload; None for no limit.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a fork, in which another thread may have held the lock."""
        self._lock = threading.Lock()
        self.running: set[int] = set()
        self.outcomes: deque[tuple[float, bool]] = deque(maxlen=4096)
        self.latencies: deque[float] = deque(maxlen=128)
        self.first_tokens: deque[float] = deque(maxlen=128)
        self.failures = 0
        self.last_error: str | None = None
        self.first_token: float | None = None
        self.adaptive: AdaptiveLimit | None = None
        self._retries: deque[float] = deque(maxlen=4096)
        self._rest = FIRST_REST
        self._next_probe: float | None = None  # None while the breaker is closed
        self._probe: object | None = None  # the owner of the probe that runs

    def succeed(self) -> None:
        """Close the breaker, after any answer of the endpoint."""
        with self._lock:
            self.failures = 0
            self._rest = FIRST_REST
            self._next_probe = self._probe = None

    def fail(self, error: BaseException, now: float, chance: Random) -> None:
        """
        Record a failure of the endpoint. Several in a row, or a failed probe, open the breaker.

        Args:
            error: The failure. If it has ``retry_after``, the breaker rests at least that long, up to `MAX_REST`.
            now: The time, by the monotonic clock.
            chance: Yields the jitter.
        """
        with self._lock:
            self.failures += 1
            self.last_error = type(error).__name__
            is_probe = self._probe is not None
            if not is_probe and (self._next_probe is not None or self.failures < FAILURES_TO_OPEN):
                return
            if is_probe:
                self._rest = min(self._rest * 2, MAX_REST)
            asked = getattr(error, "retry_after", None) or 0.0
            rest = max(self._rest * chance.uniform(1 - JITTER, 1 + JITTER), min(asked, MAX_REST))
            self._next_probe, self._probe = now + rest, None

    def record_error(self, error: BaseException, now: float, chance: Random) -> None:
        """Record the end of an attempt without a reply: a failure of the endpoint, or a request that it rejected."""
        if is_failure(error):
            self.outcomes.append((now, True))
            self.fail(error, now, chance)
        elif isinstance(error, ProviderError) and error.status is not None:
            self.outcomes.append((now, False))
            if self.failures:
                self.succeed()

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
        """Return the seconds until an open breaker lets a call through."""
        return None if self._next_probe is None else max(self._next_probe - now, 0.0)

    def take_retry(self, now: float) -> bool:
        """Take a retry from the budget of the last minute; return whether there was one left."""
        with self._lock:
            while self._retries and self._retries[0] <= now - MINUTE:
                self._retries.popleft()
            if len(self._retries) >= RETRIES_PER_MINUTE + RETRY_SHARE * self.calls(now)[0]:
                return False
            self._retries.append(now)
            return True

    def calls(self, now: float) -> tuple[int, int]:
        """Return the number of attempts that ended in the last minute, and how many of them failed."""
        recent = [failed for ended, failed in tuple(self.outcomes) if ended > now - MINUTE]
        return len(recent), sum(recent)

    def percentile(self, percent: int, *, streamed: bool) -> float | None:
        """Return a percentile of the latencies, or for streams of the times to the first content; None if too few."""
        latencies = sorted(self.first_tokens if streamed else self.latencies)
        if len(latencies) < MIN_LATENCIES:
            return None
        return latencies[min(len(latencies) * percent // 100, len(latencies) - 1)]

    def median_latency(self) -> float | None:
        """Return the median of the last latencies, in seconds; None without any."""
        latencies = sorted(self.latencies)
        return latencies[len(latencies) // 2] if latencies else None

    def record_first_token(self, seconds: float) -> None:
        """Record the time to the first content of a stream."""
        self.first_tokens.append(seconds)
        last = self.first_token
        self.first_token = seconds if last is None else 0.8 * last + 0.2 * seconds
