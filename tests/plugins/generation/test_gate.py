from __future__ import annotations

import heapq
from random import Random

import pytest

from budwood.errors import ConnectionFailedError, RateLimitError
from budwood_generation.runs.gate import FIRST_DELAY, JITTER, MAX_DELAY, Gate

DOWN = ConnectionFailedError("refused")
PATIENCE = 900.0


def make_gate(slots=16, patience=PATIENCE):
    """Return a gate at the time 0."""
    return Gate(slots, patience, 0.0, Random(1))


def fail_calls(gate, number, now=0.0, error=DOWN):
    """Let calls through that fail."""
    for _ in range(number):
        gate.fail(gate.enter(now), error, now)


def paused_gate(slots=16, patience=PATIENCE):
    """Return a gate that paused at the time 0."""
    gate = make_gate(slots, patience)
    fail_calls(gate, 16)
    assert gate.pause is not None
    return gate


def test_as_many_calls_run_as_there_are_slots():
    """
    A gate without failures limits nothing else.
    """
    gate = make_gate(slots=3)
    tickets = [gate.enter(0.0) for _ in range(3)]

    assert not gate.admits(0.0)
    gate.succeed(tickets[0], 1.0)
    assert gate.admits(1.0)


@pytest.mark.parametrize(("slots", "failures"), [(1, 3), (3, 3), (8, 8), (16, 16), (1000, 16)])
def test_failures_in_a_row_pause_the_gate(slots, failures):
    """
    The pause has the error, and the time of the first failure.
    """
    gate = make_gate(slots)
    fail_calls(gate, failures - 1, now=5.0)
    assert gate.pause is None
    assert gate.admits(5.0)

    fail_calls(gate, 1, now=6.0)

    assert not gate.admits(6.0)
    assert (gate.pause.since, gate.pause.error) == (5.0, DOWN)
    assert 6.0 + FIRST_DELAY <= gate.pause.until <= 6.0 + FIRST_DELAY * (1 + JITTER)


def test_a_success_between_failures_prevents_a_pause():
    """
    Only failures without any success count.
    """
    gate = make_gate(slots=4)
    for _ in range(20):
        fail_calls(gate, 3)
        gate.succeed(gate.enter(0.0), 0.0)

    assert gate.pause is None


def test_one_probe_runs_at_a_time():
    """
    After the delay, one call tests the endpoint; others wait for its outcome.
    """
    gate = paused_gate()
    now = gate.next_time()

    assert gate.admits(now)
    probe = gate.enter(now)
    assert not gate.admits(now + 1000)
    assert gate.next_time() is None
    gate.succeed(probe, now + 1)
    assert gate.pause is None


def test_delays_between_probes_grow_up_to_a_maximum():
    """
    They double, and have a jitter of at most 20 %.
    """
    gate = paused_gate()
    delays, now = [], 0.0
    for _ in range(9):
        delays.append(gate.next_time() - now)
        now = gate.next_time()
        fail_calls(gate, 1, now)

    for delay, expected in zip(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert expected <= delay <= expected * (1 + JITTER)
    assert max(delays) <= MAX_DELAY * (1 + JITTER)


def test_a_pause_lasts_as_long_as_the_server_asks():
    """
    Retry-After of the last failure sets the time of the next probe, also that of a call that started before the pause.
    """
    gate = make_gate()
    late = gate.enter(0.0)
    fail_calls(gate, 16, error=RateLimitError("slow down", retry_after=30.0))
    assert gate.next_time() == 30.0

    gate.fail(late, RateLimitError("slow down", retry_after=50.0), 1.0)

    assert gate.next_time() == 51.0


def test_the_last_probe_is_sent_when_the_patience_ends():
    """
    However long the server asks to wait. If it fails, the patience is exhausted.
    """
    gate = make_gate(patience=100.0)
    fail_calls(gate, 16, error=RateLimitError("slow down", retry_after=5000.0))

    assert gate.next_time() == 100.0
    assert not gate.is_exhausted
    fail_calls(gate, 1, now=100.0)
    assert gate.is_exhausted


def test_without_patience_the_first_pause_exhausts_it():
    """
    With 0 the run stops instead of waiting.
    """
    assert paused_gate(patience=0.0).is_exhausted


def test_a_success_of_an_earlier_call_ends_a_pause():
    """
    The endpoint answers, whichever call it is.
    """
    gate = make_gate()
    late = gate.enter(0.0)
    fail_calls(gate, 16)

    gate.succeed(late, 0.5)

    assert gate.admits(0.5)


def test_few_calls_start_after_a_pause_and_then_more():
    """
    A server that has just started gets an eighth of the calls, and twice as many with each round trip.
    """
    gate = paused_gate(slots=64)
    now = gate.next_time()
    gate.succeed(gate.enter(now), now)
    limits = []
    for _ in range(4):
        limits.append(gate.limit)
        for ticket in [gate.enter(now) for _ in range(gate.limit)]:
            gate.succeed(ticket, now)

    assert limits == [8, 16, 32, 64]


def test_a_cancelled_probe_permits_another():
    """
    A call that ends without an outcome changes nothing.
    """
    gate = paused_gate()
    now = gate.next_time()

    gate.leave(gate.enter(now))

    assert gate.admits(now)
    assert gate.running == 0


def simulate(gate, outcome, *, latency=1.0, seconds=600.0):
    """
    Send calls for a time, as many as the gate admits. A call fails if ``outcome(running)`` is false.

    Returns the number of successes.
    """
    now, successes, order = 0.0, 0, 0
    ends = []
    while now < seconds:
        while gate.admits(now):
            ticket = gate.enter(now)
            order += 1
            heapq.heappush(ends, (now + latency, order, ticket, outcome(gate.running)))
        if not ends:
            now = gate.next_time()
            continue
        now, _, ticket, is_success = heapq.heappop(ends)
        if is_success:
            successes += 1
            gate.succeed(ticket, now)
        else:
            gate.fail(ticket, DOWN, now)
    return successes


@pytest.mark.parametrize("slots", [1, 4, 16, 64, 256])
@pytest.mark.parametrize(("share", "least"), [(0.1, 0.8), (0.3, 0.6)])
def test_random_failures_keep_the_throughput(slots, share, least):
    """
    They do not depend on the number of calls at a time, which therefore stays as it is.
    """
    random = Random(3)
    gate = make_gate(slots)

    successes = simulate(gate, lambda _running: random.random() >= share)

    assert successes >= least * slots * 600


def test_fewer_calls_run_at_a_time_if_that_helps():
    """
    A server that fails with more than ten calls at a time gets about ten.
    """
    gate = make_gate(64)

    successes = simulate(gate, lambda running: running <= 10)

    assert successes >= 0.5 * 10 * 600
    assert gate.limit <= 30


def test_the_limit_rises_again_after_an_overload():
    """
    When the server is no longer overloaded, all slots are used.
    """
    gate = make_gate(64)
    simulate(gate, lambda running: running <= 10, seconds=60.0)

    simulate(gate, lambda _running: True, seconds=200.0)

    assert gate.limit == 64
