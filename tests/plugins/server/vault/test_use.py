"""Providers of the gateway use the stored tokens, and notice changes of them."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from structlog.testing import capture_logs

from budwood.errors import BudwoodError
from budwood_server.access.key_store import utc_now
from budwood_server.vault import store
from budwood_server.vault.master_keys import VARIABLE, find_master_keys, new_master_key
from budwood_server.vault.provider_settings import check_provider
from budwood_server.vault.tokens import TokenError, parse_new_token
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.servers import reply

FIRST, SECOND, THIRD = (f"sk-vault-{word}-0123456789" for word in ("first", "second", "third"))
OWN = "sk-of-the-settings"
CHAT = json.dumps({"model": "fast", "messages": [{"role": "user", "content": "hi"}]}).encode()
REPLY = {"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}]}


@pytest.fixture
def gateway(vendor, database_url, monkeypatch):
    """
    A gateway to a provider with a key in the settings, and one without.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())
    providers = {
        "vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1", "api_key": OWN},
        "other": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"},
    }
    settings = {
        "providers": providers,
        "options": {"retries": 0},
        "server": {"models": {"fast": "vendor/m", "other": "other/m", "both": ["vendor/m", "other/m"]}},
    }
    with KeyedGateway(settings, database_url) as gateway:
        yield gateway


def change(gateway, action):
    """
    Change tokens as another process does, and let the gateway poll once.
    """

    async def run():
        services = gateway.worker.services
        keys = find_master_keys(gateway.worker.configuration.settings)
        async with services.database.write() as connection:
            done = await action(connection, keys)
        await services.watch.check()
        return done

    return gateway.run(run())


def add(gateway, provider="vendor", label="default", secret=FIRST):
    """
    Store a token.
    """
    new = parse_new_token(provider, label, secret)
    return change(gateway, lambda connection, keys: store.add_token(connection, keys, new, utc_now()))


def send(gateway, vendor, model="fast"):
    """
    Send a chat request, and return the key that the vendor got.
    """
    vendor.play(reply(200, REPLY))
    answer = gateway.send("POST", "/v1/chat/completions", gateway.keys["owner"], CHAT.replace(b"fast", model.encode()))
    assert answer.status == 200, answer.body
    return vendor.requests[-1].headers.get("authorization", "").removeprefix("Bearer ")


def test_a_changed_token_is_used_at_once(gateway, vendor):
    """
    It takes precedence over the settings, which are used again once it is removed.
    """
    used = [send(gateway, vendor)]
    token = add(gateway)
    used.append(send(gateway, vendor))
    change(
        gateway,
        lambda connection, keys: store.replace_token(connection, keys, token.id, SecretStr(SECOND), utc_now()),
    )
    used.append(send(gateway, vendor))
    change(gateway, lambda connection, _: store.remove_token(connection, token.id))
    used.append(send(gateway, vendor))

    assert used == [OWN, FIRST, SECOND, OWN]


def test_a_provider_without_a_section_can_be_used(gateway, vendor):
    """
    A token is all that it needs.
    """
    assert "groq" not in gateway.worker.configuration.providers
    add(gateway, "groq")

    assert "groq" in gateway.worker.configuration.providers


def test_several_tokens_are_used_in_turn(gateway, vendor):
    """
    Each label is one key of the provider.
    """
    add(gateway, "other", "a", FIRST)
    add(gateway, "other", "b", SECOND)

    assert {send(gateway, vendor, "other") for _ in range(4)} == {FIRST, SECOND}


def test_requests_under_way_keep_their_token(gateway, vendor):
    """
    The client with the former token is closed after the last of them.
    """
    add(gateway)
    before = gateway.worker.configuration
    before.begin()
    add(gateway, "other", secret=SECOND)

    assert gateway.worker.configuration is not before
    vendor.play(reply(200, REPLY))
    gateway.run(before.client.ask("hi", model="vendor/m"))
    assert vendor.requests[-1].headers["authorization"] == f"Bearer {FIRST}"
    gateway.run(before.end())
    with pytest.raises(BudwoodError, match="is closed"):
        gateway.run(before.client.ask("hi", model="vendor/m"))


