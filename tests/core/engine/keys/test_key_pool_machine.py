"""Any order of leases, replies, failures, resets, waits and steps of the clock at a pool of keys."""

from __future__ import annotations

import math

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from budwood.engine.keys.groups import MAX_AGE, MAX_REST, KeyGroups
from budwood.engine.keys.pool import Grant, Key, KeyPool
from budwood.engine.keys.queue import Waiter
from budwood.errors import AuthenticationError, QuotaExhaustedError, ServerError
from budwood.types import RateLimits
from tests.core.engine.keys.test_key_pool import CHANCE, NOW, limit, make_pool


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
    def first_waiter_is_not_passed(self, number):
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
        Each waiter that waits as long as the pool says gets a key, in order.
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
