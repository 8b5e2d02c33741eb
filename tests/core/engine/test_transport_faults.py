"""Errors in the code of a transport name its plugin."""

from __future__ import annotations

import asyncio
import traceback
from types import SimpleNamespace

import pytest

from budwood import AsyncClient, Client
from budwood.client import transports
from budwood.errors import ConnectionFailedError, PluginFaultError
from budwood.plugins.faults import PluginSource
from budwood.types import ReplyHead
from budwood_testing import chat_reply

OPTIONS = {"api_key": "sk-test-secret", "cache": False}


class Exchange:
    """
    An exchange that raises in one method.
    """

    head = ReplyHead(200, {"content-type": "application/json"})

    def __init__(self, broken, error):
        self._broken, self._error = broken, error

    def _do(self, method):
        if method == self._broken:
            raise self._error
        return b""

    def read(self):
        return self._do("read")

    def read_all(self, limit):
        return self._do("read_all")

    def close(self):
        self._do("close")


class AsyncExchange(Exchange):
    """
    An async exchange that raises in one method.
    """

    async def read(self):
        return self._do("read")

    async def read_all(self, limit):
        return self._do("read_all")

    async def close(self):
        self._do("close")


@pytest.fixture
def break_transport(monkeypatch):
    """
    Use the transport of a plugin that raises in one method.
    """

    def install(broken, error):
        def open_now(call, timing, exchange=Exchange):
            if broken == "open":
                raise error
            return exchange(broken, error)

        async def open_async(call, timing):
            return open_now(call, timing, AsyncExchange)

        async def close():
            pass

        source = PluginSource("acme", "acme-transport", "1.0")
        blocking = SimpleNamespace(open=open_now, close=lambda: None)
        monkeypatch.setattr(transports, "create_blocking", lambda *_: (blocking, source))
        made = SimpleNamespace(open=open_async, close=close)
        monkeypatch.setattr(transports, "create_async", lambda *_: (made, source))

    return install


def ask(*, is_async, streamed):
    """
    Ask once over the transport.
    """

    async def ask_async():
        async with AsyncClient("openai/gpt-4o", **OPTIONS) as client:
            if not streamed:
                return await client.ask("Hi")
            async with client.stream("Hi") as stream:
                return [event async for event in stream]

    if is_async:
        return asyncio.run(ask_async())
    with Client("openai/gpt-4o", **OPTIONS) as client:
        if not streamed:
            return client.ask("Hi")
        with client.stream("Hi") as stream:
            return list(stream)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), RuntimeError("out of luck")])
@pytest.mark.parametrize(
    ("method", "streamed"), [("open", False), ("open", True), ("read_all", False), ("read", True), ("close", False)]
)
def test_a_fault_of_a_transport_names_it(break_transport, method, streamed, error, is_async):
    """
    Whatever it raises in any method, the error is a `PluginFaultError`.
    """
    break_transport(method, error)

    with pytest.raises(PluginFaultError) as caught:
        ask(is_async=is_async, streamed=streamed)

    assert (caught.value.plugin, caught.value.method) == ("acme", method)
    assert type(error).__name__ in str(caught.value)
    assert "sk-test-secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_of_budwood_passes_unchanged(break_transport, is_async):
    """
    The transport knows the cause.
    """
    break_transport("open", ConnectionFailedError("The modem is off.", retryable=False))

    with pytest.raises(ConnectionFailedError, match="The modem is off"):
        ask(is_async=is_async, streamed=False)


def test_an_error_of_a_supplied_transport_passes_unchanged(clock):
    """
    It is the program's own code.
    """

    def fail(call, timing):
        raise KeyError("mine")

    mine = SimpleNamespace(open=fail, close=lambda: None)
    with (
        Client("openai/gpt-4o", **OPTIONS, transport=mine, clock=clock) as client,
        pytest.raises(KeyError, match="mine"),
    ):
        client.ask("Hi")


def test_replies_do_not_change_without_faults(make_client, scripted):
    """
    A transport that does not fail works as usual.
    """
    scripted.reply(200, chat_reply("Hi"))

    with make_client() as client:
        assert client.ask("Hello").text == "Hi"