def test_the_version_of_the_settings_tells_tokens_apart(gateway):
    """
    Without being a part of it. The same tokens have the same version, also sealed anew.
    """
    versions = [gateway.worker.configuration.version]
    token = add(gateway)
    versions.append(gateway.worker.configuration.version)
    configuration = gateway.worker.configuration
    change(gateway, lambda connection, keys: store.rewrap_tokens(connection, keys.rotate()))
    change(gateway, lambda connection, _: store.remove_token(connection, token.id))
    versions.append(gateway.worker.configuration.version)

    assert versions[0] == versions[2] != versions[1]
    assert FIRST not in repr(vars(configuration)) + repr(configuration.settings.sources)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE budwood_vendor_tokens SET key_id = 'lost' WHERE provider = 'vendor'",
        "UPDATE budwood_vendor_tokens SET id = 'tok_copy' WHERE provider = 'vendor'",
        "UPDATE budwood_vendor_tokens SET version = 9 WHERE provider = 'vendor'",
        "UPDATE budwood_vendor_tokens SET ciphertext = nonce WHERE provider = 'vendor'",
    ],
)
def test_a_damaged_token_leaves_others_in_use(gateway, vendor, statement):
    """
    No key of the settings takes its place, which may be of another account. Models with a second provider go on.
    """
    add(gateway)
    add(gateway, "other", secret=SECOND)

    async def damage(connection, _):
        await connection.execute(text(statement))
        await connection.execute(text("UPDATE budwood_versions SET version = version + 1 WHERE subject = 'tokens'"))

    change(gateway, damage)
    refused = gateway.send("POST", "/v1/chat/completions", gateway.keys["owner"], CHAT)
    ready = gateway.send("GET", "/readyz", "")

    assert (refused.status, refused.json["error"]["code"]) == (500, "missing_credential")
    assert refused.json["error"]["message"] == "vendor: the server cannot open its stored token."
    assert vendor.requests == []
    assert send(gateway, vendor, "other") == SECOND
    assert ready.status == 200
    assert "Stored tokens are not used" in ready.json["checks"]["tokens"]["note"]


def test_without_the_master_key_other_providers_go_on(gateway, vendor, monkeypatch):
    """
    The log says what to do, once.
    """
    add(gateway)
    with capture_logs() as log:
        monkeypatch.setenv(VARIABLE, new_master_key())
        for _ in range(2):
            gateway.run(gateway.worker.reload())
        monkeypatch.delenv(VARIABLE)
        gateway.run(gateway.worker.reload())

    assert gateway.send("POST", "/v1/chat/completions", gateway.keys["owner"], CHAT).status == 500
    assert send(gateway, vendor, "other") == ""
    wrong, missing = [entry["reason"] for entry in log if entry["event"] == "token not used"]
    assert "sealed with the master key" in wrong
    assert "`budwood server master-key create`" in missing
    assert FIRST not in str(log)


def test_settings_that_are_not_valid_do_not_keep_a_token_in_use(gateway, vendor):
    """
    A change of a token does not read the settings, which may be half written.
    """
    token = add(gateway)
    gateway.settings["options"]["retries"] = "many"
    with pytest.raises(BudwoodError, match="retries"):
        gateway.run(gateway.worker.reload())
    change(gateway, lambda connection, _: store.remove_token(connection, token.id))

    assert send(gateway, vendor) == OWN


def test_a_token_of_a_provider_that_is_gone_is_left_out(gateway, vendor):
    """
    Its plugin may have been uninstalled.
    """
    token = add(gateway, "nowhere")
    add(gateway, "offline", secret=SECOND)

    assert send(gateway, vendor) == OWN
    problems = gateway.worker.services.vault.opened.problems
    assert len(problems) == 2
    assert "nowhere" in problems[token.id]


@pytest.mark.parametrize(("provider", "problem"), [("nowhere", "nowhere"), ("offline", "takes no API key")])
def test_a_provider_that_takes_no_key_gets_no_token(gateway, provider, problem):
    """
    It is checked before a token is stored.
    """
    settings = gateway.worker.configuration.settings
    check_provider(settings, "vendor")

    with pytest.raises(TokenError, match=problem):
        check_provider(settings, provider)
