"""Events of budgets of which a part was spent."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest
from sqlalchemy import delete, select

from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import KeyBudget, KeyPolicy
from budwood_server.database import Database, DatabaseError
from budwood_server.database.tables import BUDGET_MARKS, EVENTS
from budwood_server.events.retention import remove_old
from budwood_server.events.schemas import describe_data
from budwood_server.limits.budget_events import BudgetEvents
from budwood_server.limits.counts import LeaseRequest, Period
from budwood_server.limits.redis_store import RedisLeaseStore
from budwood_server.limits.sql_store import SqlLeaseStore
from budwood_server.settings import ServerSettings
from tests.plugins.server.databases import open_database
from tests.redis_fixtures import server

__all__ = ["server"]

NOW = 1_800_000_000.0
END = NOW + 1000
THRESHOLDS = (0.5, 0.8, 1.0)


class Ledger:
    """
    Workers that report what calls have spent, with databases of their own.
    """

    def __init__(self, database, url):
        self.database = database
        self._url = url
        self.databases = []

    def start_worker(self, redis=None, *, interrupted=False):
        """
        Return the store of a worker that remembers nothing.
        """
        database = InterruptedDatabase(self._url) if interrupted else Database(self._url)
        events = BudgetEvents(THRESHOLDS)
        self.databases.append(database)
        if redis is None:
            return SqlLeaseStore(database, events)
        return RedisLeaseStore(redis, partial(events.report, database))

    async def close(self):
        for database in self.databases:
            await database.close()

    async def read(self):
        """
        Return the data of the events in the order in which they were written.
        """
        async with self.database.read() as connection:
            query = select(EVENTS).where(EVENTS.c.type == "cost.threshold_exceeded").order_by(EVENTS.c.id)
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def read_thresholds(self):
        return [event["data"]["threshold"] for event in await self.read()]


def run(url, scenario):
    """
    Run a coroutine function with a ledger.
    """

    async def main():
        async with open_database(url) as database:
            ledger = Ledger(database, url)
            try:
                return await scenario(ledger)
            finally:
                await ledger.close()

    return asyncio.run(main())


async def spend(store, amount, budget="budget/all/tokens/month", *, limit=100.0, end=END):
    """
    Report that calls of a worker have spent an amount.
    """
    await store.exchange("worker", [LeaseRequest(Period(budget, end), limit, spent=amount)], NOW)


def test_each_part_has_one_event_in_a_period(database_url):
    """
    A report that passes two parts writes two events. What is spent afterwards writes none, also after a restart.
    """

    async def scenario(ledger):
        first, second = ledger.start_worker(), ledger.start_worker()
        await spend(first, 49.0)
        assert await ledger.read() == []
        await spend(second, 1.0)
        assert await ledger.read_thresholds() == [0.5]
        await spend(first, 50.0)
        await spend(second, 10.0)
        await spend(ledger.start_worker(), 10.0)
        assert await ledger.read_thresholds() == [0.5, 0.8, 1.0]
        await spend(first, 60.0, end=END + 1000)
        assert await ledger.read_thresholds() == [0.5, 0.8, 1.0, 0.5]

    run(database_url, scenario)


async def spend_one_by_one(worker):
    """
    Report 25 calls, as a worker does: one report after the other.
    """
    for _ in range(25):
        await spend(worker, 1.0)


def test_workers_that_report_at_once_write_no_event_twice(database_url):
    """
    Neither is one missing, whoever passes the part.
    """

    async def scenario(ledger):
        workers = [ledger.start_worker() for _ in range(4)]
        await asyncio.gather(*(spend_one_by_one(worker) for worker in workers))
        assert await ledger.read_thresholds() == [0.5, 0.8, 1.0]

    run(database_url, scenario)


def test_event_tells_the_key(database_url):
    """
    Its team sees the event. The amounts are those of the budget, in dollars.
    """

    async def scenario(ledger):
        policy = KeyPolicy(name="reports", team="red", budget=KeyBudget(dollars="0.25"))
        key = (await KeyStore(ledger.database).create(policy)).key
        await spend(ledger.start_worker(), 0.2e9, f"budget/{key.budget_name}/dollars/month", limit=0.25e9)
        *_, event = await ledger.read()
        assert (event["subject"], event["owner"]) == (key.id, "team-red")
        assert event["data"] == {
            "budget": f"key-{key.id}",
            "key": key.id,
            "name": "reports",
            "team": "red",
            "threshold": 0.8,
            "unit": "dollars",
            "limit": "0.25",
            "spent": "0.2",
            "per": "month",
            "resets_at": "2027-01-15T08:16:40Z",
        }
        assert event["data"].keys() == describe_data("cost.threshold_exceeded")["properties"].keys()

    run(database_url, scenario)


@pytest.mark.parametrize("name", ["budget/key-missing/tokens/day", "budget/nightly/a/tokens/day"])
def test_budgets_of_the_settings_have_events(sqlite_url, name):
    """
    Whatever their names are. Only those see them who see everything.
    """

    async def scenario(ledger):
        await spend(ledger.start_worker(), 50.0, name)
        (event,) = await ledger.read()
        assert event["owner"] is None
        assert event["subject"] == event["data"]["budget"] == name[len("budget/") : -len("/tokens/day")]
        assert (event["data"]["key"], event["data"]["per"]) == (None, "day")

    run(sqlite_url, scenario)


def test_rates_of_keys_have_no_events(sqlite_url):
    """
    Only budgets have.
    """

    async def scenario(ledger):
        await spend(ledger.start_worker(), 100.0, "key/a/tokens")
        assert await ledger.read() == []

    run(sqlite_url, scenario)


class InterruptedDatabase(Database):
    """
    A database whose transactions fail at their end.
    """

    is_interrupted = True

    @asynccontextmanager
    async def write(self):
        async with super().write() as connection:
            yield connection
            if self.is_interrupted:
                raise DatabaseError("It is interrupted.")


def test_event_is_written_with_what_was_spent(database_url):
    """
    A transaction that fails has written neither, and the next report writes both.
    """

    async def scenario(ledger):
        store = ledger.start_worker(interrupted=True)
        with pytest.raises(OSError, match="interrupted"):
            await spend(store, 60.0)
        assert await ledger.read() == []
        assert await store.read(["budget/all/tokens/month"], NOW) == {}
        ledger.databases[0].is_interrupted = False
        await spend(store, 60.0)
        assert await ledger.read_thresholds() == [0.5]

    run(database_url, scenario)


@pytest.mark.real_server
def test_counts_of_redis_have_events(sqlite_url, server):
    """
    Each once, whichever worker passes the part, also if the worker was killed before it could write the event.
    """

    async def scenario(ledger):
        async with open_workers(ledger, server.url) as (first, second):
            await spend(first, 40.0)
            await asyncio.gather(spend(first, 10.0), spend(second, 10.0))
            assert await ledger.read_thresholds() == [0.5]
            async with ledger.database.write() as connection:
                await connection.execute(delete(BUDGET_MARKS))
                await connection.execute(delete(EVENTS))
        async with open_workers(ledger, server.url) as (third, _):
            await spend(third, 1.0)
        assert await ledger.read_thresholds() == [0.5]

    run(sqlite_url, scenario)


@pytest.mark.real_server
def test_calls_go_on_while_events_of_counts_in_redis_cannot_be_written(sqlite_url, server):
    """
    The next report writes them.
    """

    async def scenario(ledger):
        budget = "budget/interrupted/tokens/month"
        async with open_workers(ledger, server.url, interrupted=True) as (store, _):
            await spend(store, 60.0, budget)
            assert await ledger.read() == []
            ledger.databases[0].is_interrupted = False
            await spend(store, 1.0, budget)
        assert await ledger.read_thresholds() == [0.5]

    run(sqlite_url, scenario)


@asynccontextmanager
async def open_workers(ledger, redis, *, interrupted=False):
    """
    Open the stores of two workers in Redis.
    """
    stores = [ledger.start_worker(redis, interrupted=interrupted) for _ in range(2)]
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


def test_marks_of_old_periods_are_removed(sqlite_url):
    """
    Those of the present ones stay.
    """

    async def scenario(ledger):
        store = ledger.start_worker()
        await spend(store, 50.0)
        await spend(store, 50.0, end=END + 10 * 86400)
        await remove_old(ledger.database, ServerSettings(), END + 31 * 86400)
        async with ledger.database.read() as connection:
            return (await connection.execute(select(BUDGET_MARKS.c.resets_at))).scalars().all()

    assert run(sqlite_url, scenario) == [END + 10 * 86400]
