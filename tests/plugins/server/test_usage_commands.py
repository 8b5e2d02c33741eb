"""``budwood usage --server`` and ``budwood telemetry view --server``: the records of the gateway."""

from __future__ import annotations

import asyncio
import json
import time
from decimal import Decimal

import pytest
from sqlalchemy import text

from budwood.types import Attempt, CallFilter, RequestFinished, Usage
from budwood_cli import telemetry, usage_store
from budwood_cli.program import run as run_program
from budwood_server.commands.records import ServerRecords, open_records
from budwood_server.database.schema import VERSION_TABLE
from budwood_usage.database import VERSION_TABLE as USAGE_VERSION_TABLE
from budwood_usage.database import add
from budwood_usage.rows import collect, make_row
from tests.plugins.server.databases import open_database

pytestmark = pytest.mark.one_python


@pytest.fixture
def budwood(monkeypatch, capsys, database_url):
    """
    Return a function that runs ``budwood`` with the database, and returns the status and what was printed.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        status = run_program([*arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def row(call, key, **fields):
    """
    Return the row of a call of a key, as the gateway records it.
    """
    attempt = Attempt(
        provider="openai",
        model="gpt-5",
        key="default",
        status=200,
        duration=1.0,
        usage=Usage(input_tokens=1000, output_tokens=20),
        cost=Decimal("0.25"),
    )
    tags = {"key": key, "team": "search", "model": "fast"} | fields.pop("tags", {})
    event = {"service": "chat", "provider": "openai", "model": "gpt-5", "seconds": 1.0, "attempts": (attempt,)}
    ended = RequestFinished(
        call=call,
        prompt="secret",
        response=None,
        error=None,
        **event | {"label": f"name of {key}", "tags": tags} | fields,
    )
    return make_row(collect(ended, time.time() - 60, first_token=None))


def in_database(url, *actions):
    """
    Create the tables, and run functions that take a connection.
    """

    async def main():
        async with open_database(url) as database, database.write() as connection:
            for action in actions:
                await connection.run_sync(action)

    asyncio.run(main())


@pytest.fixture
def calls(database_url):
    """
    Three calls of two keys, and one that was not recorded.
    """
    rows = [row("1", "web", tags={"user": "ada"}), row("2", "web"), row("3", "batch", seconds=9.0)]
    in_database(database_url, lambda connection: add(connection, rows, 1))


def test_usage_sums_up_by_tags_of_the_gateway(budwood, calls):
    """
    The table is that of the usage store: a row for each group, and a total.
    """
    status, output, errors = budwood("usage", "--server", "--by", "tag:key,label")

    assert status == 0, errors
    assert [line.split() for line in output.splitlines()] == [
        ["tag:key", "label", "calls", "errors", "cached", "input", "output", "cost", "saved"],
        ["batch", "name", "of", "batch", "1", "0", "0", "1,000", "20", "$0.25", "$0"],
        ["web", "name", "of", "web", "2", "0", "0", "2,000", "40", "$0.50", "$0"],
        ["total", "3", "0", "0", "3,000", "60", "$0.75", "$0"],
    ]
    assert "1 call could not be recorded" in errors


def test_usage_takes_its_other_options(budwood, calls):
    """
    Filters, times and forms are those of the usage store.
    """
    _, output, _ = budwood("usage", "--server", "--by", "tag:user,tag:team,day", "--tag", "key=web", "--json")

    found = {(each["tag:user"], each["tag:team"], each["calls"]) for each in json.loads(output)}
    assert found == {("ada", "search", 1), (None, "search", 1)}
    status, _, errors = budwood("usage", "--server", "--by", "nothing")
    assert status == 2
    assert "--by: Calls cannot be grouped by 'nothing'" in errors
    _, output, errors = budwood("usage", "--server", "--until", "1h")
    assert output == ""
    assert "no calls in this time" in errors
    assert "except with usage = false in [server]" in errors
    assert "observers" not in errors


def test_telemetry_shows_calls_of_the_gateway(budwood, calls):
    """
    The newest come first, with their tags.
    """
    _, output, _ = budwood("telemetry", "view", "--server", "--slower-than", "5", "--json")
    [record] = json.loads(output)

    assert (record["call"], record["tags"]) == ("3", {"key": "batch", "team": "search", "model": "fast"})
    _, output, _ = budwood("telemetry", "view", "--server", "-n", "2")
    assert [line.split()[2] for line in output.splitlines()[1:]] == ["openai/gpt-5"] * 2


def test_telemetry_follows_a_server(budwood, calls, database_url, monkeypatch):
    """
    Calls that a server records in the meantime appear.
    """

    def record_or_end(_):
        if waits:
            waits.pop()
            in_database(database_url, lambda connection: add(connection, [row("4", "late")]))
        else:
            raise KeyboardInterrupt

    waits = [None]
    monkeypatch.setattr(telemetry.time, "sleep", record_or_end)
    status, output, _ = budwood("telemetry", "view", "--server", "--follow", "--json")

    assert status == 130
    assert [json.loads(line)["call"] for line in output.splitlines()] == ["1", "2", "3", "4"]


def test_records_are_read_while_a_server_writes(calls, database_url):
    """
    A transaction that is under way holds up no reader, who sees what is committed.
    """
    records = ServerRecords(database_url)

    async def read_during_write():
        async with open_database(database_url) as database, database.write() as connection:
            await connection.run_sync(add, [row("4", "web")])
            return await asyncio.to_thread(records.totals, (), CallFilter())

    try:
        assert asyncio.run(read_during_write())[0].calls == 3
        assert records.totals((), CallFilter())[0].calls == 4
    finally:
        records.close()


def test_nothing_can_be_written(calls, database_url):
    """
    The database refuses a statement that changes something.
    """
    records = ServerRecords(database_url)
    try:
        with pytest.raises(OSError, match=r"Cannot use the database .*read-?only"):
            records._read(lambda connection: connection.execute(text("DELETE FROM budwood_calls")))
    finally:
        records.close()


def test_a_database_without_tables_is_an_error(budwood, database_url, tmp_path):
    """
    The file is not created.
    """
    status, output, errors = budwood("usage", "--server")

    assert (status != 0, output) == (True, "")
    assert "no server has used this database" in errors
    assert "Start `budwood serve`" in errors
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("table", [VERSION_TABLE, USAGE_VERSION_TABLE])
def test_tables_of_a_newer_version_are_refused(budwood, database_url, table):
    """
    The error names what to update.
    """
    in_database(
        database_url,
        lambda connection: connection.execute(text(f"UPDATE {table} SET version_num = '9999'")),
    )
    status, _, errors = budwood("telemetry", "view", "--server")

    assert status != 0
    assert "newer version" in errors
    assert "Update budwood-server" in errors


def test_without_the_server_the_error_says_how_to_install_it(budwood, monkeypatch):
    """
    The command line does not need it otherwise.
    """
    monkeypatch.setattr(usage_store, "find_spec", lambda _: None)
    status, _, errors = budwood("usage", "--server")

    assert status != 0
    assert "--server needs budwood-server, which is not installed" in errors
    assert "pip install" in errors


def test_a_database_that_fails_is_the_error_of_a_store(budwood, calls, monkeypatch):
    """
    So `--follow` waits until it works again.
    """
    records = open_records()
    try:
        with pytest.raises(OSError, match="Cannot use the database"):
            records._read(lambda connection: connection.execute(text("SELECT * FROM missing")))
        assert records.dropped() == 1
    finally:
        records.close()
