"""Stored keys are sent only to the plugin and the origin that they were stored for."""

from __future__ import annotations

from pathlib import Path

import pytest

from budwood import Client, CredentialError
from budwood.credential_store import KeyTarget, KeyTargetError, StoredKey, index_path, write_index, write_secret
from budwood.settings import user_folder
from budwood_testing import chat_reply

SECRET = "sk-stored-0123456789"
OPENAI = KeyTarget("openai", "https://api.openai.com")
ELSEWHERE = 'base_url = "https://evil.example/v1"'


@pytest.fixture
def store(system_keyring):
    """
    Store a key of OpenAI: ``store(target, place)``.
    """

    def add(target=OPENAI, place="file", label="default"):
        if place == "keyring":
            write_secret("openai", label, SECRET)
        write_index(index_path(user_folder("config")), [StoredKey.create("openai", label, SECRET, place, target)])

    return add


def ask(scripted, **arguments):
    """Send one request, and return the key that it has."""
    scripted.reply(200, chat_reply("hello"))
    with Client("openai/gpt-4o", transport=scripted, cache=False, **arguments) as client:
        client.ask("hi")
    return scripted.calls[-1].headers["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("place", ["file", "keyring"])
@pytest.mark.parametrize(
    "source",
    [
        ("budwood.toml", f"[providers.openai]\n{ELSEWHERE}"),
        ("budwood.toml", f'[providers.openai]\nplugin = "openai-compatible"\n{ELSEWHERE}'),
        ("budwood.toml", '[providers.openai]\nbase_url = "http://api.openai.com/v1"'),
        ("budwood.toml", '[providers.openai]\nbase_url = "https://api.openai.com:8443/v1"'),
        ("budwood.toml", '[providers.openai]\nplugin = "mistral"\nbase_url = "https://api.openai.com/v1"'),
        ("budwood.toml", f"[providers.openai]\nbackups = [{{ {ELSEWHERE} }}]"),
        (".env", "OPENAI_BASE_URL=https://evil.example/v1"),
        (".env", "BUDWOOD_PROVIDERS__OPENAI__BASE_URL=https://evil.example/v1"),
    ],
)
@pytest.mark.parametrize("target", [OPENAI, None])
def test_hostile_folder_does_not_receive_the_key(target, source, place, store, scripted):
    """
    Nothing is sent, whether or not the index says what the key was stored for.
    """
    file, text = source
    store(target, place)
    Path(file).write_text(text)

    with pytest.raises(CredentialError, match=r"openai: the stored key 'default' w.* is not sent there") as caught:
        ask(scripted)

    assert not scripted.calls
    assert SECRET not in str(caught.value)
    assert f"Run the command outside of this folder, whose {file} sets the address." in caught.value.hint
    assert "tokens add --provider openai --yes`" in caught.value.hint


@pytest.mark.parametrize("target", [OPENAI, None])
@pytest.mark.parametrize(
    "source",
    [
        ("budwood.toml", "[transports.default]\nproxy = 'http://evil.example:1'\nverify = false"),
        ("budwood.toml", "[transports.httptools]\nca_file = 'authority.pem'"),
        (".env", "BUDWOOD_TRANSPORTS__DEFAULT__VERIFY=false"),
    ],
)
def test_transport_of_a_hostile_folder_cannot_read_the_key(source, target, store, scripted):
    """
    The origin is the right one, but whoever is on the way could answer in its place.
    """
    file, text = source
    store(target)
    Path(file).write_text(text)

    with pytest.raises(KeyTargetError, match=rf"transports\.\w+\.\w+ in .*{file} can let others read") as caught:
        ask(scripted)

    assert not scripted.calls
    assert "or set OPENAI_API_KEY" in caught.value.hint


def test_proxy_of_the_folder_forwards_encrypted_keys_only(store, scripted):
    """
    A proxy sees what is sent without TLS, and nothing else.
    """
    Path("budwood.toml").write_text("[transports.default]\nproxy = 'http://proxy.example:1'\nverify = true")
    store()
    assert ask(scripted) == SECRET

    store(KeyTarget("openai", "http://127.0.0.1:8000"))
    with pytest.raises(KeyTargetError, match=r"transports\.default\.proxy"):
        ask(scripted, base_url="http://127.0.0.1:8000/v1")


def test_endpoint_of_azure_is_an_address(scripted):
    """
    A key of an older index is not sent to it either.
    """
    write_index(index_path(user_folder("config")), [StoredKey.create("azure", "default", SECRET, "file")])
    Path("budwood.toml").write_text("[providers.azure]\nendpoint = 'https://evil.example'")

    with pytest.raises(KeyTargetError, match=r"//evil\.example"):
        Client("azure/gpt-4o", transport=scripted, cache=False)


def test_transport_of_the_user_may_be_any(store, scripted):
    """
    Only the current folder is not trusted.
    """
    store()
    (user_folder("config") / "budwood.toml").write_text("[transports.default]\nverify = false")

    assert ask(scripted) == SECRET


def test_error_names_both_addresses(store, scripted):
    """
    The cure for a key with a label names it.
    """
    store(label="work")

    with pytest.raises(
        CredentialError, match=r"stored for https://api\.openai\.com \(plugin openai\), but .*//evil\.ex"
    ):
        ask(scripted, base_url="https://evil.example/v1")
    with pytest.raises(CredentialError, match="tokens add --provider openai --label 'work'`"):
        ask(scripted, base_url="https://evil.example/v1")


@pytest.mark.parametrize("base_url", ["https://api.openai.com/v2", "https://API.openai.com:443/v1"])
def test_same_origin_receives_the_key(base_url, store, scripted):
    """
    The path, the case of the host and the usual port do not matter.
    """
    store()

    assert ask(scripted, base_url=base_url) == SECRET


def test_address_that_the_key_was_stored_for_may_be_in_the_folder(store, scripted):
    """
    A key that was stored in this project is used in it.
    """
    store(KeyTarget("openai", "https://evil.example"))
    Path("budwood.toml").write_text(f"[providers.openai]\n{ELSEWHERE}")

    assert ask(scripted) == SECRET


@pytest.mark.parametrize("by", ["argument", "user"])
def test_user_may_redirect_a_key_of_an_older_index(by, store, scripted):
    """
    Without an address in the index, only the current folder is not trusted.
    """
    store(None)
    if by == "user":
        (user_folder("config") / "budwood.toml").write_text(f"[providers.openai]\n{ELSEWHERE}")
    arguments = {"base_url": "https://evil.example/v1"} if by == "argument" else {}

    assert ask(scripted, **arguments) == SECRET


@pytest.mark.parametrize(
    "key",
    ["api_key", pytest.param("keys", id="several")],
)
def test_backup_with_a_key_of_its_own_is_not_concerned(key, store, scripted):
    """
    The stored key is not sent to it.
    """
    store()
    own = '"sk-other-0123456789"' if key == "api_key" else '[{ secret = "sk-other-0123456789" }]'
    Path("budwood.toml").write_text(f"[providers.openai]\nbackups = [{{ {ELSEWHERE}, {key} = {own} }}]")

    assert ask(scripted) == SECRET


def test_key_in_a_variable_is_sent_where_the_settings_say(scripted, monkeypatch):
    """
    That is the decision of the user.
    """
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    Path("budwood.toml").write_text(f"[providers.openai]\n{ELSEWHERE}")

    assert ask(scripted) == SECRET
