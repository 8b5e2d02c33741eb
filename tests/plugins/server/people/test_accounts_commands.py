"""``budwood server accounts``: accounts by the command line."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from sqlalchemy import select

from budwood_cli.program import run as run_program
from budwood_server.database.tables import AUDIT, LOGINS
from budwood_server.people import passwords
from budwood_server.people.accounts import find_account
from budwood_server.people.logins import start_login
from tests.plugins.server.databases import open_database

pytestmark = pytest.mark.one_python
PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(monkeypatch, capsys, sqlite_url):
    """
    Return a function that runs ``budwood server accounts``, with a password on standard input.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(passwords, "_N", 16)

    def run(*arguments, password=PASSWORD, name="accounts"):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        status = run_program(["server", name, *arguments])
        printed = capsys.readouterr()
        assert password not in printed.out + printed.err
        return status, printed.out, printed.err

    return run


def test_accounts_are_added_listed_and_removed(accounts):
    """
    Names are in lower case. The first one creates the tables.
    """
    added = accounts("add", "Ann@example.com", "--role", "admin", "--password-stdin")
    changed = accounts("password", "ann@example.com", "--password-stdin", password="another long password")
    listed = json.loads(accounts("list", "--json")[1])
    table = accounts("list")[1]
    removed = accounts("remove", "ann@example.com", "--yes")

    assert added[0] == changed[0] == removed[0] == 0
    assert [(each["name"], each["role"]) for each in listed] == [("ann@example.com", "admin")]
    assert "never" in table
    assert "no accounts" in accounts("list")[2]


@pytest.mark.parametrize(
    ("arguments", "password", "error"),
    [
        (("a b",), PASSWORD, "is not a name"),
        (("ann", "--role", "root"), PASSWORD, "is no role"),
        (("ann",), "too short", "has 9 characters"),
    ],
)
def test_what_is_not_valid_is_refused(accounts, arguments, password, error):
    """
    Nothing is added, and the error says what is possible.
    """
    status, _, printed = accounts("add", *arguments, "--password-stdin", password=password)

    assert status == 2
    assert error in printed


def test_a_name_is_used_once(accounts):
    """
    The error says that the account exists.
    """
    accounts("add", "ann", "--password-stdin")
    status, _, printed = accounts("add", "ann", "--password-stdin")

    assert status == 1
    assert "exists" in printed


def test_roles_and_states_are_changed(accounts, sqlite_url):
    """
    Each change ends the logins of the account, and the log has it as an act of the command line.
    """
    accounts("add", "ann", "--password-stdin")
    acts = [("change", "ann", "--role", "operator"), ("disable", "ann"), ("enable", "ann")]
    shown = []
    for act in [*acts, ("password", "ann", "--password-stdin")]:
        asyncio.run(start_login_of_ann(sqlite_url))
        status, printed, _ = accounts(*act, "--json")
        assert status == 0
        assert asyncio.run(fetch(sqlite_url, select(LOGINS.c.id))) == []
        shown.append(json.loads(printed))
    acted = asyncio.run(fetch(sqlite_url, select(AUDIT.c.principal_kind, AUDIT.c.details).order_by(AUDIT.c.id)))

    assert [(each["role"], each["disabled"] is None) for each in shown] == [
        ("operator", True),
        ("operator", False),
        ("operator", True),
        ("operator", True),
    ]
    assert [tuple(row) for row in acted[1:]] == [
        ("command", {"name": "ann", **details})
        for details in ({"role": "operator"}, {"disabled": True}, {"disabled": False}, {"password": "changed"})
    ]


@pytest.mark.parametrize(
    "arguments", [("change", "bob", "--role", "admin"), ("disable", "bob"), ("enable", "bob"), ("password", "bob")]
)
def test_accounts_that_do_not_exist_are_errors(accounts, arguments):
    """
    No password is asked for.
    """
    accounts("add", "ann", "--password-stdin")
    status, _, printed = accounts(*arguments)

    assert status == 1
    assert "No account has this id or name." in printed


def test_the_list_has_pages(accounts):
    """
    A note says how to go on. It is not a part of the JSON.
    """
    for name in ("ann", "bob", "cid"):
        accounts("add", name, "--password-stdin")

    _, printed, noted = accounts("list", "--limit", "2", "--json")
    _, rest, last = accounts("list", "--limit", "2", "--after", "bob", "--json")

    assert [each["name"] for each in json.loads(printed)] == ["ann", "bob"]
    assert "add --after bob" in noted
    assert ([each["name"] for each in json.loads(rest)], last) == (["cid"], "")


def test_the_other_name_of_the_commands(accounts):
    """
    ``budwood server users`` is the same.
    """
    assert accounts("add", "ann", "--password-stdin", name="users")[0] == 0
    assert "ann" in accounts("list", name="users")[1]


async def start_login_of_ann(url):
    """
    Start a login of the account.
    """
    async with open_database(url) as database, database.write() as connection:
        account = await find_account(connection, "ann")
        await start_login(connection, account.id, "page")


async def fetch(url, query):
    """
    Return the rows of a query.
    """
    async with open_database(url) as database, database.read() as connection:
        return (await connection.execute(query)).all()
