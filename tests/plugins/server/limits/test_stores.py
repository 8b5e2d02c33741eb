"""The stores of leases: SQLite, PostgreSQL and Redis."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from math import inf
from uuid import uuid4

import pytest

from budwood_server.database import Database
from budwood_server.limits.budget_events import BudgetEvents
from budwood_server.limits.counts import LeaseRequest, Period
from budwood_server.limits.holdings import REFUSED_SECONDS
from budwood_server.limits.redis_store import RedisLeaseStore
from budwood_server.limits.sql_store import SqlLeaseStore
from tests.plugins.server.databases import open_database
from tests.plugins.server.limits.workers import Workers, claim, reserve
from tests.redis_fixtures import own_server, server

__all__ = ["own_server", "server"]

NOW = 1_800_000_000.0
REAL = pytest.mark.real_server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=REAL), pytest.param("redis", marks=REAL)])
def open_stores(request):
    """
    Return a function that opens several stores of the same server, as workers do.
    """
    if request.param == "redis":
        return lambda count: open_redis(request.getfixturevalue("server").url, count)
    if request.param == "sqlite":
        return lambda count: open_sql(request.getfixturevalue("sqlite_url"), count)
    return lambda count: open_sql(request.getfixturevalue("postgresql").new_database(), count)


@asynccontextmanager
async def open_sql(url, count):
    """
    Open stores with connections of their own.
    """
    async with open_database(url):
        databases = [Database(url) for _ in range(count)]
        try:
            yield [SqlLeaseStore(database, BudgetEvents(())) for database in databases]
        finally:
            for database in databases:
                await database.close()


async def ignore(_requests, _answers):
    """
    Write no events of budgets.
    """


@asynccontextmanager
async def open_redis(url, count):
    """
    Open stores with connections of their own.
    """
    stores = [RedisLeaseStore(url, ignore) for _ in range(count)]
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


@pytest.fixture
def run(open_stores):
    """
    Return a function that runs a coroutine function with stores.
    """

    def run_one(scenario, count=1):
        async def main():
            async with open_stores(count) as stores:
                return await scenario(*stores)

        return asyncio.run(main())

    return run_one


@pytest.fixture
def key():
    """
    The key of a limit that no other test has.
    """
    return f"budget/{uuid4().hex}ä/tokens/month"


def request(key, resets_at=NOW + 60, **fields):
    """
    Return a request for a lease.
    """
    return LeaseRequest(Period(key, resets_at), 100.0, **fields)


def test_state_is_shared_and_lasts(run, key):
    """
    What one worker has used and holds is not left for another one.
    """

    async def scenario(first, second):
        await first.exchange("a", [request(key, needed=30.0, least=30.0)], NOW)
        await first.exchange("a", [request(key, spent=10.0, held=20.0, has_lease=True)], NOW)
        return await second.exchange("b", [request(key, needed=80.0, least=80.0, since=NOW - 1)], NOW)

    (answer,) = run(scenario, count=2)

    assert (answer.granted, answer.left, answer.returnable) == (0.0, 70.0, 0.0)


def test_counts_of_present_periods_are_read(run, key):
    """
    Of the keys that are asked for, and also of a limit without an end.
    """

    async def scenario(store):
        ends = (NOW + 60, NOW + 120, inf)
        names = (key, f"{key}2", f"{key}3")
        requests = [request(name, end, spent=5.0) for name, end in zip(names, ends, strict=True)]
        await store.exchange("a", [*requests, request(f"{key}4")], NOW)
        return await store.read(set(names), NOW + 60), await store.read({"unknown"}, NOW)

    found, unknown = run(scenario)

    assert {period: count.used for period, count in found.items()} == {
        Period(f"{key}2", NOW + 120): 5.0,
        Period(f"{key}3", inf): 5.0,
    }
    assert unknown == {}


def test_periods_are_apart(run, key):
    """
    Several of them can be in one request, also one without an end.
    """

    async def scenario(store):
        requests = [request(key, end, needed=60.0, least=60.0) for end in (NOW + 60, NOW + 120, inf)]
        return [answer.granted for answer in await store.exchange("a", requests, NOW)]

    assert run(scenario) == [60.0, 60.0, 60.0]


def test_recalled_periods_are_listed(run, key):
    """
    Until the recall has ended.
    """

    async def scenario(store):
        await store.exchange("a", [request(key, needed=60.0, least=60.0)], NOW)
        await store.exchange("b", [request(key, needed=60.0, least=60.0)], NOW)
        listed = [await store.list_recalled(NOW + seconds) for seconds in (0.5, 60)]
        return [Period(key, NOW + 60) in periods for periods in listed]

    assert run(scenario) == [True, False]


def test_ended_periods_are_removed(run, key):
    """
    Others remain.
    """

    async def scenario(store):
        requests = [request(key, end, spent=5.0) for end in (NOW + 60, NOW + 120, inf)]
        await store.exchange("a", requests, NOW)
        await store.prune(NOW + 90)
        requests = [each._replace(spent=0.0, needed=1.0, least=1.0) for each in requests[1:]]
        return [answer.left for answer in await store.exchange("a", requests, NOW)]

    assert run(scenario) == [94.0, 94.0]


def test_concurrent_workers_never_overshoot(run, key):
    """
    Transactions of several workers do not lose what another one has written.
    """

    async def scenario(*stores):
        async def lease(number):
            granted = 0.0
            for turn in range(10):
                ask = request(key, needed=3.0, least=3.0, held=granted, has_lease=granted > 0)
                (answer,) = await stores[number % 4].exchange(f"worker-{number}", [ask], NOW + turn / 1000)
                granted += answer.granted
            return granted

        return await asyncio.gather(*map(lease, range(8)))

    assert 97.0 <= sum(run(scenario, count=4)) <= 100.0


def test_workers_share_a_budget(run, key):
    """
    Two workers with a limit of 100 together grant exactly 100 calls, and the last units go to the one that needs them.
    """

    async def scenario(first, second):
        workers = Workers(first)
        workers[1]._store = second
        one = claim(1, key=key, resets_at=workers.clock.time() + 3600)
        calls = (reserve(workers[number % 2], str(number), one) for number in range(160))
        denials = await asyncio.gather(*calls)
        granted = [number for number, denial in enumerate(denials) if denial is None]
        for number in granted:
            workers[number % 2].settle(str(number), {one.key: float(number < 60)})
        workers.clock.advance(REFUSED_SECONDS)
        await workers[0].stop()
        workers.clock.workers.pop(0)
        left = await reserve(workers[0], "last", one._replace(amount=100.0 - sum(number < 60 for number in granted)))
        return len(granted), left

    granted, left = run(scenario, count=2)

    assert granted == 100
    assert left is None


@pytest.mark.parametrize("url", ["redis://:hidden@127.0.0.1:1/0"])
def test_unreachable_redis_is_an_os_error(url):
    """
    It does not show the password.
    """

    async def scenario():
        store = RedisLeaseStore(url, ignore)
        with pytest.raises(OSError, match="Cannot use Redis") as error:
            await store.exchange("a", [request("k")], NOW)
        await store.close()
        return str(error.value)

    assert "hidden" not in asyncio.run(scenario())


def test_database_without_tables_is_an_os_error(sqlite_url):
    """
    Limiters raise such errors if their store cannot be used.
    """

    async def scenario():
        database = Database(sqlite_url)
        with pytest.raises(OSError, match="budwood server db upgrade"):
            await SqlLeaseStore(database, BudgetEvents(())).exchange("a", [request("k")], NOW)
        await database.close()

    asyncio.run(scenario())
