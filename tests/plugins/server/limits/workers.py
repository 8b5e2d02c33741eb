"""Workers with leases for tests, whose clock a test moves."""

from __future__ import annotations

import asyncio
from math import inf

from budwood.types import Claim
from budwood_server.limits.counts import Count, Period, exchange
from budwood_server.limits.leases import Leases
from budwood_testing import FakeClock

LIMIT = 100
"""The limit of claims in tests, in units."""


class MemoryStore:
    """
    Stores counts in memory, and can fail.
    """

    def __init__(self):
        self.counts = {}
        self.exchanges = 0
        self.error = None

    async def exchange(self, worker, requests, now):
        if self.error is not None:
            raise self.error
        self.exchanges += 1
        await asyncio.sleep(0)  # other tasks run meanwhile
        answers = [
            exchange(self.counts.setdefault(request.period, Count()), request, worker, now) for request in requests
        ]
        await asyncio.sleep(0)
        return answers

    async def read(self, keys, now):
        if self.error is not None:
            raise self.error
        return {each: count for each, count in self.counts.items() if each.key in keys and each.resets_at > now}

    async def list_recalled(self, now):
        return frozenset(period for period, count in self.counts.items() if count.recalled_until > now)

    async def prune(self, before):
        self.counts = {period: count for period, count in self.counts.items() if period.resets_at >= before}

    async def close(self):
        pass


class WorkersClock(FakeClock):
    """
    A clock during whose sleeps the workers do what they do in the background.
    """

    def __init__(self):
        super().__init__()
        self.workers = []

    async def sleep_async(self, seconds):
        self.advance(seconds)
        for worker in tuple(self.workers):
            await worker.refresh()


class Workers:
    """
    Several workers with one store.
    """

    def __init__(self, store, count=2):
        self.clock = WorkersClock()
        self.store = store
        self.number = 0
        for _ in range(count):
            self.start()

    def start(self):
        """
        Start a worker.
        """
        self.number += 1
        self.clock.workers.append(Leases(self.store, self.clock, f"worker-{self.number}"))
        return self.clock.workers[-1]

    def kill(self, worker):
        """
        Kill a worker: it returns nothing.
        """
        self.clock.workers.remove(worker)

    def __getitem__(self, index):
        return self.clock.workers[index]

    async def pass_time(self, seconds, step=0.25):
        """
        Let time pass, in which the workers do what they do in the background.
        """
        for _ in range(round(seconds / step)):
            await self.clock.sleep_async(step)


async def reserve(worker, ticket, *claims):
    """
    Reserve claims, and lease what they lack.
    """
    await worker.ensure(claims)
    return worker.reserve(ticket, claims)


def claim(amount=1.0, limit=LIMIT, key="budget/a/tokens/month", resets_at=inf):
    """
    Return a claim on a budget.
    """
    return Claim(key, "quota", limit, amount, resets_at=None if resets_at == inf else resets_at, is_lasting=True)


def find_count(store, key="budget/a/tokens/month", resets_at=inf):
    """
    Return the count of a period in memory.
    """
    return store.counts[Period(key, resets_at)]


def run_with_workers(scenario, count=2):
    """
    Run a coroutine function with workers whose store is in memory.
    """

    async def main():
        return await scenario(Workers(MemoryStore(), count))

    return asyncio.run(main())


async def take_all(worker, amount=1.0, limit=LIMIT):
    """
    Reserve and settle until a call is denied; return the number of calls.
    """
    for number in range(10_000):
        ticket = f"{worker.worker}-{number}-{amount}"
        if await reserve(worker, ticket, claim(amount, limit)) is not None:
            return number
        worker.settle(ticket, {})
    raise AssertionError("never denied")
