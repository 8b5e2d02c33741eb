"""``budwood server users``: accounts by the command line."""

from __future__ import annotations

import io
import json

import pytest

from budwood_cli.program import run as run_program
from budwood_server.people import passwords

pytestmark = pytest.mark.one_python
PASSWORD = "correct horse battery"


@pytest.fixture
def users(monkeypatch, capsys, sqlite_url):
    """
    Return a function that runs ``budwood server users``, with a password on standard input.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(passwords, "_N", 16)

    def run(*arguments, password=PASSWORD):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        status = run_program(["server", "users", *arguments])
        printed = capsys.readouterr()
        assert password not in printed.out + printed.err
        return status, printed.out, printed.err

    return run


def test_accounts_are_added_listed_and_removed(users):
    """
    Names are in lower case. The first one creates the tables.
    """
    added = users("add", "Ann@example.com", "--role", "admin", "--password-stdin")
    changed = users("passwd", "ann@example.com", "--password-stdin", password="another long password")
    listed = json.loads(users("list", "--json")[1])
    table = users("list")[1]
    removed = users("remove", "ann@example.com", "--yes")

    assert added[0] == changed[0] == removed[0] == 0
    assert [(each["name"], each["role"]) for each in listed] == [("ann@example.com", "admin")]
    assert "never" in table
    assert "no accounts" in users("list")[2]


@pytest.mark.parametrize(
    ("arguments", "password", "error"),
    [
        (("a b",), PASSWORD, "is not a name"),
        (("ann", "--role", "root"), PASSWORD, "is no role"),
        (("ann",), "too short", "has 9 characters"),
    ],
)
def test_what_is_not_valid_is_refused(users, arguments, password, error):
    """
    Nothing is added, and the error says what is possible.
    """
    status, _, printed = users("add", *arguments, "--password-stdin", password=password)

    assert status == 2
    assert error in printed


def test_a_name_is_used_once(users):
    """
    The error says that the account exists.
    """
    users("add", "ann", "--password-stdin")
    status, _, printed = users("add", "ann", "--password-stdin")

    assert status == 1
    assert "exists" in printed
