"""Neither an error nor any object reachable from it contains the key."""

from __future__ import annotations

import asyncio
import pickle
import socket

import pytest

from budwood import AsyncClient, Client
from budwood.errors import BudwoodError, ConfigurationError, ConnectionFailedError, ContentFilterError
from budwood.providing.bodies import MAX_MESSAGE
from budwood_testing import ScriptedTransport, sse
from tests.servers import head

KEY = "sk-test-very-secret"


def get_reachable_text(error: BaseException) -> str:
    """
    Return, as text, all objects reachable from an error through attributes, causes and contexts.
    """
    seen: dict[int, object] = {}
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, type):
            continue
        seen[id(item)] = item
        if isinstance(item, BaseException):
            waiting += [item.__cause__, item.__context__, *item.args, getattr(item, "object", None)]
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list | tuple | set):
            waiting += item
        waiting += getattr(item, "__dict__", {}).values()
        waiting += [getattr(item, name, None) for name in getattr(type(item), "__slots__", ())]
    return repr(list(seen.values()))


def list_causes(error: BaseException):
    """List an error with all its causes and contexts."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.fixture(params=["blocking", "async"])
def get_error_from(request):
    """
    Ask at an address by either client, and return the error.
    """

    def ask(url: str, key: str = KEY) -> BudwoodError:
        settings = {"providers": {"local": {"plugin": "openai-compatible", "base_url": url}}}
        arguments = {"settings": settings, "api_key": key, "retries": 0}
        with pytest.raises(BudwoodError) as caught:
            callers[request.param](arguments)
        return caught.value

    def ask_blocking(arguments) -> None:
        with Client("local/tiny", **arguments) as client:
            client.ask("Hi")

    async def ask_async(arguments) -> None:
        async with AsyncClient("local/tiny", **arguments) as client:
            await client.ask("Hi")

    callers = {"blocking": ask_blocking, "async": lambda arguments: asyncio.run(ask_async(arguments))}
    return ask


def test_the_error_of_a_refused_connection_does_not_contain_the_key(get_error_from, loopback_server):
    """
    Neither the error nor its causes reference the request and its headers.
    """
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        error = get_error_from(f"http://127.0.0.1:{closed.getsockname()[1]}")

    assert isinstance(error, ConnectionFailedError)
    assert error.__cause__ is not None
    assert KEY not in get_reachable_text(error)
    assert all(KEY.encode() not in pickle.dumps(part) for part in list_causes(error))


@pytest.mark.parametrize("reply", [b"", head(length=99) + b"half"])
def test_the_error_of_a_lost_connection_does_not_contain_the_key(get_error_from, loopback_server, reply):
    """
    The connection may be lost before or within the response.
    """
    loopback_server.play(reply)

    error = get_error_from(loopback_server.url)

    assert isinstance(error, ConnectionFailedError)
    assert KEY not in get_reachable_text(error)
    assert all(KEY.encode() not in pickle.dumps(part) for part in list_causes(error))


@pytest.mark.parametrize("end", ["\nx", "ä"])
def test_a_key_that_cannot_be_sent_is_not_in_the_error(get_error_from, loopback_server, end):
    """
    The error of httpx, which quotes the header, is neither cause nor context.
    """
    error = get_error_from(loopback_server.url, KEY + end)

    assert isinstance(error, ConfigurationError)
    assert KEY not in get_reachable_text(error)


def test_nested_fields_of_an_error_are_scrubbed(make_client):
    """
    The key is removed from the categories of a filter, and from lists in them.
    """
    transport = ScriptedTransport()
    found = {"jailbreak": {"seen": [f"Bearer {KEY}", {KEY: True}], "sure": 0.5}}
    transport.fail(ContentFilterError("No.", categories=found))

    with pytest.raises(ContentFilterError) as caught:
        make_client(transport=transport, api_key=KEY).ask("Hi")

    assert KEY not in get_reachable_text(caught.value)
    assert caught.value.categories["jailbreak"]["seen"][0] == "Bearer [redacted]"
    assert caught.value.categories["jailbreak"]["sure"] == 0.5


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("key_bytes", [4, 10, len(KEY) - 1])
def test_a_truncated_key_is_removed(scripted, streamed, key_bytes):
    """
    If the message of an error inside a 200 is shortened within the key, no beginning of the key remains.
    """
    reply = {"error": {"message": "x" * (MAX_MESSAGE - 1 - key_bytes) + KEY + " was refused", "type": "server_error"}}
    scripted.reply(**({"chunks": sse(reply)} if streamed else {"body": reply}))

    options = {"api_key": KEY, "transport": scripted, "cache": False, "retries": 0}
    with Client("openai/gpt-4o", **options) as client, pytest.raises(BudwoodError) as caught:
        list(client.stream("Hi")) if streamed else client.ask("Hi")

    assert "xxx[redacted]\u2026" in str(caught.value)
    assert all(KEY[:4] not in str(error) for error in list_causes(caught.value))


@pytest.mark.parametrize("text", ["y" * (79 - 10) + KEY, " " * 310 + KEY + "z" * 80])
def test_an_invalid_reply_that_contains_the_key_is_scrubbed(scripted, text):
    """
    The quoted beginning of the reply may end within the key.
    """
    scripted.reply(body="{" + text)

    options = {"api_key": KEY, "transport": scripted, "cache": False, "retries": 0}
    with Client("openai/gpt-4o", **options) as client, pytest.raises(BudwoodError) as caught:
        client.ask("Hi")

    assert KEY[:4] not in get_reachable_text(caught.value).replace(repr(KEY), "")
