"""The circuit breaker of an endpoint, its budget of retries, and its latencies."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from budwood.engine.endpoints.health import (
    FAILURES_TO_OPEN,
    FIRST_REST,
    JITTER,
    MAX_OUTCOMES,
    MAX_REST,
    Health,
    is_failure,
)
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    BudwoodError,
    CapacityError,
    ConnectionFailedError,
    ProviderError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    StreamInterruptedError,
)

LONGEST = 1 + JITTER


@pytest.fixture
def health():
    """
    The health of an endpoint that was never used.
    """
    return Health()


@pytest.fixture
def open_health():
    """
    The health of an endpoint whose breaker opened at 0 s, after failures of attempts that started then.
    """
    health = Health()
    for _ in range(FAILURES_TO_OPEN):
        fail(health, 0.0)
    return health


def fail(health, now, *, started=None, error=None):
    """
    Record a failed attempt; return the state of the breaker if it changed.
    """
    error = error or ServerError("No.", status=500)
    started = now if started is None else started
    return health.record_error(error, started, now, random.Random(0), is_answered=True)


def reject(health, now):
    """
    Record a rejected request.
    """
    error = AuthenticationError("No.", status=401)
    return health.record_error(error, now, now, random.Random(0), is_answered=True)


def interrupt(cause):
    """
    Return the error of a stream that was interrupted by another error.
    """
    error = StreamInterruptedError("The stream was interrupted.")
    error.__cause__ = cause
    return error


def take_retries(health, now):
    """
    Take all retries that are left, which fail; return their number.
    """
    taken = 0
    while health.take_retry(now):
        taken += 1
        health.outcomes.append((now, True))
    return taken


# The circuit breaker.


def test_several_failures_in_a_row_open_the_breaker(health):
    """
    Fewer do not, and an answer in between starts the count again.
    """
    assert [fail(health, 0.0) for _ in range(FAILURES_TO_OPEN - 1)] == [None] * (FAILURES_TO_OPEN - 1)
    assert reject(health, 0.0) is None
    assert [fail(health, 0.0) for _ in range(FAILURES_TO_OPEN)] == [*[None] * (FAILURES_TO_OPEN - 1), "open"]

    assert (health.breaker(), health.failures, health.last_error) == ("open", FAILURES_TO_OPEN, "ServerError")
    assert not health.acquire(0.0, "call")


def test_one_call_probes_after_the_rest(open_health):
    """
    Until it has ended, no other call is let through.
    """
    assert not open_health.acquire(FIRST_REST * 0.99, "early")
    assert open_health.acquire(FIRST_REST * LONGEST, "probe")
    assert not open_health.acquire(1000.0, "other")
    assert open_health.is_open(1000.0)
    assert open_health.breaker() == "half-open"


def test_the_rest_differs_between_processes():
    """
    It is extended by up to 20 % at random.
    """
    rests = set()
    for seed in range(200):
        health = Health()
        for _ in range(FAILURES_TO_OPEN):
            health.fail(ServerError("No."), 0.0, 0.0, random.Random(seed))
        rests.add(health.next_probe(0.0))

    assert len(rests) > 190
    assert FIRST_REST <= min(rests) < FIRST_REST * 1.02
    assert FIRST_REST * 1.18 < max(rests) <= FIRST_REST * LONGEST


def test_a_successful_probe_closes_the_breaker(open_health):
    """
    All calls are let through, and the next failure is the first.
    """
    open_health.acquire(3.0, "probe")

    assert open_health.succeed()
    assert not open_health.succeed()
    assert open_health.acquire(3.0, "next")
    assert (open_health.breaker(), open_health.next_probe(3.0), open_health.failures) == ("closed", None, 0)


def test_a_rejected_probe_closes_the_breaker(open_health):
    """
    An endpoint that rejects requests works.
    """
    open_health.acquire(3.0, "probe")

    assert reject(open_health, 3.0) == "closed"
    assert open_health.acquire(3.0, "next")


def test_failed_probes_double_the_rest(open_health):
    """
    It grows up to a maximum, and an answer shortens it again.
    """
    now, rests = 0.0, []
    for _ in range(8):
        now += open_health.next_probe(now)
        assert open_health.acquire(now, "probe")
        assert fail(open_health, now) == "open"
        rests.append(open_health.next_probe(now))

    for rest, expected in zip(rests, (4.0, 8.0, 16.0, 32.0, *[MAX_REST] * 4), strict=True):
        assert expected <= rest <= expected * LONGEST
    open_health.succeed()
    for _ in range(FAILURES_TO_OPEN):
        fail(open_health, now)
    assert open_health.next_probe(now) <= FIRST_REST * LONGEST


def test_a_probe_without_result_is_released(open_health):
    """
    The next call probes, and others cannot release its probe.
    """
    open_health.acquire(3.0, "cancelled")
    open_health.release("other")
    assert not open_health.acquire(3.0, "next")

    open_health.release("cancelled")

    assert open_health.breaker() == "open"
    assert open_health.acquire(3.0, "next")


@pytest.mark.parametrize("ended", [0.5, 3.0, 500.0])
def test_failures_of_older_attempts_do_not_extend_the_rest(open_health, ended):
    """
    They began before the breaker opened, and tell nothing about the endpoint since then. A probe continues.
    """
    until = open_health.next_probe(0.0)
    if ended > until:
        assert open_health.acquire(ended, "probe")

    for _ in range(64):
        assert fail(open_health, ended, started=-1.0) is None

    assert open_health.next_probe(0.0) == until
    assert not open_health.acquire(ended, "other")
    open_health.release("probe")
    assert open_health.acquire(max(ended, until), "next")


def test_failures_of_older_attempts_do_not_open_a_closed_breaker(open_health):
    """
    Those that began before it opened do not count after it has closed.
    """
    open_health.succeed()

    for _ in range(64):
        assert fail(open_health, 60.0, started=-1.0) is None

    assert (open_health.breaker(), open_health.failures, open_health.calls(60.0)[1]) == ("closed", 0, 67)


def test_a_failure_after_the_rest_is_that_of_a_probe(open_health):
    """
    Calls with a single endpoint are sent without a probe.
    """
    assert fail(open_health, 1.0, started=1.0) is None
    assert fail(open_health, 30.0, started=30.0) == "open"
    assert 4.0 <= open_health.next_probe(30.0) <= 4.0 * LONGEST


@pytest.mark.parametrize(
    ("asked", "rest"),
    [(None, 2.0), (1.0, 2.0), (30.0, 30.0), (1000.0, MAX_REST), (math.inf, MAX_REST), (math.nan, 2.0), (-5.0, 2.0)],
)
def test_retry_after_extends_the_rest(health, asked, rest):
    """
    The endpoint rests at least as long as it asks, up to the maximum.
    """
    for _ in range(FAILURES_TO_OPEN):
        fail(health, 0.0, error=CapacityError("Full.", status=503, retry_after=asked))

    assert rest <= health.next_probe(0.0) <= rest * LONGEST


def test_the_first_content_of_a_stream_closes_the_breaker(open_health):
    """
    While the breaker is closed, it does not reset the failures: the stream may still break.
    """
    open_health.acquire(3.0, "probe")

    assert open_health.record_first_token(0.1)
    assert open_health.breaker() == "closed"
    fail(open_health, 4.0)
    assert not open_health.record_first_token(0.1)
    assert open_health.failures == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServerError("No."), True),
        (CapacityError("No."), True),
        (ConnectionFailedError("No."), True),
        (BadResponseError("No."), True),
        (RequestTimeoutError("Slow.", phase="attempt"), True),
        (RequestTimeoutError("Slow.", phase="deadline"), False),
        (StreamInterruptedError("No."), True),
        (interrupt(ConnectionFailedError("No.")), True),
        (interrupt(OSError("No.")), True),
        (interrupt(RequestTimeoutError("Slow.", phase="deadline")), False),
        (interrupt(RateLimitError("No.")), False),
        (RateLimitError("No."), False),
        (AuthenticationError("No."), False),
        (BudwoodError("No."), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_failures_are_those_of_the_endpoint(error, expected):
    """
    Rejected requests, limits of the account and deadlines of the user are not among them.
    """
    assert is_failure(error) is expected


@pytest.mark.parametrize(
    ("error", "is_answered"),
    [
        (RequestTimeoutError("Slow.", phase="deadline"), True),
        (interrupt(RequestTimeoutError("Slow.", phase="deadline")), True),
        (KeyboardInterrupt(), True),
        (BudwoodError("No."), True),
        (RateLimitError("No key has room."), False),
    ],
)
def test_other_ends_change_nothing(open_health, error, is_answered):
    """
    A deadline, a cancelled call, and an error before sending tell nothing about the endpoint.
    """
    open_health.acquire(3.0, "probe")
    before = vars(open_health).copy()

    assert open_health.record_error(error, 3.0, 3.0, random.Random(0), is_answered=is_answered) is None
    assert vars(open_health) == before


@pytest.mark.parametrize(
    ("seconds", "is_answered", "opens"), [(9.9, False, False), (10.0, False, True), (60.0, True, False)]
)
def test_a_silent_endpoint_fails(health, seconds, is_answered, opens):
    """
    The deadline of a call is a failure if the endpoint has sent nothing for 10 s.

    Otherwise programs with a short timeout would always ask a hanging server first.
    """
    for _ in range(FAILURES_TO_OPEN):
        error = RequestTimeoutError("Slow.", phase="deadline")
        changed = health.record_error(error, 0.0, seconds, random.Random(0), is_answered=is_answered)

    assert changed == ("open" if opens else None)


def test_only_one_of_many_threads_probes():
    """
    They ask at the same time.
    """
    with ThreadPoolExecutor(8) as pool:
        for _ in range(50):
            health = Health()
            for _ in range(FAILURES_TO_OPEN):
                fail(health, 0.0)

            assert sum(pool.map(partial(health.acquire, 3.0), range(32))) == 1


# The budget of retries.


def test_ten_retries_a_minute_are_always_possible(health):
    """
    They are available again after a minute.
    """
    assert [health.take_retry(0.0) for _ in range(11)] == [*[True] * 10, False]
    assert not health.take_retry(59.9)
    assert health.take_retry(62.0)


def test_a_fifth_of_the_calls_may_be_retried(health):
    """
    Retries themselves are not among these calls.
    """
    taken = 0
    for _ in range(1000):
        health.outcomes.append((0.0, True))
        taken += take_retries(health, 0.0)

    assert taken == 210


def test_many_attempts_are_counted_exactly(health):
    """
    The memory is bounded, and so are counts of a minute.
    """
    for number in range(100_000):
        now = number / 1000
        health.outcomes.append((now, number % 10 == 0))
        if len(health.outcomes) > MAX_OUTCOMES:
            health.count_outcomes(now)

    calls, failures = health.calls(99.999)
    assert 60_000 <= calls <= 61_000
    assert failures == calls // 10
    assert len(health.outcomes) + len(health._seconds) <= MAX_OUTCOMES + 62
    assert take_retries(health, 99.999) == 10 + calls // 5


@pytest.mark.parametrize(("now", "calls"), [(1059.9, 1), (1061.0, 0)])
def test_attempts_are_counted_for_a_minute(health, now, calls):
    """
    A second is counted as a whole.
    """
    health.outcomes.append((1000.0, False))

    assert health.calls(now) == (calls, 0)


def test_threads_count_together(health):
    """
    No outcome is lost or counted twice.
    """

    def record(_):
        for _ in range(2000):
            health.outcomes.append((0.0, False))
            health.count_outcomes(0.0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, range(8)))

    assert health.calls(0.0) == (16_000, 0)


# Latencies.


def test_percentiles_are_nearest_ranks(health):
    """
    They need 20 latencies.
    """
    health.latencies.extend(float(number) for number in range(1, 20))
    assert health.percentile(95, streamed=False) is None

    health.latencies.append(20.0)

    assert health.percentile(95, streamed=False) == 19.0
    assert health.percentile(50, streamed=False) == 10.0
    assert health.percentile(95, streamed=True) is None


def test_recent_streams_count_most(health):
    """
    The average time to the first content follows a change.
    """
    assert health.first_token is None
    for _ in range(100):
        health.record_first_token(1.0)
    for _ in range(10):
        health.record_first_token(3.0)

    assert 2.7 < health.first_token < 3.0
    assert len(health.first_tokens) == 110


def test_errors_are_not_kept(health):
    """
    Only the names of their classes are, so that nothing of a request stays in memory.
    """
    fail(health, 0.0, error=ProviderError("sk-secret"))
    fail(health, 0.0, error=ServerError("sk-secret"))

    assert "sk-secret" not in repr(vars(health))
