"""The pool of an endpoint's keys."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from pydantic import SecretStr

from budwood.engine.endpoints.credentials import Lease
from budwood.engine.keys.groups import MAX_REST, KeyGroups
from budwood.engine.keys.pool import Key, KeyPool
from budwood.engine.keys.queue import STALL_SECONDS
from budwood.errors import AuthenticationError, QuotaExhaustedError, RateLimitError
from budwood.types import Credential, RateLimits

NOW = 1000.0
CHANCE = random.Random(1)


def make_pool(*groups, registry=None):
    """
    Return a pool with a key for each name of a group; keys of the same name share a quota.
    """
    registry = registry or KeyGroups()
    keys = []
    for number, name in enumerate(groups, 1):
        credential = Credential(secret=SecretStr(f"secret-{number}"), label=f"key-{number}")
        keys.append(Key(Lease(credential, group=name), registry.named(name)))
    return KeyPool("vendor", keys, registry)


def get_label(grant):
    """
    Return the label of a key.
    """
    return grant.key.lease.credential.label


def limit(pool, grant, seconds=None, *, now=NOW, limits=None):
    """
    Answer an attempt with a rate limit.
    """
    pool.fail(grant, RateLimitError("Slow down.", retry_after=seconds), limits, now, CHANCE)


def test_groups_take_turns_and_so_do_the_keys_of_each():
    """
    A group with more keys gets no more attempts, since its keys share one quota.
    """
    pool = make_pool("a", "a", "b")

    labels = [get_label(pool.acquire(NOW)) for _ in range(6)]

    assert labels == ["key-1", "key-3", "key-2", "key-3", "key-1", "key-3"]


def test_preferred_groups_are_used_first_while_they_have_room():
    """
    After that the others take turns.
    """
    pool = make_pool("a", "b", "c")

    grants = [pool.acquire(NOW, ("b",)) for _ in range(2)]
    pool.record_limits("b", RateLimits(remaining_requests=1, reset_requests=60.0), NOW)
    grants += [pool.acquire(NOW, ("b",)) for _ in range(2)]

    assert [get_label(grant) for grant in grants] == ["key-2", "key-2", "key-2", "key-1"]


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (RateLimits(remaining_requests=0, reset_requests=7.0, remaining_tokens=9, reset_tokens=50.0), 7.0),
        (RateLimits(remaining_requests=0, reset_requests=7.0, remaining_tokens=0, reset_tokens=50.0), 50.0),
        (RateLimits(reset_requests=7.0, reset_tokens=50.0), 7.0),
    ],
)
def test_without_a_time_a_limited_group_rests_until_the_reset_in_its_headers(limits, seconds):
    """
    That of the limit that is used up.
    """
    pool = make_pool("a")

    limit(pool, pool.acquire(NOW), limits=limits)

    assert pool.acquire(NOW + seconds - 0.01) is None
    assert pool.acquire(NOW + seconds) is not None


def test_without_any_time_it_backs_off_longer_and_longer_until_it_succeeds():
    """
    The rest doubles up to a limit, and a success ends that.
    """
    pool, now, rests = make_pool("a"), NOW, []
    for _ in range(12):
        limit(pool, pool.acquire(now), now=now)
        rests.append(pool.ready_in(now))
        now += rests[-1]
    pool.succeed(pool.acquire(now), 10)
    limit(pool, pool.acquire(now), now=now)

    assert rests[0] < 0.7
    assert all(later > earlier for earlier, later in pairwise(rests[:7]))
    assert max(rests) <= MAX_REST * 1.2
    assert pool.ready_in(now) < 0.7


def test_attempts_that_were_under_way_do_not_prolong_a_backoff():
    """
    Many rate limits at a time are one.
    """
    pool = make_pool("a")
    grants = [pool.acquire(NOW) for _ in range(32)]

    for grant in grants:
        limit(pool, grant)

    assert pool.ready_in(NOW) < 0.7
    assert not pool.is_limited()


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -5.0, 0.0])
def test_a_time_that_makes_no_sense_becomes_a_short_rest(seconds):
    """
    The group is used again soon, but not at once.
    """
    pool = make_pool("a")

    limit(pool, pool.acquire(NOW), seconds)

    assert 0.05 < pool.ready_in(NOW) < 1.0


def test_groups_of_one_name_are_one_for_several_endpoints():
    """
    A quota that is exhausted at one endpoint is exhausted at the other; a rejected key is rejected at its own only.
    """
    registry = KeyGroups()
    first, second = make_pool("a", "b", registry=registry), make_pool("a", "b", registry=registry)

    first.fail(first.acquire(NOW, ("a",)), QuotaExhaustedError("Spent."), None, NOW, CHANCE)
    first.fail(first.acquire(NOW, ("b",)), AuthenticationError("No."), None, NOW, CHANCE)

    assert (first.is_spent(), second.is_spent()) == (True, False)
    assert {get_label(second.acquire(NOW)) for _ in range(5)} == {"key-2"}


def test_restore_brings_back_rejected_and_exhausted_keys_and_wakes_the_first_waiter():
    """
    Those that a rate limit rests stay so.
    """
    pool = make_pool("a", "b", "c")
    errors = AuthenticationError("No."), QuotaExhaustedError("Spent."), RateLimitError("Slow.", retry_after=9.0)
    for name, error in zip("abc", errors, strict=True):
        pool.fail(pool.acquire(NOW, (name,)), error, None, NOW, CHANCE)
    latches = [pool.join().latch for _ in range(2)]

    pool.restore()

    assert [latch.is_set for latch in latches] == [True, False]
    assert {get_label(pool.acquire(NOW, (), waiter=pool._queue.first)) for _ in range(4)} == {"key-1", "key-2"}


def test_reset_forgets_everything():
    """
    As after a fork: the lock of another thread is replaced, and waiters of the other process are not woken.
    """
    pool = make_pool("a")
    pool.fail(pool.acquire(NOW), AuthenticationError("No."), None, NOW, CHANCE)
    latch, registry = pool.join().latch, pool._groups
    registry.lock.acquire()

    registry.reset()
    pool.reset()

    assert get_label(pool.acquire(NOW)) == "key-1"
    assert (pool.keys[0].record.calls, pool.keys[0].record.last_error, latch.is_set) == (0, None, False)


def test_waiters_get_keys_in_the_order_of_their_arrival():
    """
    One that arrives later does not pass them, and one that leaves does not hold up the others.
    """
    pool = make_pool("a")
    limit(pool, pool.acquire(NOW), 5.0)
    first, second, third = (pool.join() for _ in range(3))
    latches = [waiter.latch for waiter in (first, second, third)]

    assert [pool.begin_turn(waiter, NOW + 5, NOW) for waiter in (first, second, third)] == [True, False, False]
    assert (pool.acquire(NOW + 5), pool.acquire(NOW + 5, (), waiter=second)) == (None, None)
    pool.leave(second)
    assert not any(latch.is_set for latch in latches)
    assert pool.acquire(NOW + 5, (), waiter=first) is not None
    pool.leave(first)
    assert [latch.is_set for latch in latches] == [False, False, True]


def test_a_waiter_that_leaves_its_turn_unused_is_passed():
    """
    As one whose event loop has stopped. It keeps a place at the end.
    """
    pool = make_pool("a")
    limit(pool, pool.acquire(NOW), 5.0)
    stalled, second = pool.join(), pool.join()
    pool.begin_turn(stalled, NOW + 5, NOW)
    latch = second.latch

    assert not pool.begin_turn(second, NOW + 5, NOW + 5 + STALL_SECONDS / 2)
    assert not latch.is_set
    assert not pool.begin_turn(second, NOW + 5, NOW + 5 + STALL_SECONDS)
    assert latch.is_set
    assert pool.begin_turn(second, NOW + 11, NOW + 11)
    pool.leave(second)
    third = pool.join()
    assert not pool.begin_turn(third, NOW + 11, NOW + 11)
    assert pool.begin_turn(stalled, NOW + 11, NOW + 11)


def test_after_a_rest_a_group_is_used_as_much_as_it_granted_before():
    """
    Not more, so that waiting attempts are not all rejected; then a little more in each period, until nothing waits.
    """
    pool, now = make_pool("a"), NOW
    grants = [pool.acquire(now) for _ in range(12)]
    for grant in grants[:8]:
        pool.succeed(grant, None)
    for grant in grants[8:]:
        limit(pool, grant, 10.0)

    granted = []
    for _ in range(3):
        now += pool.ready_in(now)
        granted.append(len(drain(pool, now, 100)))
    now += pool.ready_in(now)
    pool.acquire(now)  # no more is needed in this period
    now += 10.0

    assert granted == [8, 10, 13]
    assert len(drain(pool, now, 100)) == 100


def test_a_group_is_used_more_as_soon_as_its_attempts_succeed():
    """
    A step more each time, without waiting for the next period; one that granted nothing before begins with one.
    """
    pool = make_pool("a")
    limit(pool, pool.acquire(NOW), 10.0)
    now, steps = NOW + 10, []
    for _ in range(6):
        grants = drain(pool, now, 100)
        steps.append(len(grants))
        for grant in grants:
            pool.succeed(grant, None)

    assert steps == [1, 1, 1, 1, 1, 2]


def test_use_long_ago_does_not_count_for_the_use_after_a_rest():
    """
    The measure is a minute at most.
    """
    pool = make_pool("a")
    pool.acquire(NOW)
    grants = [pool.acquire(NOW + 3590) for _ in range(61)]
    limit(pool, grants[-1], 10.0, now=NOW + 3590)

    assert len(drain(pool, NOW + 3600, 100)) == 2


def test_headers_pace_a_group_by_its_refill():
    """
    Without requests left it is used again when the vendor has refilled one; headers expire after a minute.
    """
    pool = make_pool("a", "b")
    pool.record_limits("a", RateLimits(remaining_requests=1, limit_requests=7, reset_requests=60.0), NOW)
    pool.record_limits("b", RateLimits(remaining_tokens=0, reset_tokens=3600.0), NOW)

    assert [get_label(grant) for grant in drain(pool, NOW, 3)] == ["key-1"]
    assert pool.ready_in(NOW) == pytest.approx(10.0)
    assert [get_label(grant) for grant in drain(pool, NOW + 10, 3)] == ["key-1"]
    assert {get_label(grant) for grant in drain(pool, NOW + 60, 3)} == {"key-1", "key-2"}


def test_a_key_that_is_given_back_leaves_its_room_to_others():
    """
    As after a call that was cancelled before it was sent.
    """
    pool = make_pool("a")
    limit(pool, pool.acquire(NOW), 10.0)
    now = NOW + 10
    pool.record_limits("a", RateLimits(remaining_requests=1, remaining_tokens=1, reset_requests=9, reset_tokens=9), now)

    for _ in range(3):
        grant = pool.acquire(now)
        assert pool.acquire(now) is None
        pool.give_back(grant)

    assert pool.acquire(now) is not None


@pytest.mark.parametrize(
    "limits",
    [
        RateLimits(remaining_requests=0),
        RateLimits(remaining_requests=0, limit_requests=0, reset_requests=60.0),
        RateLimits(remaining_requests=0, limit_requests=5, reset_requests=math.nan),
        RateLimits(remaining_requests=0, limit_requests=5, reset_requests=-1.0),
    ],
)
def test_headers_that_make_no_sense_do_not_hold_up_attempts(limits):
    """
    Some proxies report that nothing is left, without a limit or a time.
    """
    pool = make_pool("a")

    pool.record_limits("a", limits, NOW)

    assert pool.acquire(NOW) is not None


def test_headers_that_arrive_during_a_rest_do_not_prolong_it():
    """
    They belong to requests that were sent before; the end of the rest is what the vendor asked for.
    """
    pool = make_pool("a")
    limit(pool, pool.acquire(NOW), 10.0)

    pool.record_limits("a", RateLimits(remaining_requests=0, reset_requests=55.0), NOW + 1)

    assert pool.acquire(NOW + 10) is not None


def drain(pool, now, count):
    """
    Return the keys of at most this many attempts.
    """
    return [grant for grant in (pool.acquire(now) for _ in range(count)) if grant is not None]


def test_many_threads_share_a_pool():
    """
    No attempt is lost from the counts, and every key is used about equally.
    """
    pool = make_pool("a", "b", "c", "d")

    def work(_):
        for _ in range(500):
            pool.succeed(pool.acquire(NOW), 2)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    assert [key.record.calls for key in pool.keys] == [1000] * 4
    assert sum(key.record.tokens for key in pool.keys) == 8000
