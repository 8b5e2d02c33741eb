"""The requests and tokens per minute of keys."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import pytest

from budwood_server.limits.keys import Grant, KeyLimits, Refusal
from tests.plugins.server.limits.workers import MemoryStore, Workers


class Rates(NamedTuple):
    """
    The limits of a key.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    id: str = "abc"


class Gateway:
    """
    Two workers that keep the limits of keys.
    """

    def __init__(self):
        self.workers = Workers(MemoryStore())
        self.clock = self.workers.clock
        self.clock.advance(60 - self.clock.time() % 60)  # a minute begins
        self.limits = [KeyLimits(worker, self.clock) for worker in self.workers.clock.workers]
        self.number = 0

    async def reserve(self, key, tokens=1, worker=0):
        """
        Reserve a request.
        """
        self.number += 1
        return await self.limits[worker].reserve(key, str(self.number), tokens)

    async def count_granted(self, key, requests, tokens=1):
        """
        Reserve and settle requests at both workers; return how many were granted.
        """
        granted = 0
        for number in range(requests):
            answer = await self.reserve(key, tokens, worker=number % 2)
            if isinstance(answer, Grant):
                granted += 1
                self.limits[number % 2].settle(answer, tokens)
        return granted


def run(scenario):
    """
    Run a coroutine function with a gateway.
    """

    async def main():
        return await scenario(Gateway())

    return asyncio.run(main())


def test_key_without_limits_costs_nothing():
    """
    The store is not asked.
    """

    async def scenario(gateway):
        return await gateway.reserve(Rates()), gateway.workers.store.exchanges

    assert run(scenario) == (Grant("1"), 0)


def test_requests_per_minute_hold_over_all_workers():
    """
    The next minute begins anew.
    """

    async def scenario(gateway):
        key = Rates(requests_per_minute=30)
        first = await gateway.count_granted(key, 50)
        gateway.clock.advance(60)
        return first, await gateway.count_granted(key, 50)

    assert run(scenario) == (30, 30)


def test_tokens_per_minute_hold_over_all_workers():
    """
    What a request did not use is free again.
    """

    async def scenario(gateway):
        key = Rates(tokens_per_minute=1000)
        grant = await gateway.reserve(key, 900)
        refusal = await gateway.reserve(key, 200)
        gateway.limits[0].settle(grant, 100)
        gateway.clock.advance(2)
        return refusal, await gateway.count_granted(key, 20, tokens=100)

    refusal, granted = run(scenario)

    assert isinstance(refusal, Refusal)
    assert granted == 9


def test_refusal_says_when_to_try_again():
    """
    When the minute ends, and how much of which limit is left until then.
    """

    async def scenario(gateway):
        key = Rates(requests_per_minute=100, tokens_per_minute=50)
        await gateway.reserve(key, 30)
        gateway.clock.advance(20)
        return await gateway.reserve(key, 30)

    assert run(scenario) == Refusal("tokens", 50, 20, 30, pytest.approx(40.0, abs=2))


def test_request_for_more_than_the_limit_cannot_be_repeated():
    """
    There is no time after which it fits.
    """

    async def scenario(gateway):
        return await gateway.reserve(Rates(tokens_per_minute=50), 51)

    assert run(scenario) == Refusal("tokens", 50, 50, 51, None)


def test_keys_do_not_share_limits():
    """
    The limits of another key are not used.
    """

    async def scenario(gateway):
        return [await gateway.count_granted(Rates(requests_per_minute=5, id=name), 9) for name in ("a", "b")]

    assert run(scenario) == [5, 5]


def test_unknown_tokens_count_as_reserved():
    """
    And a request that was not sent counts nothing.
    """

    async def scenario(gateway):
        key, limits = Rates(requests_per_minute=2, tokens_per_minute=100), gateway.limits[0]
        limits.settle(await gateway.reserve(key, 60), None)
        limits.cancel(await gateway.reserve(key, 40))
        limits.settle(await gateway.reserve(key, 40), 40)
        return await gateway.reserve(key, 0)

    assert run(scenario).limit == "requests"


def test_store_that_fails_does_not_stop_the_gateway():
    """
    What was leased is still counted; requests that need the store are granted.
    """

    async def scenario(gateway):
        key = Rates(requests_per_minute=10)
        await gateway.reserve(key)
        gateway.workers.store.error = OSError("no connection")
        grants = [await gateway.reserve(key) for _ in range(5)]
        gateway.limits[0].settle(grants[-1], 1)
        gateway.workers.store.error = None
        return grants[0].claims, grants[-1].claims, await gateway.count_granted(key, 20)

    first, last, granted = run(scenario)

    assert len(first) == 1
    assert last == ()
    assert granted <= 9
