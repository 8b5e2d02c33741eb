"""Connections and transactions."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from contextlib import closing

import pytest
from sqlalchemy import event, insert, select, text

from budwood_server.database import Database, DatabaseError, raise_version
from budwood_server.database.tables import OBJECTS, RESPONSES, metadata
from budwood_server.database.versions import read_versions
from tests.plugins.server.databases import open_database
from tests.postgresql_server import QUOTED_PASSWORD

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'budwood'"
ROW = {
    "id": "resp_1",
    "owner": "key-1",
    "model": "fast",
    "status": "completed",
    "created": 1e9,
    "expires": 2e9,
    "body": {"text": "äö\0\ud800 \U0001f600", "number": 0, "nothing": None},
}


def run(url, scenario):
    """
    Run a coroutine function with a database that has its tables.
    """

    async def main():
        async with open_database(url) as database:
            return await scenario(database)

    return asyncio.run(main())


async def count(database):
    """
    Return the number of objects.
    """
    async with database.read() as connection:
        return len((await connection.execute(select(OBJECTS))).all())


def new_object(public_id, **fields):
    """
    Return the statement that inserts an object.
    """
    row = {"kind": "file", "owner": "key-1", "provider": "openai", "vendor_id": "1", "created": 1.0, "data": {}}
    return insert(OBJECTS).values(public_id=public_id, **row | fields)


def test_the_file_is_for_its_owner_alone(sqlite_url, tmp_path):
    """
    Also the files that SQLite creates beside it; the folder is created, too.
    """

    async def scenario(database):
        async with database.write() as connection:
            await connection.execute(new_object("1"))
        return {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}

    previous = os.umask(0)
    try:
        modes = run(sqlite_url, scenario)
    finally:
        os.umask(previous)

    assert modes == dict.fromkeys(["server.sqlite3", "server.sqlite3-wal", "server.sqlite3-shm"], 0o600)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_connections_of_sqlite_are_prepared(sqlite_url):
    """
    Readers do not wait for the writer, and a writer waits for another one.
    """

    async def scenario(database):
        async with database.read() as connection:
            names = ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
            return [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names]

    assert run(sqlite_url, scenario) == ["wal", 30_000, 1, 1]


def test_json_survives_unchanged(database_url):
    """
    Models write any text, also such that is no valid Unicode.
    """

    async def scenario(database):
        async with database.write() as connection:
            await connection.execute(insert(RESPONSES).values(ROW))
        async with database.read() as connection:
            return (await connection.execute(select(RESPONSES))).mappings().one()

    assert run(database_url, scenario) == ROW | {"previous_id": None}


def test_a_failed_transaction_changes_nothing(database_url):
    """
    The error is the caller's own.
    """

    async def fail(database):
        async with database.write() as connection:
            await connection.execute(new_object("1"))
            raise ZeroDivisionError

    async def scenario(database):
        with pytest.raises(ZeroDivisionError):
            await fail(database)
        return await count(database)

    assert run(database_url, scenario) == 0


def test_errors_contain_no_values(database_url):
    """
    Drivers quote the values of rows in their messages.
    """

    async def scenario(database):
        async with database.write() as connection:
            await connection.execute(new_object("confidential"))
            await connection.execute(new_object("confidential"))

    with pytest.raises(DatabaseError, match=r"(?i)unique") as found:
        run(database_url, scenario)

    error = found.value
    assert "confidential" not in f"{error} {error.__cause__} {error.__context__}"


def test_writers_take_turns(database_url):
    """
    No change of many transactions at the same time is lost.
    """

    async def raise_one(database):
        async with database.write() as connection:
            return await raise_version(connection, "keys")

    async def scenario(database):
        versions = await asyncio.gather(*(raise_one(database) for _ in range(20)))
        async with database.read() as connection:
            return sorted(versions), (await read_versions(connection))["keys"]

    assert run(database_url, scenario) == (list(range(1, 21)), 20)


def test_a_cancelled_transaction_releases_the_lock_of_sqlite(sqlite_url):
    """
    At once, also while its exception is kept and a result has rows left.
    """

    async def cancel_a_query(database):
        async def query():
            async with database.write() as connection:
                await connection.execute(new_object("file-1"))
                cancelling = lambda *_: asyncio.get_running_loop().call_soon(task.cancel)  # noqa: E731
                event.listen(database.engine.sync_engine, "before_cursor_execute", cancelling, once=True)
                await connection.execute(text("VALUES (1), (2)"))

        task = asyncio.create_task(query())
        await asyncio.wait([task])
        assert task.cancelled()
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        assert await count(database) == 0

    run(sqlite_url, cancel_a_query)


def test_a_database_in_memory_lasts_as_long_as_its_object():
    """
    Its transactions take turns.
    """

    async def add(database, number):
        async with database.write() as connection:
            await connection.execute(new_object(str(number)))

    async def scenario(database):
        await asyncio.gather(*(add(database, number) for number in range(10)))
        return await count(database)

    assert run("sqlite://", scenario) == 10


def test_a_file_that_is_no_database_is_named(tmp_path):
    """
    The error says which file, and what to do.
    """
    path = tmp_path / "notes.txt"
    path.write_text("These are notes, and no database at all. " * 100)

    async def scenario():
        database = Database(f"sqlite:///{path}")
        try:
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))
        finally:
            await database.close()

    with pytest.raises(DatabaseError, match=r"notes\.txt: file is not a database\. The file is something else"):
        asyncio.run(scenario())


@pytest.mark.real_server
@pytest.mark.parametrize(
    ("user", "password", "database", "hint"),
    [
        ("budwood", "wr%2Fong", "postgres", "Check the user and the password."),
        ("budwood", QUOTED_PASSWORD, "absent", "Create the database"),
    ],
)
def test_a_refused_connection_has_a_hint(postgresql, user, password, database, hint):
    """
    It contains no password.
    """
    with pytest.raises(DatabaseError, match=hint) as error:
        run(postgresql.url(database, user=user, password=password), count)

    assert "wr/ong" not in str(error.value)
    assert "s€same" not in str(error.value)


def test_a_server_that_does_not_answer_has_a_hint():
    """
    No exception of the driver is raised.
    """
    with pytest.raises(DatabaseError, match="Check the address"):
        run("postgresql://me:hidden@127.0.0.1:9/gateway", count)


@pytest.mark.real_server
def test_a_lost_connection_is_replaced(postgresql):
    """
    The server may have been restarted since the last use.
    """

    async def scenario(database):
        assert await count(database) == 0
        with postgresql.connect("postgres") as connection:
            connection.execute(TERMINATE)
        return await count(database)

    assert run(postgresql.new_database(), scenario) == 0


def test_tables_have_the_name_of_the_project():
    """
    A database of PostgreSQL may have tables of other programs.
    """
    assert all(name.startswith("budwood_") for name in metadata.tables)
