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
from budwood.engine.reliability.key_groups import MAX_REST, KeyGroups
from budwood.engine.reliability.key_pool import Key, KeyPool
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


def test_restore_brings_back_rejected_and_exhausted_keys_and_wakes_waiters():
    """
    Those that a rate limit rests stay so.
    """
    pool = make_pool("a", "b", "c")
    errors = AuthenticationError("No."), QuotaExhaustedError("Spent."), RateLimitError("Slow.", retry_after=9.0)
    for name, error in zip("abc", errors, strict=True):
        pool.fail(pool.acquire(NOW, (name,)), error, None, NOW, CHANCE)
    restored = pool.restored

    pool.restore()

    assert restored.is_set
    assert not pool.restored.is_set
    assert {get_label(pool.acquire(NOW)) for _ in range(6)} == {"key-1", "key-2"}


def test_reset_forgets_everything():
    """
    As after a fork: the lock of another thread is replaced, and waiters of the other process are not woken.
    """
    pool = make_pool("a")
    pool.fail(pool.acquire(NOW), AuthenticationError("No."), None, NOW, CHANCE)
    restored, registry = pool.restored, pool._groups
    registry.lock.acquire()

    registry.reset()
    pool.reset()

    assert get_label(pool.acquire(NOW)) == "key-1"
    assert (pool.keys[0].record.calls, pool.keys[0].record.last_error, restored.is_set) == (0, None, False)


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

    The model knows of each key whether it may be used, and from when.
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
        self.rejected: set[int] = set()
        self.exhausted: set[str] = set()
        self.rests: dict[str, float] = {}

    def is_usable(self, key: Key) -> bool:
        """
        Tell whether the model permits the use of a key.
        """
        return id(key) not in self.rejected and key.group.name not in self.exhausted

    @rule(target=grants, pool=st.integers(0, 1), preferred=st.sampled_from([(), ("shared",), ("own-2", "own-1")]))
    def acquire(self, pool, preferred):
        pool = self.pools[pool]
        ready = [key for key in pool.keys if self.is_usable(key) and self.rests.get(key.group.name, 0) <= self.now]
        before = {id(key): (key.group.used, key.used) for key in ready}
        has_room = {id(key): key.group.has_room(self.now) for key in ready}

        grant = pool.acquire(self.now, preferred)

        assert (grant is None) == (not ready)
        if grant is None:
            return None
        assert grant.key in ready
        liked = [key for key in ready if key.group.name in preferred and has_room[id(key)]]
        with_room = [key for key in ready if has_room[id(key)]] or ready
        if liked:
            assert grant.key.group.name == next(n for n in preferred if any(key.group.name == n for key in liked))
        elif not preferred:
            assert before[id(grant.key)] == min(before[id(key)] for key in with_room)
        return pool, grant

    @rule(grant=grants, tokens=st.none() | st.integers(0, 1000))
    def succeed(self, grant, tokens):
        if grant is not None:
            grant[0].succeed(grant[1], tokens)

    @rule(grant=grants, left=st.integers(0, 3), reset=st.none() | st.sampled_from([0.0, 1.0, 30.0]))
    def report(self, grant, left, reset):
        if grant is not None:
            limits = RateLimits(remaining_requests=left, limit_requests=3, reset_requests=reset, remaining_tokens=50)
            grant[0].record_limits(grant[1].key.group.name, limits, self.now)

    @rule(grant=grants, seconds=st.none() | st.sampled_from([0.0, 0.5, 3.0, 90.0]))
    def limit(self, grant, seconds):
        if grant is None:
            return
        pool, (key, _) = grant
        before = key.group.ready_at
        limit(pool, grant[1], seconds, now=self.now)
        if seconds is not None:
            assert key.group.ready_at >= self.now + seconds  # a vendor's time is honoured
        assert key.group.ready_at <= max(before, self.now + max(seconds or 0.0, MAX_REST * 1.2))
        self.rests[key.group.name] = key.group.ready_at

    @rule(grant=grants)
    def reject(self, grant):
        if grant is not None:
            grant[0].fail(grant[1], AuthenticationError("No."), None, self.now, CHANCE)
            self.rejected.add(id(grant[1].key))

    @rule(grant=grants)
    def exhaust(self, grant):
        if grant is not None:
            grant[0].fail(grant[1], QuotaExhaustedError("Spent."), None, self.now, CHANCE)
            self.exhausted.add(grant[1].key.group.name)

    @rule(grant=grants)
    def fail(self, grant):
        if grant is not None:
            grant[0].fail(grant[1], ServerError("Broken."), None, self.now, CHANCE)

    @rule(pool=st.integers(0, 1))
    def restore(self, pool):
        self.pools[pool].restore()
        self.rejected -= {id(key) for key in self.pools[pool].keys}
        self.exhausted -= {key.group.name for key in self.pools[pool].keys}

    @rule()
    def reset(self):
        self.pools[0]._groups.reset()
        for pool in self.pools:
            pool.reset()
        self.rejected.clear()
        self.exhausted.clear()
        self.rests.clear()

    @rule(seconds=st.sampled_from([0.0, 0.05, 1.0, 30.0, 100.0]))
    def step(self, seconds):
        self.now += seconds

    @rule()
    def wait_for_the_first(self):
        """
        Whoever waits as long as the pool says gets a key.
        """
        for pool in self.pools:
            seconds = pool.ready_in(self.now)
            if seconds is not None:
                self.now += seconds
                assert pool.acquire(self.now) is not None

    @invariant()
    def no_key_is_lost(self):
        if not hasattr(self, "pools"):
            return
        for pool in self.pools:
            usable = [key for key in pool.keys if self.is_usable(key)]
            assert pool.is_spent() == (not usable)
            seconds = pool.ready_in(self.now)
            assert (seconds is None) == (not usable)
            if usable:
                first = min(self.rests.get(key.group.name, 0.0) for key in usable)
                assert seconds == max(first - self.now, 0.0)


TestKeyPool = KeyPoolMachine.TestCase
