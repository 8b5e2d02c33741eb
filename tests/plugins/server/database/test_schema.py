"""The version of the tables, and their migrations."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import inspect, select, text

from budwood_server.database import Database
from budwood_server.database.schema import HEAD, VERSION_TABLE, SchemaError, check_schema, read_status, upgrade
from budwood_server.database.tables import metadata
from budwood_usage import database as usage
from tests.plugins.server.databases import open_database

UPGRADE = """
import asyncio, sys
from budwood_server.database import Database
from budwood_server.database.schema import upgrade

async def main():
    database = Database(sys.argv[1])
    sys.stdin.read()
    print((await upgrade(database)).version)
    await database.close()

asyncio.run(main())
"""
CHECK = """
import asyncio, sys
from budwood_server.access.directory import KeyDirectory
from budwood_server.database import Database, VersionWatch
from budwood_server.database.schema import check_schema

async def main():
    database = Database(sys.argv[1])
    await check_schema(database)
    watch, directory = VersionWatch(database), KeyDirectory(database)
    await directory.start(watch)
    await watch.start()
    await directory.find("bw_live_unknown")
    await directory.close()
    await watch.close()
    await database.close()
    print(sorted({name.partition(".")[0] for name in sys.modules} & {"alembic", "redis"}))

asyncio.run(main())
"""


def run(url, scenario):
    """
    Run a coroutine function with a database, which may have no tables.
    """

    async def main():
        database = Database(url)
        try:
            return await scenario(database)
        finally:
            await database.close()

    return asyncio.run(main())


async def set_version(database, version, table=VERSION_TABLE):
    """
    Make the database look as another version of the program leaves it.
    """
    await upgrade(database)
    async with database.write() as connection:
        await connection.execute(text(f"UPDATE {table} SET version_num = :version"), {"version": version})


def describe_tables(connection):
    """
    Return the columns and indexes of the tables of the server.
    """
    inspector = inspect(connection)
    return {
        table: (
            sorted((each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(table)),
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted((each["name"], each["column_names"]) for each in inspector.get_indexes(table)),
        )
        for table in inspector.get_table_names()
        if table in metadata.tables
    }


def test_the_migrations_lead_to_the_tables_of_the_code(database_url, tmp_path, request):
    """
    Columns, keys and indexes are those that `metadata` would create.
    """
    is_sqlite = database_url.startswith("sqlite")
    other = f"sqlite:///{tmp_path}/2" if is_sqlite else request.getfixturevalue("postgresql").new_database()

    async def create(database):
        async with database.write() as connection:
            await connection.run_sync(metadata.create_all)
            return await connection.run_sync(describe_tables)

    async def migrate(database):
        await upgrade(database)
        async with database.read() as connection:
            return await connection.run_sync(describe_tables)

    assert run(database_url, migrate) == run(other, create)


def test_a_second_upgrade_does_nothing(database_url):
    """
    It tells which version was there before.
    """

    async def scenario(database):
        return [(await upgrade(database)).version for _ in range(2)]

    assert run(database_url, scenario) == [None, HEAD]


@pytest.mark.parametrize("version", [None, "0000"])
def test_an_older_database_is_not_served(database_url, version):
    """
    The error names the command that upgrades it.
    """

    async def scenario(database):
        if version:
            await set_version(database, version)
        await check_schema(database)

    with pytest.raises(SchemaError, match="Run `budwood server db upgrade`"):
        run(database_url, scenario)


@pytest.mark.parametrize("table", [VERSION_TABLE, usage.VERSION_TABLE])
@pytest.mark.parametrize("action", [check_schema, upgrade])
def test_a_newer_database_is_neither_served_nor_changed(database_url, action, table):
    """
    An older program must not write to tables that it does not know.
    """

    async def scenario(database):
        await set_version(database, "0099", table)
        with pytest.raises(SchemaError, match="newer version") as error:
            await action(database)
        return error.value.hint, await read_status(database)

    hint, status = run(database_url, scenario)

    assert "0099" in (status.version, status.usage_version)
    assert status.state == "newer"
    assert hint.startswith("Update budwood-server")


def test_the_usage_store_gets_its_tables(database_url):
    """
    It has a version of its own, which is checked, too.
    """

    async def scenario(database):
        await set_version(database, "0000", usage.VERSION_TABLE)
        states = [(await read_status(database)).state]
        with pytest.raises(SchemaError, match="usage 0000"):
            await check_schema(database)
        async with database.write() as connection:
            for table in (*usage.METADATA.tables, usage.VERSION_TABLE):
                await connection.execute(text(f"DROP TABLE {table}"))
        states.append((await read_status(database)).state)
        await upgrade(database)
        async with database.read() as connection:
            await connection.execute(select(usage.calls))
        return [*states, (await read_status(database)).state]

    assert run(database_url, scenario) == ["older", "older", "current"]


def test_several_processes_can_upgrade_at_the_same_time(database_url):
    """
    One creates the tables; the others wait, and find them.
    """
    command = [sys.executable, "-c", UPGRADE, database_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for process in processes:
        process.stdin.close()
        process.stdin = None

    results = [process.communicate() for process in processes]

    assert sorted(output.strip() for output, _ in results) == [HEAD, HEAD, "None"], results


def test_a_worker_does_not_import_alembic(sqlite_url):
    """
    It costs memory and time, and only the parent needs it.
    """

    async def prepare():
        async with open_database(sqlite_url):
            pass

    asyncio.run(prepare())
    done = subprocess.run([sys.executable, "-c", CHECK, sqlite_url], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "[]", done.stderr
