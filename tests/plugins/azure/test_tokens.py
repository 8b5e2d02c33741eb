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
    Returns one token after the other, each for an hour of the test's clock.
    """

    def __init__(self, clock, *, seconds=3600.0):
        self.clock = clock
        self.seconds = seconds
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return AccessToken(secret=f"token-{self.asked}", expires_at=self.clock.time() + self.seconds)


class Credential:
    """
    A credential in the form of azure-identity.
    """

    def __init__(self):
        self.scopes = []

    def get_token(self, scope):
        self.scopes.append(scope)
        return SimpleNamespace(token="of-azure", expires_on=2_000_000_000)


def bearers(scripted):
    """
    List the tokens that were sent.
    """
    return [call.headers["authorization"].removeprefix("Bearer ") for call in scripted.calls]


def test_a_token_is_kept_until_shortly_before_its_end(asking, scripted, clock):
    """
    The source is asked once, and again five minutes before the token expires.
    """
    source = Source(clock)
    for _ in range(4):
        scripted.reply(200, chat_reply("Hi"))
    with asking(token_source=source) as client:
        client.ask("Hello")
        clock.now += 3299
        client.ask("Hello")
        clock.now += 1
        client.ask("Hello")
        reply = client.ask("Hello")

    assert bearers(scripted) == ["token-1", "token-1", "token-2", "token-2"]
    assert "api-key" not in scripted.calls[0].headers
    assert [attempt.key for attempt in reply.attempts] == ["token"]


def test_a_function_that_returns_text_is_asked_for_each_request(asking, scripted):
    """
    Of a bare text nobody knows how long it lasts.
    """
    tokens = iter(["one", "two"])
    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    with asking(token_source=lambda: next(tokens)) as client:
        client.ask("Hello")
        client.ask("Hello")

    assert bearers(scripted) == ["one", "two"]


def test_a_credential_of_azure_identity_is_asked_for_the_scope(asking, scripted):
    """
    Credentials in the form of azure-identity are sources too.
    """
    credential = Credential()
    scripted.reply(200, chat_reply("Hi"))
    with asking(token_source=credential, scope="https://example.org/.default") as client:
        client.ask("Hello")

    assert bearers(scripted) == ["of-azure"]
    assert credential.scopes == ["https://example.org/.default"]


def test_azure_identity_is_imported_at_the_first_call(asking, scripted, monkeypatch):
    """
    With ``identity = true`` the credential that azure-identity finds is made once, when it is wanted.
    """
    made = []
    module = ModuleType("azure.identity")
    module.__spec__ = SimpleNamespace(name="azure.identity")
    module.DefaultAzureCredential = lambda: made.append(Credential()) or made[-1]
    monkeypatch.setitem(sys.modules, "azure", ModuleType("azure"))
    monkeypatch.setitem(sys.modules, "azure.identity", module)
    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    with asking(identity=True) as client:
        assert made == []
        client.ask("Hello")
        client.ask("Hello")

    assert [credential.scopes for credential in made] == [["https://ai.azure.com/.default"]]
    assert bearers(scripted) == ["of-azure", "of-azure"]


def test_azure_identity_that_is_missing_is_named(asking, monkeypatch):
    """
    Without the library the error says what to install, before anything is asked.
    """
    monkeypatch.setitem(sys.modules, "azure", None)
    with pytest.raises(ConfigurationError, match="pip install azure-identity"):
        asking(identity=True)


def test_a_token_may_be_fetched_asynchronously(asking, scripted, clock):
    """
    An async source is awaited by the async client, and kept in the same way.
    """
    source = Source(clock)

    async def fetch():
        return source()

    async def main():
        async with asking(asynchronous=True, token_source=fetch) as client:
            await client.ask("Hello")
            await client.ask("Hello")

    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    asyncio.run(main())

    assert bearers(scripted) == ["token-1", "token-1"]


def test_a_blocking_source_serves_the_async_client(asking, scripted, clock):
    """
    A blocking source gets a thread.
    """

    async def main():
        async with asking(asynchronous=True, token_source=Source(clock)) as client:
            await client.ask("Hello")

    scripted.reply(200, chat_reply("Hi"))
    asyncio.run(main())

    assert bearers(scripted) == ["token-1"]


def test_the_blocking_client_refuses_an_async_source(asking, scripted):
    """
    A client that cannot await says so, and nothing is sent.
    """

    async def fetch():
        return "token"

    with asking(token_source=fetch) as client, pytest.raises(ConfigurationError, match="AsyncClient"):
        client.ask("Hello")
    assert scripted.calls == []


@pytest.mark.parametrize("given", ["", "  ", None, 5])
def test_a_source_without_a_token_is_an_error(asking, scripted, given):
    """
    Whatever is no token is not sent.
    """
    with asking(token_source=lambda: given) as client, pytest.raises(CredentialError, match="azure: "):
        client.ask("Hello")
    assert scripted.calls == []


def test_a_source_that_fails_is_an_error(asking, scripted):
    """
    What a source raises is chained to an error that says whose it is.
    """

    def fail():
        raise OSError("no metadata service")

    with asking(token_source=fail) as client, pytest.raises(CredentialError, match="OSError") as caught:
        client.ask("Hello")
    assert str(caught.value.__cause__) == "no metadata service"
    assert scripted.calls == []


def test_a_source_cannot_end_the_program(asking, scripted):
    """
    Libraries of vendors were written for command lines, and some of them exit.
    """

    def leave():
        raise SystemExit(3)

    with asking(token_source=leave) as client, pytest.raises(CredentialError, match="SystemExit"):
        client.ask("Hello")
    assert scripted.calls == []


def test_an_old_token_serves_while_it_lasts(asking, scripted, clock):
    """
    A source that fails in the last minutes does no harm until the token has expired.
    """
    source = Source(clock)
    state = SimpleNamespace(broken=False)

    def fetch():
        if state.broken:
            raise OSError("down")
        return source()

    for _ in range(2):
        scripted.reply(200, chat_reply("Hi"))
    with asking(token_source=fetch) as client:
        client.ask("Hello")
        state.broken = True
        clock.now += 3500
        client.ask("Hello")
        clock.now += 100
        with pytest.raises(CredentialError):
            client.ask("Hello")

    assert bearers(scripted) == ["token-1", "token-1"]


def test_a_kept_token_that_is_refused_is_replaced(asking, scripted, clock):
    """
    Azure may take a token back: one that was kept is got anew, one that is new is not.
    """
    refused = {"error": {"code": "401", "message": "Unauthorized."}}
    scripted.reply(200, chat_reply("Hi")).reply(401, refused).reply(200, chat_reply("Hi again"))
    scripted.reply(401, refused).reply(401, refused)
    with asking(token_source=Source(clock)) as client:
        client.ask("Hello")
        assert client.ask("Hello").text == "Hi again"
        with pytest.raises(AuthenticationError):
            client.ask("Hello")

    assert bearers(scripted) == ["token-1", "token-1", "token-2", "token-2", "token-3"]


def test_many_threads_ask_the_source_once(asking, scripted, clock):
    """
    Calls side by side wait for one token.
    """
    source = Source(clock)
    second = threading.Barrier(2)

    def fetch():
        with suppress(threading.BrokenBarrierError):
            second.wait(timeout=0.1)  # were another thread let in, it would be here soon
        return source()

    for _ in range(8):
        scripted.reply(200, chat_reply("Hi"))
    with asking(token_source=fetch) as client:
        replies = client.ask_many(["Hello"] * 8, concurrency=8)

    assert [reply.text for reply in replies] == ["Hi"] * 8
    assert source.asked == 1


def test_tokens_do_not_show(asking, scripted, caplog):
    """
    A token that a server repeats is in neither the error nor the log nor the call's repr.
    """
    caplog.set_level(logging.DEBUG)
    token = "token-of-the-test"
    scripted.reply(400, {"error": {"message": f"You sent {token}."}})
    with (
        asking(token_source=lambda: AccessToken(secret=token)) as client,
        pytest.raises(Exception, match="redacted") as caught,
    ):
        client.ask("Hello")

    assert token not in f"{caught.value} {caught.value!r} {scripted.calls[0]!r} {caplog.text}"


def test_the_token_of_the_environment_wins_over_its_key(scripted, clock, monkeypatch):
    """
    As in OpenAI's own library; a key that the program gives wins over both.
    """
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "token")
    for given in (None, "mine"):
        scripted.reply(200, chat_reply("Hi"))
        with Client("azure/chat", api_key=given, transport=scripted, clock=clock, cache=False) as client:
            client.ask("Hello")

    assert scripted.calls[0].headers["authorization"] == "Bearer token"
    assert "api-key" not in scripted.calls[0].headers
    assert scripted.calls[1].headers["api-key"] == "mine"
    assert "authorization" not in scripted.calls[1].headers


def test_one_way_to_prove_it_is_enough(asking):
    """
    Key and token together in one place are a mistake.
    """
    with pytest.raises(ConfigurationError, match="mutually exclusive"):
        asking(api_key="key", token="token")


def test_a_source_is_a_function_or_a_credential(asking):
    """
    A text in its place is refused, and not repeated: it may be a token.
    """
    with pytest.raises(ConfigurationError, match="function") as caught:
        asking(token_source="very-secret")
    assert "very-secret" not in str(caught.value)
