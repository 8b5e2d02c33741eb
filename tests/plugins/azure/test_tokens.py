from __future__ import annotations

import asyncio
import logging
import sys
import threading
from contextlib import suppress
from types import ModuleType, SimpleNamespace

import pytest

from budwood import Client
from budwood.errors import AuthenticationError, ConfigurationError, CredentialError
from budwood.types import AccessToken
from budwood_testing import chat_reply

ENDPOINT = "https://res.openai.azure.com"


class Source:
    """
    Returns one token after the other, each valid for an hour of the test's clock.
    """

    def __init__(self, clock, *, seconds=3600.0):
        self.clock = clock
        self.seconds = seconds
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return AccessToken(secret=f"token-{self.calls}", expires_at=self.clock.time() + self.seconds)


class Credential:
    """
    A credential in the form of azure-identity.
    """

    def __init__(self):
        self.scopes = []

    def get_token(self, scope):
        self.scopes.append(scope)
        return SimpleNamespace(token="of-azure", expires_on=2_000_000_000)


def list_tokens(scripted):
    """
    Return the tokens that were sent.
    """
    return [call.headers["authorization"].removeprefix("Bearer ") for call in scripted.calls]


def test_token_is_cached_until_shortly_before_it_expires(make_client, scripted, clock):
    """
    The source is called once, and again five minutes before the token expires.
    """
    source = Source(clock)
    for _ in range(4):
        scripted.reply(200, chat_reply("Hi"))
    with make_client(token_source=source) as client:
        client.ask("Hello")
        clock.now += 3299
        client.ask("Hello")
        clock.now += 1
        client.ask("Hello")
        reply = client.ask("Hello")

    assert list_tokens(scripted) == ["token-1", "token-1", "token-2", "token-2"]
    assert "api-key" not in scripted.calls[0].headers
    assert [attempt.key for attempt in reply.attempts] == ["token"]


def test_token_without_expiry_is_fetched_for_each_request(make_client, scripted):
    """
    A source that returns a text is called for each request, because its expiry is unknown.
    """
    tokens = iter(["one", "two"])
    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    with make_client(token_source=lambda: next(tokens)) as client:
        client.ask("Hello")
        client.ask("Hello")

    assert list_tokens(scripted) == ["one", "two"]


def test_credential_of_azure_identity(make_client, scripted):
    """
    Credentials in the form of azure-identity are called with the scope.
    """
    credential = Credential()
    scripted.reply(200, chat_reply("Hi"))
    with make_client(token_source=credential, scope="https://example.org/.default") as client:
        client.ask("Hello")

    assert list_tokens(scripted) == ["of-azure"]
    assert credential.scopes == ["https://example.org/.default"]


