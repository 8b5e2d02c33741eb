"""Versions that other processes raise."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.database import Database, DatabaseError, VersionWatch, raise_version
from budwood_server.database.schema import upgrade
from tests.plugins.server.databases import open_database

SECONDS = 30
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'budwood'"


async def change(database, *subjects):
    """
    Raise versions in one transaction.
    """
    async with database.write() as connection:
        for subject in subjects:
            await raise_version(connection, subject)


def run(url, scenario):
    """
    Run a coroutine function with a database, another one as another process has it, and a watch that has started.
    """

    async def main():
        async with open_database(url) as database:
            other = database if url == "sqlite://" else Database(url)
            watch = VersionWatch(database)
            try:
                return await scenario(watch, database, other)
            finally:
                await watch.close()
                await other.close()

    return asyncio.run(main())


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def url(request):
    """
    The URLs of databases in memory, in a file, and of PostgreSQL.
    """
    if request.param == "memory":
        return "sqlite://"
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    return request.getfixturevalue("postgresql").new_database()


def test_changes_of_other_processes_are_noticed(url):
    """
    Each callback is awaited for its own subject, once for several changes.
    """

    async def scenario(watch, database, other):
        called = []

        async def note(subject):
            called.append(subject)

        watch.subscribe("keys", lambda: note("keys"))
        watch.subscribe("config", lambda: note("config"))
        await change(other, "keys")
        await watch.start()
        await watch.check()
        seen = [list(called)]
        for subjects in (["config"], ["keys", "keys"], ["keys", "config"], []):
            called.clear()
            await change(other, *subjects)
            await watch.check()
            seen.append(list(called))
        return [sorted(each) for each in seen]

    assert run(url, scenario) == [[], ["config"], ["keys"], ["config", "keys"], []]


def test_the_task_notices_changes(url):
    """
    It polls until it is closed.
    """

    async def scenario(watch, database, other):
        noticed = asyncio.Event()

        async def note():
            noticed.set()

        watch.subscribe("keys", note)
        await watch.start()
        for _ in range(2):
            noticed.clear()
            await change(other, "keys")
            async with asyncio.timeout(SECONDS):
                await noticed.wait()

    run(url, scenario)


def test_a_callback_that_fails_is_awaited_again(url):
    """
    A key that was revoked while the database failed must not live on.
    """

    async def scenario(watch, database, other):
        done = asyncio.Event()
        failures = [DatabaseError("gone"), ZeroDivisionError()]

        async def note():
            if failures:
                raise failures.pop()
            done.set()

        watch.subscribe("keys", note)
        await watch.start()
        await change(other, "keys")
        async with asyncio.timeout(SECONDS):
            await done.wait()
        assert failures == []

    run(url, scenario)


@pytest.mark.real_server
def test_postgresql_announces_changes(postgresql):
    """
    A watch that would poll in an hour notices a change at once.
    """

    async def main():
        async with open_database(postgresql.new_database()) as database:
            watch, noticed = VersionWatch(database, interval=3600.0), asyncio.Event()

            async def note():
                noticed.set()

            watch.subscribe("keys", note)
            await watch.start()
            await change(database, "keys")
            async with asyncio.timeout(SECONDS):
                await noticed.wait()
            await watch.close()

    asyncio.run(main())


@pytest.mark.real_server
@pytest.mark.parametrize("turns", range(5))
def test_a_watch_closes_at_any_moment_of_an_announcement(postgresql, turns):
    """
    It ends also if it is closed while an announcement wakes it.
    """

    async def main():
        async with open_database(postgresql.new_database()) as database:
            watch = VersionWatch(database, interval=3600.0)
            await watch.start()
            await asyncio.sleep(0)
            watch._source._announce()
            for _ in range(turns):
                await asyncio.sleep(0)
            closed, _ = await asyncio.wait({asyncio.create_task(watch.close())}, timeout=SECONDS)
            assert closed

    asyncio.run(main())


@pytest.mark.real_server
def test_a_lost_connection_is_replaced(postgresql):
    """
    Polls fail until then; afterwards they notice what has changed.
    """

    async def scenario(watch, database, other):
        called = []

        async def note():
            called.append("keys")

        watch.subscribe("keys", note)
        await watch.check()
        called.clear()
        await change(other, "keys")
        with postgresql.connect("postgres") as connection:
            connection.execute(TERMINATE)
        with pytest.raises(DatabaseError):
            await watch.check()
        await watch.check()
        return called

    assert run(postgresql.new_database(), scenario) == ["keys"]


def test_a_watch_needs_tables(sqlite_url):
    """
    It does not start without them, and does not create a file.
    """

    async def scenario(url, *, exists):
        database = Database(url)
        if exists:
            await upgrade(database)
        watch = VersionWatch(database)
        try:
            await watch.start()
        finally:
            await watch.close()
            await database.close()

    with pytest.raises(DatabaseError, match="unable to open"):
        asyncio.run(scenario(sqlite_url, exists=False))
    asyncio.run(scenario(sqlite_url, exists=True))
