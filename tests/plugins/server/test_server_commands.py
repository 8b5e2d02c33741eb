"""``budwood server``: keys and the database."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from budwood_cli.program import run as run_program
from budwood_server.access.directory import KeyDirectory
from budwood_server.access.tokens import parse_token
from budwood_server.database import Database
from budwood_server.database.schema import VERSION_TABLE
from budwood_server.events.reading import read_events
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import Sequencer
from budwood_server.webhooks.fan_out import fan_out
from tests.plugins.server.databases import open_database

pytestmark = pytest.mark.one_python


@pytest.fixture
def server(monkeypatch, capsys, sqlite_url):
    """
    Return a function that runs ``budwood server`` with a database, and returns the status and what was printed.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        status = run_program(["server", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def create(server):
    """
    Return a function that creates a key, and returns it as JSON.
    """

    def run(*arguments):
        status, output, errors = server("keys", "create", *arguments, "--json")
        assert status == 0, errors
        return json.loads(output)

    return run


def find(url, token):
    """
    Return the key of a token, as a server finds it.
    """

    async def main():
        database = Database(url)
        try:
            return await KeyDirectory(database).find(token)
        finally:
            await database.close()

    return asyncio.run(main())


def test_a_key_is_created_with_all_options(create, sqlite_url):
    """
    SQLite needs no other command before it.
    """
    created = create(
        *("web", "--team", "search", "--scope", "infer", "--scope", "telemetry", "--expires", "90d"),
        *("--model", "fast", "--model", "openai/*", "--requests-per-minute", "60", "--tokens-per-minute", "100000"),
        *("--budget-dollars", "12.50", "--per", "week", "--timezone", "Europe/Oslo", "--request-option", "cache"),
    )
    key = find(sqlite_url, created["key"])

    assert key.id == created["id"]
    assert (key.name, key.team, key.scopes, key.models) == (
        "web",
        "search",
        {"infer", "telemetry"},
        ("fast", "openai/*"),
    )
    assert (key.requests_per_minute, key.tokens_per_minute, key.request_options) == (60, 100_000, {"cache"})
    assert key.budget.model_dump(mode="json") == created["budget"]
    assert created["budget"] == {"dollars": "12.50", "tokens": None, "per": "week", "timezone": "Europe/Oslo"}
    assert timedelta(days=89) < key.expires - datetime.now(UTC) <= timedelta(days=90)


def test_without_options_a_key_can_infer(create):
    """
    It has no limits, and requests may set the options of the server.
    """
    created = create("web")

    assert created["scopes"] == ["infer"]
    assert [created[name] for name in ("team", "expires", "budget", "request_options")] == [None] * 4
    assert create("none", "--request-option", "none")["request_options"] == []
    assert create("tokens", "--budget-tokens", "1000")["budget"]["per"] == "month"


def test_the_key_alone_is_on_standard_output(server, sqlite_url):
    """
    So that it can be piped into a store of secrets. It is never printed again.
    """
    status, output, errors = server("keys", "create", "web")
    token = output.strip()

    assert status == 0
    assert find(sqlite_url, token) is not None
    assert "it is not shown again" in errors
    for command in (("list",), ("list", "--json"), ("revoke", "web", "--yes")):
        assert parse_token(token).secret not in f"{server('keys', *command)}"


def test_keys_are_listed(server, create):
    """
    The newest first, with their limits, as a table or as JSON.
    """
    create("first", "--team", "search", "--requests-per-minute", "60", "--budget-tokens", "2000000", "--per", "day")
    create("second", "--scope", "admin", "--expires", "2099-01-01")
    create("third")
    server("keys", "revoke", "third", "--yes")

    _, table, _ = server("keys", "list")
    lines = [line.split() for line in table.splitlines()]

    assert [line[1] for line in lines] == ["name", "second", "first"]
    assert "60 requests/min, 2,000,000 tokens/day" in table
    assert "2099-01-01 00:00:00Z" in table
    assert [key["name"] for key in json.loads(server("keys", "list", "--team", "search", "--json")[1])] == ["first"]
    states = {key["name"]: key["state"] for key in json.loads(server("keys", "list", "--all", "--json")[1])}
    assert states == {"first": "active", "second": "active", "third": "revoked"}


def test_a_rotated_key_is_printed_once(server, create, sqlite_url):
    """
    The key before it works for the overlap, and by default no longer.
    """
    first = create("web")["key"]
    status, output, errors = server("keys", "rotate", "web", "--overlap", "24h")
    second = output.strip()

    assert status == 0
    assert "works until" in errors
    assert find(sqlite_url, first) == find(sqlite_url, second) is not None

    third = json.loads(server("keys", "rotate", second, "--json")[1])["key"]
    assert [find(sqlite_url, token) is None for token in (first, second, third)] == [True, True, False]


def test_revoking_asks_first(server, create):
    """
    A script passes --yes. A second time there is nothing to ask.
    """
    create("web")

    status, _, errors = server("keys", "revoke", "web", "--no-input")
    assert (status, "Pass --yes" in errors) == (2, True)
    key_id = json.loads(server("keys", "revoke", "web", "--yes", "--json")[1])["id"]
    assert server("keys", "revoke", key_id, "--no-input")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("web", "--scope", "admin", "--scope", "infer"), "--scope: admin and infer exclude each other"),
        (("web", "--scope", "all"), "--scope: 'all' is no scope"),
        ((" \t",), "NAME: must not contain control characters"),
        (("web", "--expires", "2020-01-01"), "has passed"),
        (("web", "--expires", "soon"), "--expires 'soon' is not a point in time"),
        (("web", "--budget-dollars", "ten"), "--budget-dollars: input should be a valid decimal"),
        (("web", "--budget-dollars", "1", "--budget-tokens", "1"), "either dollars or tokens"),
        (("web", "--budget-dollars", "1", "--per", "year"), "--per: input should be 'day', 'week' or 'month'"),
        (("web", "--timezone", "Europe/Oslo"), "--timezone is given without a budget"),
        (("web", "--budget-tokens", "1", "--timezone", "Mars"), "--timezone: 'Mars' is no time zone"),
        (("web", "--request-option", "model"), "--request-option: 'model' is no such option"),
        (("web", "--requests-per-minute", "0"), "--requests-per-minute: input should be greater than or equal to 1"),
    ],
)
def test_invalid_options_are_named(server, arguments, message):
    """
    By the name that the user typed, with status 2.
    """
    status, output, errors = server("keys", "create", *arguments)

    assert (status, output) == (2, "")
    assert message in errors