def test_azure_identity_is_imported_at_the_first_call(make_client, scripted, monkeypatch):
    """
    With ``identity = true``, azure-identity is imported and its credential created at the first call.
    """
    credentials = []
    module = ModuleType("azure.identity")
    module.__spec__ = SimpleNamespace(name="azure.identity")
    module.DefaultAzureCredential = lambda: credentials.append(Credential()) or credentials[-1]
    monkeypatch.setitem(sys.modules, "azure", ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    with make_client(identity=True) as client:
        assert credentials == []
        client.ask("Hello")
        client.ask("Hello")

    assert [credential.scopes for credential in credentials] == [["https://ai.azure.com/.default"]]
    assert list_tokens(scripted) == ["of-azure", "of-azure"]


def test_missing_azure_identity(make_client, monkeypatch):
    """
    Without azure-identity, the error has the command to install it.
    """
    monkeypatch.setitem(sys.modules, "azure", None)
    with pytest.raises(ConfigurationError, match="pip install azure-identity"):
        make_client(identity=True)


def test_async_source(make_client, scripted, clock):
    """
    The async client awaits an async source, and caches its token.
    """
    source = Source(clock)

    async def fetch():
        return source()

    async def main():
        async with make_client(asynchronous=True, token_source=fetch) as client:
            await client.ask("Hello")
            await client.ask("Hello")

    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    asyncio.run(main())

    assert list_tokens(scripted) == ["token-1", "token-1"]


def test_blocking_source_in_the_async_client(make_client, scripted, clock):
    """
    The async client calls a blocking source in a thread.
    """

    async def main():
        async with make_client(asynchronous=True, token_source=Source(clock)) as client:
            await client.ask("Hello")

    scripted.reply(200, chat_reply("Hi"))
    asyncio.run(main())

    assert list_tokens(scripted) == ["token-1"]


def test_async_source_in_the_blocking_client(make_client, scripted):
    """
    The blocking client rejects an async source, and sends nothing.
    """

    async def fetch():
        return "token"

    with make_client(token_source=fetch) as client, pytest.raises(ConfigurationError, match="AsyncClient"):
        client.ask("Hello")
    assert scripted.calls == []


@pytest.mark.parametrize("token", ["", "  ", None, 5])
def test_a_source_without_a_token_is_an_error(make_client, scripted, token):
    """
    A value that is not a token is an error.
    """
    with make_client(token_source=lambda: token) as client, pytest.raises(CredentialError, match="azure: "):
        client.ask("Hello")
    assert scripted.calls == []


def test_a_source_that_fails_is_an_error(make_client, scripted):
    """
    The exception of a source is chained to an error that names the source.
    """

    def fail():
        raise OSError("no metadata service")

    with make_client(token_source=fail) as client, pytest.raises(CredentialError, match="OSError") as caught:
        client.ask("Hello")
    assert str(caught.value.__cause__) == "no metadata service"
    assert scripted.calls == []


def test_a_source_cannot_end_the_program(make_client, scripted):
    """
    A source that exits, as libraries for command lines do, raises an error.
    """

    def exit_program():
        raise SystemExit(3)

    with make_client(token_source=exit_program) as client, pytest.raises(CredentialError, match="SystemExit"):
        client.ask("Hello")
    assert scripted.calls == []


def test_cached_token_is_used_if_the_source_fails(make_client, scripted, clock):
    """
    If the source fails before the token expires, the cached token is used.
    """
    source = Source(clock)
    state = SimpleNamespace(broken=False)

    def fetch():
        if state.broken:
            raise OSError("down")
        return source()

    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    with make_client(token_source=fetch) as client:
        client.ask("Hello")
        state.broken = True
        clock.now += 3500
        client.ask("Hello")
        clock.now += 100
        with pytest.raises(CredentialError):
            client.ask("Hello")

    assert list_tokens(scripted) == ["token-1", "token-1"]


def test_rejected_token_is_replaced(make_client, scripted, clock):
    """
    A cached token that Azure rejects is replaced once; a new one is not.
    """
    refused = {"error": {"code": "401", "message": "Unauthorized."}}
    scripted.reply(200, chat_reply("Hi")).reply(401, refused).reply(200, chat_reply("Hi again"))
    scripted.reply(401, refused).reply(401, refused)
    with make_client(token_source=Source(clock)) as client:
        client.ask("Hello")
        assert client.ask("Hello").text == "Hi again"
        with pytest.raises(AuthenticationError):
            client.ask("Hello")

    assert list_tokens(scripted) == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_concurrent_calls_fetch_one_token(make_client, scripted, clock):
    """
    Concurrent calls wait for one token.
    """
    source = Source(clock)
    second = threading.Barrier(2)

    def fetch():
        with suppress(threading.BrokenBarrierError):
            second.wait(timeout=0.1)  # without a lock, another thread would arrive in this time
        return source()

    for _ in range(8):
        scripted.reply(200, chat_reply("Hi"))
    with make_client(token_source=fetch) as client:
        replies = client.ask_many(["Hello"] * 8, concurrency=8).in_order()

    assert [reply.text for reply in replies] == ["Hi"] * 8
    assert source.calls == 1


def test_tokens_are_redacted(make_client, scripted, caplog):
    """
    A token that a server echoes is not in the error, the log or the repr of the request.
    """
    caplog.set_level(logging.DEBUG)
    token = "token-of-the-test"
    scripted.reply(400, {"error": {"message": f"You sent {token}."}})
    with (
        make_client(token_source=lambda: AccessToken(secret=token)) as client,
        pytest.raises(Exception, match="redacted") as caught,
    ):
        client.ask("Hello")

    assert token not in f"{caught.value} {caught.value!r} {scripted.calls[0]!r} {caplog.text}"


def test_token_takes_precedence_over_the_key(scripted, clock, monkeypatch):
    """
    In the environment the token takes precedence over the key; a key of the program over both.
    """
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token")
    for key in (None, "mine"):
        scripted.reply(200, chat_reply("Hi"))
        with Client("azure/chat", api_key=key, transport=scripted, clock=clock, cache=False) as client:
            client.ask("Hello")

    assert scripted.calls[0].headers["authorization"] == "Bearer token"
    assert "api-key" not in scripted.calls[0].headers
    assert scripted.calls[1].headers["api-key"] == "mine"
    assert "authorization" not in scripted.calls[1].headers


def test_key_and_token_are_mutually_exclusive(make_client):
    """
    Key and token in the same source are an error.
    """
    with pytest.raises(ConfigurationError, match="mutually exclusive"):
        make_client(api_key="key", token="token")


def test_a_source_is_a_function_or_a_credential(make_client):
    """
    A text as token source is rejected, and not repeated in the error, because it may be a token.
    """
    with pytest.raises(ConfigurationError, match="function") as caught:
        make_client(token_source="very-secret")
    assert "very-secret" not in str(caught.value)
