"""The pool of an endpoint's keys."""

from __future__ import annotations

import math
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from pydantic import SecretStr

from budwood.engine.pipeline.credentials import Lease
from budwood.engine.reliability.key_groups import MAX_AGE, MAX_REST, KeyGroups
from budwood.engine.reliability.key_pool import Grant, Key, KeyPool
from budwood.engine.reliability.key_queue import STALL_SECONDS, Waiter
from budwood.errors import AuthenticationError, QuotaExhaustedError, RateLimitError, ServerError
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


class KeyPoolMachine(RuleBasedStateMachine):
    """
    Leases, replies, failures, resets and steps of the clock in any order, at two endpoints that share a group.

    The model knows of each key whether it may be used, from when, and who waits.
    """

    grants = Bundle("grants")

    @initialize()
    def start(self):
        self.now = NOW
        registry = KeyGroups()
        self.pools = [
            make_pool("shared", "own-1", "own-1", "own-2", registry=registry),
            make_pool("shared", "other", registry=registry),
        ]
        self.waiting: list[list[Waiter]] = [[], []]
        self.rejected: set[Key] = set()
        self.exhausted: set[str] = set()
        self.rests: dict[str, float] = {}

    def list_usable(self, pool: KeyPool) -> list[Key]:
        """
        Return the keys that are neither rejected nor exhausted.
        """
        return [key for key in pool.keys if key not in self.rejected and key.group.name not in self.exhausted]

    def check_grant(self, pool: KeyPool, grant: Grant | None, ready: dict[Key, tuple[int, int]], preferred) -> None:
        """
        Check that a key may be used now, and that it is the right one.
        """
        assert (grant is None) == (not ready)
        if grant is None:
            return
        assert grant.key in self.list_usable(pool)
        assert self.rests.get(grant.key.group.name, 0.0) <= self.now  # no use of a resting key before its time
        names = {key.group.name for key in ready}
        liked = next((name for name in preferred if name in names), None)
        candidates = [key for key in ready if liked is None or key.group.name == liked]
        assert ready[grant.key] == min(ready[key] for key in candidates)

    @rule(target=grants, number=st.integers(0, 1), preferred=st.sampled_from([(), ("shared",), ("own-2", "own-1")]))
    def acquire(self, number, preferred):
        pool = self.pools[number]
        waiter = self.waiting[number][0] if self.waiting[number] else None
        ready = {
            key: (key.group.used, key.used)
            for key in self.list_usable(pool)
            if key.group.ready_at(self.now) <= self.now
        }

        grant = pool.acquire(self.now, preferred, waiter=waiter)

        self.check_grant(pool, grant, ready, preferred)
        if grant is None:
            return None
        if waiter is not None:
            pool.leave(self.waiting[number].pop(0))
        return pool, grant

    @rule(number=st.integers(0, 1))
    def join(self, number):
        self.waiting[number].append(self.pools[number].join())

    @rule(number=st.integers(0, 1), place=st.integers(0, 5))
    def leave(self, number, place):
        waiting = self.waiting[number]
        if place < len(waiting):
            following = waiting[1].latch if place == 0 and len(waiting) > 1 else None
            self.pools[number].leave(waiting.pop(place))
            assert following is None or following.is_set

    @rule(number=st.integers(0, 1))
    def nobody_passes_the_first_waiter(self, number):
        for waiter in (None, *self.waiting[number][1:]) if self.waiting[number] else ():
            assert self.pools[number].acquire(self.now, (), waiter=waiter) is None

    @rule(grant=grants, tokens=st.none() | st.integers(0, 1000))
    def succeed(self, grant, tokens):
        if grant is not None:
            grant[0].succeed(grant[1], tokens)

    @rule(
        grant=grants,
        left=st.integers(-1, 3),
        limit=st.sampled_from([None, 0, 3, 100]),
        reset=st.sampled_from([None, 0.0, -1.0, 1.0, 30.0, 7200.0, math.inf, math.nan]),
    )
    def report(self, grant, left, limit, reset):
        if grant is not None:
            limits = RateLimits(
                remaining_requests=left, limit_requests=limit, reset_requests=reset, remaining_tokens=50
            )
            grant[0].record_limits(grant[1].key.group.name, limits, self.now)

    @rule(grant=grants, seconds=st.sampled_from([None, 0.0, 0.5, 3.0, 90.0]))
    def limit(self, grant, seconds):
        if grant is None:
            return
        pool, (key, _) = grant
        before = key.group.rests_until
        limit(pool, grant[1], seconds, now=self.now)
        rest = key.group.rests_until
        assert seconds is None or rest >= self.now + seconds  # a vendor's time is honoured
        assert before <= rest <= max(before, self.now + max(seconds or 0.0, MAX_REST * 1.2))
        self.rests[key.group.name] = rest

    @rule(grant=grants)
    def reject(self, grant):
        if grant is not None:
            grant[0].fail(grant[1], AuthenticationError("No."), None, self.now, CHANCE)
            self.rejected.add(grant[1].key)

    @rule(grant=grants)
    def exhaust(self, grant):
        if grant is not None:
            grant[0].fail(grant[1], QuotaExhaustedError("Spent."), None, self.now, CHANCE)
            self.exhausted.add(grant[1].key.group.name)

    @rule(grant=grants)
    def fail(self, grant):
        if grant is not None:
            grant[0].fail(grant[1], ServerError("Broken."), None, self.now, CHANCE)

    @rule(number=st.integers(0, 1))
    def restore(self, number):
        first = self.waiting[number][0].latch if self.waiting[number] else None
        self.pools[number].restore()
        self.rejected.difference_update(self.pools[number].keys)
        self.exhausted.difference_update(key.group.name for key in self.pools[number].keys)
        assert first is None or first.is_set

    @rule()
    def reset(self):
        self.pools[0]._groups.reset()
        for pool in self.pools:
            pool.reset()
        self.waiting = [[], []]
        self.rejected.clear()
        self.exhausted.clear()
        self.rests.clear()

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 30.0, 100.0]))
    def step(self, seconds):
        self.now += seconds

    @rule()
    def no_waiter_starves(self):
        """
        Whoever waits as long as the pool says gets a key, one after the other.
        """
        for number, pool in enumerate(self.pools):
            while self.waiting[number] and self.list_usable(pool):
                self.now += pool.ready_in(self.now)
                assert pool.acquire(self.now, (), waiter=self.waiting[number][0]) is not None
                pool.leave(self.waiting[number].pop(0))

    @rule()
    def limited_groups_are_used_again(self):
        """
        A minute after its rest, or earlier, each group can be used, whatever its headers said.
        """
        self.now = max([self.now, *self.rests.values()]) + MAX_AGE
        assert all(key.group.ready_at(self.now) <= self.now + MAX_AGE for pool in self.pools for key in pool.keys)

    @invariant()
    def no_key_is_lost(self):
        for pool in getattr(self, "pools", ()):
            usable = self.list_usable(pool)
            assert pool.is_spent() == (not usable)
            seconds = pool.ready_in(self.now)
            assert (seconds is None) == (not usable)
            if seconds is not None:
                assert seconds >= max(min(self.rests.get(key.group.name, 0.0) for key in usable) - self.now, 0.0)


TestKeyPool = KeyPoolMachine.TestCase
