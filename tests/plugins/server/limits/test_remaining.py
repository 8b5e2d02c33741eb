"""What is left of the limits of keys."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from math import inf

import pytest

from budwood.types import Claim
from budwood_server.access.keys import KeyBudget
from budwood_server.limits.counts import LEASE_SECONDS
from budwood_server.limits.keys import KeyLimits
from budwood_server.limits.remaining import read_remaining
from tests.plugins.server.limits.workers import MemoryStore, Workers


class Key:
    """
    A key with limits.
    """

    def __init__(self, budget=None, requests=None, tokens=None):
        self.id, self.budget, self.requests_per_minute, self.tokens_per_minute = "abc", budget, requests, tokens


@pytest.fixture
def workers():
    """
    Two workers with one store.
    """
    return Workers(MemoryStore())


def claim_dollars(workers, dollars):
    """
    Return a claim of the core on the budget of the key.
    """
    key, limit = "budget/key-abc/dollars/month", 10 * 10**9
    return Claim(key, "quota", float(limit), dollars * 1e9, resets_at=workers.clock.time() + 1000, is_lasting=True)


def read(worker, key):
    """
    Return a coroutine that reads what is left of the key.
    """
    return read_remaining(worker, [key])


def test_limits_of_which_nothing_was_used_are_whole(workers):
    """
    Those that a key does not have are None.
    """
    key = Key(KeyBudget(tokens=100), requests=7)

    left = asyncio.run(read(workers.clock.workers[0], key))["abc"]

    assert (left.budget.limit, left.budget.left, left.budget.resets_at) == (100, 100, None)
    assert left.requests.left == 7
    assert left.tokens is None


@pytest.mark.parametrize("reader", [0, 1])
def test_calls_of_all_workers_count(workers, reader):
    """
    Running calls with what they have reserved; units in reserve are left. The own worker is exact at once.
    """
    key = Key(KeyBudget(dollars=Decimal(10)))
    own, other = workers.clock.workers[reader], workers.clock.workers[1 - reader]

    async def scenario():
        claims = [claim_dollars(workers, 0.5)]
        for worker, ticket in ((own, "ended"), (own, "runs"), (other, "other")):
            await worker.ensure(claims)
            worker.reserve(ticket, claims)
        own.settle("ended", {claims[0].key: 0.25e9})
        await workers.clock.sleep_async(6)  # the other one reports
        before = (await read(own, key))["abc"].budget
        own.settle("runs", {claims[0].key: 0.1e9})
        return before, (await read(own, key))["abc"].budget

    before, after = asyncio.run(scenario())

    assert before.left == Decimal("8.75")
    assert after.left == Decimal("9.15")
    assert before.resets_at is not None


def test_more_than_the_limit_is_nothing_left(workers):
    """
    It is never negative.
    """
    worker = workers.clock.workers[0]

    async def scenario():
        claims = [claim_dollars(workers, 9)]
        await worker.ensure(claims)
        worker.reserve("1", claims)
        worker.settle("1", {claims[0].key: 30e9})
        return (await read(worker, Key(KeyBudget(dollars=Decimal(10)))))["abc"].budget.left

    assert asyncio.run(scenario()) == 0


def test_lease_of_a_worker_that_was_killed_counts_as_used(workers):
    """
    As for the next call.
    """
    reader, killed = workers.clock.workers

    async def scenario():
        claims = [claim_dollars(workers, 1)]
        await killed.ensure(claims)
        killed.reserve("1", claims)
        leased = sum(lease.amount for count in workers.store.counts.values() for lease in count.leases.values())
        workers.clock.advance(LEASE_SECONDS)
        return leased, (await read(reader, Key(KeyBudget(dollars=Decimal(10)))))["abc"].budget.left

    leased, left = asyncio.run(scenario())

    assert left == 10 - Decimal(int(leased)) / 10**9


def test_rates_are_those_of_this_minute(workers):
    """
    The next one begins with the whole limit.
    """
    worker, key = workers.clock.workers[0], Key(requests=5, tokens=100)
    limits = KeyLimits(worker, workers.clock)

    async def scenario():
        workers.clock.advance(60 - workers.clock.time() % 60)
        limits.settle(await limits.reserve(key, "1", 30), 20)
        now = (await read(worker, key))["abc"]
        workers.clock.advance(60)
        return now, (await read(worker, key))["abc"]

    now, later = asyncio.run(scenario())

    assert (now.requests.left, now.tokens.left) == (4, 80)
    assert now.tokens.resets_at < inf
    assert (later.requests.left, later.tokens.left) == (5, 100)
