"""Clients use stored keys if no other source has one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from budwood import Client, ConfigurationError, CredentialError
from budwood.credential_store import StoredKey, StoredKeys, index_path, lookup, read_index, write_index, write_secret
from budwood.settings import Settings, user_folder
from budwood_testing import chat_reply

SECRET = "sk-stored-0123456789"


@pytest.fixture
def store(system_keyring):
    """
    Store keys: ``store(provider, label, secret, place)``.
    """

    def add(provider="openai", label="default", secret=SECRET, place="file"):
        path = index_path(user_folder("config"))
        if place == "keyring":
            write_secret(provider, label, secret)
        write_index(path, [*read_index(path), StoredKey.create(provider, label, secret, place)])
        return path

    return add


def key_of(scripted, clock, **arguments):
    """Return the header of a request that shows the key."""
    scripted.reply(200, chat_reply("hello"))
    with Client("openai/gpt-4o", transport=scripted, clock=clock, cache=False, **arguments) as client:
        client.ask("hi")
    return scripted.calls[-1].headers["authorization"]


@pytest.mark.parametrize("place", ["file", "keyring"])
def test_stored_key_is_used(place, store, scripted, clock):
    """
    The index says where it is.
    """
    store(place=place)

    assert key_of(scripted, clock) == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "arguments", [{"api_key": "sk-other"}, {"settings": {"providers": {"openai": {"api_key": "sk-other"}}}}]
)
def test_arguments_take_precedence(arguments, store, scripted, clock):
    """
    A call whose key comes from elsewhere does not even open the index.
    """
    store().write_text("damaged")

    assert key_of(scripted, clock, **arguments) == "Bearer sk-other"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OPENAI_API_KEYS", "BUDWOOD_PROVIDERS__OPENAI__API_KEY"])
def test_variables_take_precedence(name, store, scripted, clock, monkeypatch):
    """
    The vendor's and Budwood's own.
    """
    store().write_text("damaged")
    monkeypatch.setenv(name, "sk-other")

    assert key_of(scripted, clock) == "Bearer sk-other"


@pytest.mark.parametrize(
    ("file", "text"),
    [(".env", "OPENAI_API_KEY=sk-other"), ("budwood.toml", '[providers.openai]\napi_key = "sk-other"')],
)
def test_files_take_precedence(file, text, store, scripted, clock):
    """
    Those of the current folder, as those of the user.
    """
    store().write_text("damaged")
    Path(file).write_text(text)

    assert key_of(scripted, clock) == "Bearer sk-other"


def test_damaged_index_is_an_error_only_where_it_is_needed(store):
    """
    Without another key the error names the file.
    """
    store().write_text("damaged")

    with pytest.raises(ConfigurationError, match=r"credentials\.json: the index of stored keys is damaged"):
        Client("openai/gpt-4o")


def test_key_of_another_provider_is_not_used(store):
    """
    Also not by another instance of the same plugin.
    """
    store()

    with pytest.raises(CredentialError, match="work: no API key"):
        Client("work/gpt-4o", settings={"providers": {"work": {"plugin": "openai"}}}).ask("hi")


def test_several_stored_keys_are_a_pool(store, scripted, clock):
    """
    Attempts record the label of the key.
    """
    store(label="one", secret="sk-one-0123456789")
    store(label="two", secret="sk-two-0123456789", place="keyring")
    scripted.reply(200, chat_reply("hello"))

    with Client("openai/gpt-4o", transport=scripted, clock=clock, cache=False) as client:
        reply = client.ask("hi")

    assert scripted.calls[-1].headers["authorization"] == f"Bearer sk-{reply.attempts[0].key}-0123456789"


def test_missing_index_is_looked_for_once(monkeypatch, tmp_path):
    """
    A client opens it at most once, for any number of providers.
    """
    opened = []
    monkeypatch.setattr(lookup, "read_index", lambda path: opened.append(path) or ())
    keys = StoredKeys(tmp_path)

    assert [keys.settings_of(name) for name in ("a", "b", "a")] == [{}, {}, {}]
    assert opened == [tmp_path / "credentials.json"]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("locked", r"is in the system's keyring, which cannot be read: the keyring .* is locked .*Unlock it.*, or set"),
        ("missing", r"cannot be read: this system has no keyring.*Start a keyring.*, or set OPENAI_API_KEY"),
    ],
)
def test_unavailable_keyring_is_an_error_with_a_cure(state, message, store, system_keyring):
    """
    It says where the key is, what to do, and which variable works without it. It contains nothing of the backend's.
    """
    store(place="keyring")
    system_keyring.state = state

    with pytest.raises(CredentialError, match=message) as caught:
        Client("openai/gpt-4o")

    assert "sk-secret" not in str(caught.value)
    assert caught.value.__context__ is None or "sk-secret" not in repr(caught.value.__context__)


def test_entry_that_the_keyring_lost_is_an_error_with_a_cure(store, system_keyring):
    """
    Another program may have removed it.
    """
    store(place="keyring", label="my key")
    system_keyring.secrets.clear()

    with pytest.raises(
        CredentialError, match=r"which does not have it\..*tokens rotate --provider openai --label 'my k"
    ):
        Client("openai/gpt-4o")


def test_keyring_that_keeps_nothing_is_no_keyring(system_keyring):
    """
    The library has a backend that discards what it is given.
    """
    system_keyring.state = "forgetful"

    with pytest.raises(CredentialError, match="does not keep keys"):
        write_secret("openai", "default", SECRET)


@pytest.mark.parametrize("place", ["file", "keyring"])
def test_library_is_imported_only_if_the_index_names_the_keyring(place, store, system_keyring):
    """
    A program with a key in the file does not need it; without it, the error says how to install it.
    """
    store(place=place)
    code = "import sys; sys.modules['keyring'] = None; import budwood; budwood.Client('openai/gpt-4o'); print('made')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)

    if place == "file":
        assert done.stdout == "made\n"
    else:
        assert "The library keyring is not installed. pip install keyring, or set OPENAI" in done.stderr.replace(
            "the lib", "The lib"
        )


def test_settings_that_were_not_loaded_have_no_stored_keys(store):
    """
    Plugins are examined without the user's keys.
    """
    store()

    assert Settings().key_folder is None
    with pytest.raises(CredentialError, match="no API key"):
        Client("openai/gpt-4o", settings=Settings()).ask("hi")


def test_missing_key_names_the_variable_and_the_command():
    """
    The command is named if it is installed.
    """
    with pytest.raises(
        CredentialError, match=r"no API key\. Set OPENAI_API_KEY or .*, run `budwood tokens add --provider"
    ):
        Client("openai/gpt-4o").ask("hi")


def test_missing_key_without_the_command_line_names_the_variable(monkeypatch):
    """
    A command that is not installed is no cure.
    """
    monkeypatch.setitem(sys.modules, "budwood_cli", None)

    with pytest.raises(CredentialError, match=r"Set OPENAI_API_KEY or BUDWOOD\w+, or pass api_key"):
        Client("openai/gpt-4o").ask("hi")


def test_server_that_requires_a_key_although_there_is_none(scripted, clock):
    """
    A 401 without a key names the variables; with a key it says to check that.
    """
    settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1"}}}
    body = {"error": {"message": "Unauthorized"}}
    hints = []
    for key in (None, "sk-wrong-0123456789"):
        scripted.reply(401, body)
        with Client("local/m", api_key=key, settings=settings, transport=scripted, clock=clock) as client:
            with pytest.raises(Exception, match="Unauthorized") as caught:
                client.ask("hi")
            hints.append(caught.value.hint)

    assert "Set BUDWOOD_PROVIDERS__LOCAL__API_KEY, run `budwood tokens add --provider local`" in hints[0]
    assert hints[1] == "Check the API key."
