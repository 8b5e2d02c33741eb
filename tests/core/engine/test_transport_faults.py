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

    def __init__(self, failing_method, error):
        self._failing_method, self._error = failing_method, error

    def _call(self, method):
        if method == self._failing_method:
            raise self._error
        return b""

    def read(self):
        return self._call("read")

    def read_all(self, limit):
        return self._call("read_all")

    def close(self):
        self._call("close")


class AsyncExchange(Exchange):
    """
    An async exchange that raises in one method.
    """

    async def read(self):
        return self._call("read")

    async def read_all(self, limit):
        return self._call("read_all")

    async def close(self):
        self._call("close")


@pytest.fixture
def break_transport(monkeypatch):
    """
    Return a function that installs a transport plugin that raises in one method.
    """

    def install(failing_method, error):
        def open_blocking(call, timing, exchange=Exchange):
            if failing_method == "open":
                raise error
            return exchange(failing_method, error)

        async def open_async(call, timing):
            return open_blocking(call, timing, AsyncExchange)

        async def close():
            pass

        source = PluginSource("acme", "acme-transport", "1.0")
        blocking = SimpleNamespace(open=open_blocking, close=lambda: None)
        monkeypatch.setattr(transports, "create_blocking", lambda *_: (blocking, source))
        asynchronous = SimpleNamespace(open=open_async, close=close)
        monkeypatch.setattr(transports, "create_async", lambda *_: (asynchronous, source))

    return install


def ask(*, is_async, streamed):
    """
    Send one request with the transport.
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
    Any exception in any method becomes a `PluginFaultError`.
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
    A transport of the program is not a plugin.
    """

    def fail(call, timing):
        raise KeyError("missing")

    supplied_transport = SimpleNamespace(open=fail, close=lambda: None)
    with (
        Client("openai/gpt-4o", **OPTIONS, transport=supplied_transport, clock=clock) as client,
        pytest.raises(KeyError, match="missing"),
    ):
        client.ask("Hi")


def test_replies_do_not_change_without_faults(make_client, scripted):
    """
    A transport that does not fail works as usual.
    """
    scripted.reply(200, chat_reply("Hi"))

    with make_client() as client:
        assert client.ask("Hello").text == "Hi"
