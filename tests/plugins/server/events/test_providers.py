"""Events of endpoints that fail and recover."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import select

from budwood.types import BreakerChanged, EndpointState
from budwood_server.database import Database, DatabaseError
from budwood_server.database.tables import EVENTS, PROVIDER_OUTAGES
from budwood_server.events.outages import Outages
from budwood_server.events.providers import LEASE_SECONDS, QUIET_SECONDS, ProviderEvents
from budwood_server.events.schemas import describe_data
from tests.plugins.server.databases import open_database

OPENED = BreakerChanged(
    call="c",
    provider="azure",
    model="gpt",
    endpoint="azure#2",
    state="open",
    failures=3,
    next_probe=2.0,
    error="ServerError",
)
CLOSED = replace(OPENED, state="closed", failures=0, next_probe=None, error=None)
USED = EndpointState(
    name="azure#2",
    provider="azure",
    url=None,
    state="closed",
    calls=5,
    failures=3,
    consecutive_failures=0,
    in_flight=0,
    latency=None,
    first_token=None,
    next_probe=None,
    last_error=None,
)
UNUSED = replace(USED, calls=0, failures=0)
OPEN = replace(USED, state="open", calls=0, failures=0)


class Workers:
    """
    The events of providers of several workers, with databases of their own.
    """

    def __init__(self, database, url):
        self.database = database
        self._databases = [Database(url) for _ in range(3)]
        self.woken = 0
        self._all = [
            ProviderEvents(Outages(each, f"worker-{number}"), self.wake) for number, each in enumerate(self._databases)
        ]

    def wake(self):
        self.woken += 1

    def __getitem__(self, index):
        return self._all[index]

    async def report(self, index, *changes):
        """
        Have breakers of a worker change.
        """
        for change in changes:
            self[index].observe(change)
        await self[index].flush()

    async def check(self, index, state, now):
        """
        Have a worker check the outages.
        """
        self[index].list_states = lambda: [] if state is None else [state]
        await self[index].check(now)

    async def read(self):
        """
        Return the events in the order in which they were written.
        """
        query = select(EVENTS).where(EVENTS.c.type.like("provider.%")).order_by(EVENTS.c.id)
        async with self.database.read() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def read_types(self):
        return [event["type"].removeprefix("provider.") for event in await self.read()]

    async def read_failed(self):
        """
        Return when the breaker of the outage opened last.
        """
        (outage,) = await Outages(self.database, "reader").read()
        return outage.failed

    async def close(self):
        for database in self._databases:
            await database.close()


def run(url, scenario):
    """
    Run a coroutine function with workers.
    """

    async def main():
        async with open_database(url) as database:
            workers = Workers(database, url)
            try:
                return await scenario(workers)
            finally:
                await workers.close()

    return asyncio.run(main())


def test_outage_is_told_once(database_url):
    """
    However many workers open their breakers, and whoever gets the first answer.
    """

    async def scenario(workers):
        await asyncio.gather(*(workers.report(index, OPENED) for index in range(3)))
        await workers.report(0, OPENED)  # a probe has failed
        assert await workers.read_types() == ["failed"]
        await asyncio.gather(*(workers.report(index, CLOSED) for index in range(3)))
        assert await workers.read_types() == ["failed", "recovered"]
        await workers.report(1, OPENED, CLOSED)
        assert await workers.read_types() == ["failed", "recovered"] * 2

    run(database_url, scenario)


def test_events_tell_what_happened(sqlite_url):
    """
    Their data has the fields of the schemas.
    """

    async def scenario(workers):
        await workers.report(0, OPENED)
        await workers.report(1, CLOSED)
        failed, recovered = await workers.read()
        assert failed["data"] == {
            "provider": "azure",
            "endpoint": "azure#2",
            "model": "gpt",
            "error": "ServerError",
            "failures": 3,
            "next_probe": 2.0,
            "worker": "worker-0",
        }
        data = dict(recovered["data"])
        assert data.pop("failed_at").endswith("Z")
        assert data.pop("seconds") == pytest.approx(recovered["time"] - failed["time"])
        assert data == {"provider": "azure", "endpoint": "azure#2", "reason": "answered", "worker": "worker-1"}
        assert [event["subject"] for event in (failed, recovered)] == ["azure#2"] * 2
        for event in (failed, recovered):
            assert event["data"].keys() == describe_data(event["type"])["properties"].keys()

    run(sqlite_url, scenario)


def test_endpoints_have_outages_of_their_own(sqlite_url):
    """
    A backup that fails is another outage.
    """

    async def scenario(workers):
        await workers.report(0, OPENED, replace(OPENED, endpoint="azure"), CLOSED)
        assert [(event["type"], event["subject"]) for event in await workers.read()] == [
            ("provider.failed", "azure#2"),
            ("provider.failed", "azure"),
            ("provider.recovered", "azure#2"),
        ]

    run(sqlite_url, scenario)


def test_outage_ends_when_no_worker_has_it_open(database_url):
    """
    Such as after a restart of all. While one reports an open breaker, it lasts.
    """

    async def scenario(workers):
        await workers.report(0, OPENED)
        now = await workers.read_failed()
        await workers.check(1, UNUSED, now + LEASE_SECONDS - 1)
        await workers.check(0, OPEN, now + LEASE_SECONDS)
        await workers.check(1, None, now + 2 * LEASE_SECONDS - 1)
        assert await workers.read_types() == ["failed"]
        await asyncio.gather(*(workers.check(index, None, now + 2 * LEASE_SECONDS + 1) for index in range(3)))
        _, recovered = await workers.read()
        assert (recovered["type"], recovered["data"]["reason"]) == ("provider.recovered", "reset")

    run(database_url, scenario)


def test_answer_to_another_worker_ends_an_outage(sqlite_url):
    """
    The worker with the open breaker may get no calls. An answer from before the failure does not end it.
    """

    async def scenario(workers):
        await workers.report(0, OPENED)
        now = await workers.read_failed()
        await workers.check(1, USED, now + 5)
        await workers.check(0, OPEN, now + QUIET_SECONDS)
        await workers.check(1, replace(USED, calls=3), now + QUIET_SECONDS + 1)  # all of them failed
        assert await workers.read_types() == ["failed"]
        await workers.check(1, USED, now + QUIET_SECONDS + 1)
        _, recovered = await workers.read()
        assert (recovered["data"]["reason"], recovered["data"]["worker"]) == ("answered", "worker-1")

    run(sqlite_url, scenario)


def test_changes_wait_while_the_database_fails(sqlite_url):
    """
    They are written in their order once it works, at the latest when the process ends.
    """

    async def scenario(workers):
        async with workers.database.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE budwood_provider_outages RENAME TO away")
        with pytest.raises(DatabaseError):
            await workers.report(0, OPENED, CLOSED)
        await workers[0].close()
        assert await workers.read() == []
        async with workers.database.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE away RENAME TO budwood_provider_outages")
        await workers[0].close()
        assert await workers.read_types() == ["failed", "recovered"]
        assert workers.woken == 2

    run(sqlite_url, scenario)


def test_nothing_is_left_of_an_ended_outage(sqlite_url):
    """
    The table has only outages that last.
    """

    async def scenario(workers):
        await workers.report(0, OPENED, CLOSED)
        async with workers.database.read() as connection:
            return (await connection.execute(select(PROVIDER_OUTAGES))).all()

    assert run(sqlite_url, scenario) == []