def test_an_unknown_key_is_not_quoted(server, create):
    """
    It may be a key of another server.
    """
    create("web")
    status, _, errors = server("keys", "rotate", "bw_live_abc")

    assert status == 1
    assert "No key has this id or name" in errors
    assert "bw_live_abc" not in errors


def test_the_database_is_upgraded(server):
    """
    The status tells whether a server can use it, also by its exit status. It creates no file.
    """
    for _ in range(2):
        status, output, _ = server("db", "status", "--json")
        assert (status, json.loads(output)["state"]) == (1, "empty")
    status, _, errors = server("db", "upgrade")
    assert (status, errors.startswith("created: ")) == (0, True)
    status, output, _ = server("db", "status", "--json")
    found = json.loads(output)
    assert (status, found["state"]) == (0, "current")
    assert (found["version"], found["usage_version"]) == (found["required_version"], found["required_usage_version"])
    assert server("db", "upgrade")[2].startswith("up to date: ")
    assert json.loads(server("db", "upgrade", "--json")[1])["state"] == "current"


def test_events_of_a_restored_database_have_new_ids(server, database_url):
    """
    They are above those that were used after the backup was made. Streams after such an id continue.
    """

    async def write():
        async with open_database(database_url) as database:
            async with database.write() as connection:
                await record_events(connection, [NewEvent("run.finished", "run_1", {}, owner="red")])
            await Sequencer(database, fan_out, poll=60).assign()
            async with database.read() as connection:
                return [event.id for event in await read_events(connection)]

    (first,) = asyncio.run(write())
    status, output, _ = server("db", "restored", "--database", database_url, "--json")
    last = json.loads(output)["last_id"]
    assert (status, last) == (0, "evt_0000001000000001")
    assert asyncio.run(write()) == [first, "evt_0000001000000002"]
    assert "evt_0000002000000002" in server("db", "restored", "--database", database_url)[2]


def test_keys_of_an_older_or_newer_database_are_left_alone(server, create, sqlite_url):
    """
    A server of that version may use them.
    """

    async def set_version(version):
        database = Database(sqlite_url)
        async with database.write() as connection:
            await connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '{version}'"))
        await database.close()

    create("web")
    for version, hint in (("0000", "budwood server db upgrade"), ("0099", "Update budwood-server")):
        asyncio.run(set_version(version))
        for command in (("create", "other"), ("list",), ("rotate", "web"), ("revoke", "web", "--yes")):
            status, output, errors = server("keys", *command)
            assert (status, output) == (3, "")
            assert hint in errors


@pytest.mark.real_server
def test_postgresql_needs_an_upgrade_first(server, postgresql):
    """
    It may belong to other machines, so that its tables are never changed by the way.
    """
    url = postgresql.new_database()

    status, _, errors = server("keys", "create", "web", "--database", url)
    assert (status, "Run `budwood server db upgrade`" in errors) == (3, True)
    assert server("db", "upgrade", "--database", url)[0] == 0
    assert server("keys", "create", "web", "--database", url)[0] == 0
    assert server("db", "status", "--database", url)[0] == 0
    assert "open:s" not in errors
