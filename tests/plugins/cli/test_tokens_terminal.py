"""``budwood tokens`` at a terminal, without a keyring and with a real one."""

from __future__ import annotations

import json
import sys

import pytest

from budwood.credential_store import read_index
from tests.secret_service import run_secret_service

KEY = "sk-proj-0123456789abcdefghij"
NULL = "keyring.backends.null.Keyring"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """
    The path of the index of stored keys.
    """
    monkeypatch.setenv("BUDWOOD_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config" / "credentials.json"


@pytest.fixture
def secret_service(tmp_path, monkeypatch):
    """
    An open keyring of the test, which programs use.
    """
    folder = tmp_path / "keyring"
    folder.mkdir()
    with run_secret_service(folder) as service:
        for name, value in service.environment.items():
            monkeypatch.setenv(name, value)
        yield service


def test_key_is_asked_for_and_not_shown(terminal, index):
    """
    Without a keyring, a file needs a yes.
    """
    asked = terminal("tokens", "add", "--provider", "openai")
    asked.wait_for("API key of openai (hidden): ")
    asked.type(f"{KEY}\n")
    asked.wait_for("There is no keyring that keeps the key.")
    asked.wait_for("Store it in config/credentials.json, as text that only you may read? [y/N] ")
    asked.type("y\n")
    asked.wait_for("stored: the key 'default' of openai (…ghij)")

    assert asked.end() == 0
    assert KEY not in asked.shown
    assert read_index(index)[0].secret.get_secret_value() == KEY


def test_no_stores_nothing(terminal, index):
    """
    Neither does an empty answer.
    """
    asked = terminal("tokens", "add", "--provider", "openai")
    asked.wait_for("(hidden): ")
    asked.type(f"{KEY}\n")
    asked.wait_for("[y/N] ")
    asked.type("\n")

    assert asked.end() == 1
    assert not index.exists()


def test_interrupt_at_each_question_stores_nothing(terminal, index):
    """
    The exit status is 130.
    """
    for answers in ([], ["openai\n"], ["openai\n", f"{KEY}\n"]):
        asked = terminal("tokens", "add")
        for question, answer in zip(("MODEL: ", "(hidden): "), answers, strict=False):
            asked.wait_for(question)
            asked.type(answer)
        asked.wait_for(("MODEL: ", "(hidden): ", "[y/N] ")[len(answers)])
        asked.interrupt()
        assert asked.end() == 130
        assert not index.exists()


def test_removal_asks_for_the_key_and_for_a_yes(terminal, index, budwood):
    """
    If there are several keys, the labels are shown.
    """
    for label in ("one", "two"):
        key = f"sk-{label}-0123456789{label}"
        budwood("tokens", "add", "-p", "openai", "-l", label, "--token", "-", "--store", "file", stdin=key)

    asked = terminal("tokens", "rm", "--provider", "openai")
    asked.wait_for("Which key of openai?")
    asked.wait_for("Number or name: ")
    asked.type("two\n")
    asked.wait_for("Remove the key 'two' of openai (…9two)? [y/N] ")
    asked.type("y\n")

    assert asked.end() == 0
    assert [key.label for key in read_index(index)] == ["one"]


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", NULL])
@pytest.mark.parametrize("agreement", [["--yes"], ["--store", "file"]])
def test_option_agrees_to_a_file(backend, agreement, budwood, index):
    """
    A backend that keeps nothing is no keyring.
    """
    arguments = ("tokens", "add", "-p", "openai", "--token", "-")

    refused = budwood(*arguments, stdin=KEY, PYTHON_KEYRING_BACKEND=backend)
    done = budwood(*arguments, *agreement, stdin=KEY, PYTHON_KEYRING_BACKEND=backend)

    assert refused.returncode == 2
    assert "hint: Pass --store file." in refused.stderr
    assert done.returncode == 0, done.stderr
    assert read_index(index)[0].place == "file"


def test_keyring_keeps_the_key(secret_service, budwood, vendor, index):
    """
    The index has only its last characters, and the next command reads it from the keyring.
    """
    added = budwood("tokens", "add", "-p", "local", "--token", "-", stdin=KEY)
    answer = budwood("ask", "hi")
    (row,) = json.loads(budwood("tokens", "list", "--json").stdout)

    assert added.stderr.startswith(
        "stored: the key 'default' of local (…ghij), in the keyring\nIt will only be sent to"
    )
    assert answer.returncode == 0, answer.stderr
    assert vendor.authorizations[-1] == f"Bearer {KEY}"
    assert (row["store"], row["path"]) == ("keyring", None)
    assert "0123456789" not in index.read_text()


def test_keyring_is_rotated_and_emptied(secret_service, budwood, vendor, index):
    """
    After the removal the server is asked without a key.
    """
    budwood("tokens", "add", "-p", "local", "--token", "-", stdin=KEY)
    budwood("tokens", "rotate", "-p", "local", "--token", "-", stdin="sk-new-0123456789")
    budwood("ask", "hi")
    removed = budwood("tokens", "rm", "-p", "local", "--yes")
    budwood("ask", "hi")

    assert vendor.authorizations == ["Bearer sk-new-0123456789", None]
    assert removed.returncode == 0
    assert read_index(index) == ()


def test_locked_keyring_is_an_error_with_cures(secret_service, budwood, vendor, index):
    """
    A call and a new key say how to continue without it; a variable works.
    """
    budwood("tokens", "add", "-p", "local", "--token", "-", stdin=KEY)
    secret_service.stop()
    secret_service.start(locked=True)

    answer = budwood("ask", "hi")
    added = budwood("tokens", "add", "-p", "openai", "--token", "-", stdin=KEY)
    with_variable = budwood("ask", "hi", BUDWOOD_PROVIDERS__LOCAL__API_KEY="sk-of-the-variable")

    assert (answer.returncode, added.returncode, with_variable.returncode) == (4, 4, 0)
    assert "the keyring of this system is locked or does not answer" in answer.stderr
    assert "or set BUDWOOD_PROVIDERS__LOCAL__API_KEY." in answer.stderr
    assert "or pass --store file." in added.stderr


def test_key_stays_readable_by_a_machine_without_the_keyring(secret_service, budwood, index):
    """
    An entry in a keyring that is gone can be listed, replaced by one in the file, and removed.
    """
    budwood("tokens", "add", "-p", "openai", "--token", "-", stdin=KEY)
    gone = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}

    assert "…ghij  keyring" in budwood("tokens", "list", **gone).stdout
    rotated = budwood("tokens", "rotate", "-p", "openai", "--token", "-", "--store", "file", stdin=f"{KEY}2", **gone)
    removed = budwood("tokens", "rm", "-p", "openai", "--yes", **gone)

    assert rotated.returncode == 0, rotated.stderr
    assert "note: there is no keyring here" in rotated.stderr
    assert removed.returncode == 0
    assert read_index(index) == ()
