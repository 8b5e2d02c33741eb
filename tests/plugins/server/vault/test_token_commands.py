"""``budwood server tokens`` and ``budwood server master-key``."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from sqlalchemy import text

from budwood_cli.program import run as run_program
from budwood_server.database import Database
from budwood_server.vault.master_keys import VARIABLE, parse_master_keys
from tests.fake_keyring import use_fake_keyring
from tests.plugins.server.vault.test_use import FIRST, SECOND

pytestmark = pytest.mark.one_python


@pytest.fixture
def server(monkeypatch, capsys, sqlite_url, tmp_path):
    """
    Return a function that runs ``budwood server`` with a database, and returns the status and what was printed.
    """
    monkeypatch.setenv("BUDWOOD_SERVER__DATABASE", sqlite_url)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = run_program(["server", *arguments])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def master_key(server, monkeypatch):
    """
    A master key in the variable, made by the command.
    """
    status, output, errors = server("master-key", "create")
    assert status == 0
    assert VARIABLE in errors
    monkeypatch.setenv(VARIABLE, output.strip())
    return output.strip()


def add(server, *arguments, token=FIRST):
    """
    Store a token, and return it as JSON.
    """
    status, output, errors = server("tokens", "add", *arguments, "--token", "-", "--json", stdin=token)
    assert status == 0, errors
    return json.loads(output)


def test_without_a_master_key_nothing_is_stored(server):
    """
    The error names the command that makes one. An admin key does not take its place.
    """
    server("keys", "create", "admin", "--scope", "admin")
    for command in (("add", "openai", "--token", "-"), ("rotate", "openai", "--token", "-"), ("rewrap",)):
        status, output, errors = server("tokens", *command, stdin=FIRST)
        assert (status, output) == (3, "")
        assert "`budwood server master-key create`" in errors
        assert FIRST not in errors
    assert json.loads(server("tokens", "list", "--json")[1]) == []


@pytest.mark.usefixtures("master_key")
def test_a_token_is_stored_listed_replaced_and_removed(server, sqlite_url):
    """
    No command shows more than its last four characters.
    """
    added = add(server, "openai")
    printed = [
        added,
        server("tokens", "list"),
        server("tokens", "list", "--json"),
        server("tokens", "rotate", "openai", "--token", "-", stdin=SECOND),
        server("tokens", "list", "--provider", "groq"),
        server("tokens", "remove", added["id"], "--yes"),
        server("tokens", "list"),
    ]

    assert {name: added[name] for name in ("action", "provider", "label", "ending")} == {
        "action": "stored",
        "provider": "openai",
        "label": "default",
        "ending": "6789",
    }
    assert "…6789" in printed[1][1]
    assert printed[3][0] == printed[5][0] == 0
    assert f"replaced: the token 'default' of openai (…6789), {added['id']}" in printed[3][2]
    assert "no tokens" in printed[4][2]
    assert "no tokens" in printed[6][2]
    assert FIRST[:-4] not in f"{printed}"
    assert SECOND[:-4] not in f"{printed}"
    assert "ciphertext" not in f"{printed}"


@pytest.mark.usefixtures("master_key")
@pytest.mark.parametrize(
    ("arguments", "token", "message"),
    [
        (("nowhere",), FIRST, "No token is stored for 'nowhere'"),
        (("offline",), FIRST, "takes no API key"),
        (("openai", "--label", ""), FIRST, "label"),
        (("openai", "--label", FIRST), FIRST, "must not be a part of its names"),
        (("openai",), "", "empty"),
        (("openai",), "two words", "characters that no key has"),
    ],
)
def test_invalid_tokens_are_refused(server, arguments, token, message):
    """
    Without being quoted.
    """
    status, output, errors = server("tokens", "add", *arguments, "--token", "-", stdin=token)

    assert status in (2, 3)
    assert output == ""
    assert message in errors
    assert FIRST not in errors


@pytest.mark.usefixtures("master_key")
def test_removing_asks_first(server):
    """
    A script passes --yes. Of several tokens of a provider, one must be named.
    """
    add(server, "openai")
    add(server, "openai", "--label", "second", token=SECOND)

    status, _, errors = server("tokens", "remove", "openai/second", "--no-input")
    assert (status, "Pass --yes" in errors) == (2, True)
    status, _, errors = server("tokens", "remove", "openai", "--yes")
    assert (status, "openai/default, openai/second" in errors) == (1, True)
    assert server("tokens", "remove", "openai/second", "--yes")[0] == 0
    assert [token["label"] for token in json.loads(server("tokens", "list", "--json")[1])] == ["default"]


def test_a_master_key_of_the_variable_is_rotated(server, master_key, monkeypatch):
    """
    The new one is printed before the older one, which is left out once nothing needs it.
    """
    add(server, "openai")
    status, both, errors = server("master-key", "rotate")
    assert (status, "restart servers" in errors) == (0, True)
    new, old = both.strip().split(",")
    assert old == master_key
    monkeypatch.setenv(VARIABLE, both.strip())

    uses = [(row["use"], row["tokens"]) for row in json.loads(server("master-key", "list", "--json")[1])]
    assert uses == [("seals", 0), ("opens", 1)]
    status, _, errors = server("master-key", "prune")
    assert (status, "still seals 1 tokens" in errors) == (2, True)

    assert json.loads(server("tokens", "rewrap", "--json")[1])["rewrapped"] == 1
    assert server("master-key", "prune")[1].strip() == new
    monkeypatch.setenv(VARIABLE, new)
    assert server("tokens", "list", "--json")[1].count('"problem": null') == 1
    assert "no older master keys" in server("master-key", "prune")[2]


def test_a_master_key_of_the_keyring_is_rotated(server):
    """
    It is never printed. A second one is not created over it.
    """
    with use_fake_keyring() as keyring:
        printed = [server("master-key", "create", "--keyring")]
        status, _, errors = server("master-key", "create", "--keyring")
        assert (status, "budwood server master-key rotate" in errors) == (2, True)
        first = next(iter(keyring.secrets.values()))
        add(server, "openai")
        printed += [
            server(*command)
            for command in (("master-key", "rotate"), ("tokens", "rewrap"), ("master-key", "prune"), ("tokens", "list"))
        ]
        last = next(iter(keyring.secrets.values()))

    assert [status for status, *_ in printed] == [0] * 5
    assert len(keyring.secrets) == 1
    assert last != first
    assert first not in f"{printed}"
    assert last not in f"{printed}"
    assert parse_master_keys(last, "keyring").current.id in printed[-1][1]


def test_tokens_of_a_missing_master_key_are_reported(server, master_key, monkeypatch):
    """
    The status of rewrapping is 1, and other tokens are sealed anew.
    """
    add(server, "openai")
    monkeypatch.setenv(VARIABLE, server("master-key", "create")[1].strip())
    add(server, "groq", token=SECOND)

    status, _, errors = server("tokens", "rewrap")
    listed = server("tokens", "list")
    rows = json.loads(server("master-key", "list", "--json")[1])

    assert status == 1
    assert "openai/default stays as it is: It is sealed with the master key" in errors
    assert "warning: openai/default" in listed[2]
    assert "groq" not in listed[2]
    assert [(row["use"], row["tokens"]) for row in rows] == [("seals", 1), ("missing", 1)]
    assert parse_master_keys(master_key, "environment").current.id == rows[1]["id"]


@pytest.mark.usefixtures("master_key")
def test_a_damaged_row_is_reported(server, sqlite_url):
    """
    With what to do about it.
    """

    async def damage():
        database = Database(sqlite_url)
        async with database.write() as connection:
            await connection.execute(text("UPDATE budwood_vendor_tokens SET ciphertext = nonce"))
        await database.close()

    add(server, "openai")
    asyncio.run(damage())

    status, _, errors = server("tokens", "list")
    assert status == 0
    assert "is damaged" in errors
    assert "Restore the database from a backup" in errors


def test_an_invalid_master_key_is_not_quoted(server, monkeypatch):
    """
    It may be another secret by mistake.
    """
    monkeypatch.setenv(VARIABLE, "bw_live_secret_of_a_client")
    status, output, errors = server("tokens", "add", "openai", "--token", "-", stdin=FIRST)

    assert (status, output) == (3, "")
    assert "BUDWOOD_MASTER_KEY (environment): a master key is not valid" in errors
    assert "secret_of_a_client" not in errors
