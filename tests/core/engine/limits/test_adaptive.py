from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.endpoints.health import Health
from budwood.engine.limits import adaptive
from budwood.engine.limits.adaptive import MEMORY_SECONDS, AdaptiveLimit
from budwood.errors import CapacityError, InvalidRequestError, QuotaExhaustedError, RateLimitError, ServerError
from tests.core.engine.limits.overloads import Simulation


@pytest.mark.parametrize("workers", [8, 32, 128])
@pytest.mark.parametrize("seed", range(5))
def test_random_rejections_do_not_lower_the_throughput(workers, seed):
    """
    With 10 % rejections at random, the rate is at least 80 % of the rate without any.
    """
    without = Simulation().run(workers, 60).rate

    assert Simulation(reject=0.1, seed=seed).run(workers, 60).rate >= 0.8 * without


@pytest.mark.parametrize(("workers", "capacity"), [(32, 10), (128, 20), (16, 8)])
def test_overload_is_ended_without_losing_capacity(workers, capacity):
    """
    The limit ends most rejections of a server that takes fewer requests at a time, and uses most of its capacity.
    """
    without = Simulation(lambda _: capacity, is_adaptive=False).run(workers, 60)
    outcome = Simulation(lambda _: capacity).run(workers, 60)

    assert without.rejected > 0.5
    assert outcome.rejected < without.rejected / 3
    assert outcome.rate >= 0.85 * capacity / 0.5
    assert outcome.limit <= capacity + 2


def test_limit_rises_again_after_an_overload():
    """
    When the server takes more requests again, the rate is again what it was.
    """
    simulation = Simulation(lambda now: 10 if 10 < now < 30 else 60)

    before = Simulation(lambda _: 60).run(64, 60).rate
    simulation.run(64, 80)

    assert simulation.resume(20).rate >= 0.85 * before


@pytest.mark.parametrize(
    ("error", "is_overload"),
    [
        (RateLimitError("Slow down.", status=429), True),
        (CapacityError("Full.", status=498), True),
        (ServerError("Unavailable.", status=503), True),
        (ServerError("Overloaded.", status=529), True),
        (ServerError("Broken.", status=500), False),
        (RateLimitError("A limit of ours."), False),
        (QuotaExhaustedError("Paid up.", status=429), False),
        (InvalidRequestError("No.", status=400), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_only_an_overload_starts_a_limit(error, is_overload):
    """
    Rate limits of the server, missing capacity, 503 and 529 start a limit; other errors do not.
    """
    health = Health()
    health.running.update(range(9))

    adaptive.record_failure(health, error, 0.0, 1.0, lambda: False)

    assert (health.adaptive is not None) == is_overload
    if is_overload:
        assert health.adaptive.limit == 10


def test_limit_of_the_user_takes_precedence():
    """
    No limit is started where the settings limit the concurrency, or where only one attempt ran.
    """
    limited, alone = Health(), Health()
    limited.running.update(range(9))

    adaptive.record_failure(limited, RateLimitError("No.", status=429), 0.0, 1.0, lambda: True)
    adaptive.record_failure(alone, RateLimitError("No.", status=429), 0.0, 1.0, lambda: False)

    assert (limited.adaptive, alone.adaptive) == (None, None)


def test_places_are_given_in_order_of_arrival():
    """
    When an attempt ends, the one that has waited the longest gets its place.
    """
    health = Health()
    health.adaptive = limit = AdaptiveLimit(health.running, 2, 0.0)

    assert [limit.enter(1), limit.enter(2)] == [None, None]
    third, fourth, fifth = limit.enter(3), limit.enter(4), limit.enter(5)
    limit.leave(4)
    health.running.discard(2)
    adaptive.record_end(health, 0.0, 1.0, is_rejected=False)

    assert [third.is_set, fourth.is_set, fifth.is_set] == [True, False, False]
    assert health.running == {1, 3}


def test_unneeded_limit_is_removed():
    """
    A limit for which no attempt has waited for a while lets all attempts pass, and is removed.
    """
    health = Health()
    health.adaptive = limit = AdaptiveLimit(health.running, 1, 0.0)
    limit.enter(1)
    waiting = limit.enter(2)

    adaptive.record_end(health, 0.0, MEMORY_SECONDS - 1, is_rejected=False)
    assert health.adaptive is limit
    health.running.clear()
    adaptive.record_end(health, 0.0, MEMORY_SECONDS, is_rejected=None)
    adaptive.record_end(health, 0.0, 3 * MEMORY_SECONDS, is_rejected=False)

    assert waiting.is_set
    assert health.adaptive is None
    assert limit.enter(3) is None
    assert limit.enter(4) is None


def test_limit_falls_at_most_once_per_round_trip():
    """
    Rejections of attempts that were sent before a decrease do not lower the limit again.
    """
    running = set(range(40))
    limit = AdaptiveLimit(running, 40, 0.0)
    limit.count(0.0, 1.0, is_rejected=False)
    for _ in range(60):
        limit.count(1.0, 3.0, is_rejected=True)
    lowered = limit.limit
    for _ in range(200):
        limit.count(1.0, 9.0, is_rejected=True)

    assert lowered == 36
    assert limit.limit == lowered


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "end", "reject"]), st.integers(0, 9)), max_size=80))
def test_no_attempt_is_lost(steps):
    """
    Whatever the order of events, an attempt runs, waits, or has ended; no more run than allowed, and none is forgotten.
    """
    health = Health()
    health.adaptive = limit = AdaptiveLimit(health.running, 3, 0.0)
    latches = {}
    for now, (step, attempt) in enumerate(steps):
        if step == "enter" and attempt not in latches:
            latches[attempt] = limit.enter(attempt)
        elif step == "leave" and attempt in latches:
            limit.leave(attempt)
            del latches[attempt]
        elif attempt in health.running:
            health.running.discard(attempt)
            del latches[attempt]
            adaptive.record_end(health, now, now, is_rejected=step == "reject")

        waiting = {number for number, latch in latches.items() if latch is not None and not latch.is_set}
        assert health.running == latches.keys() - waiting
        assert len(health.running) <= limit.limit
        assert not waiting or len(health.running) == limit.limit
