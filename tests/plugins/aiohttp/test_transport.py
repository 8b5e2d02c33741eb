"""Behaviour that depends on aiohttp: unsolicited data, cached URLs, SOCKS, and sessions that are not closed."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from budwood.errors import ConnectionFailedError, UnsupportedError
from budwood.wire.transport_settings import TransportSettings
from budwood_aiohttp import transport as module
from budwood_aiohttp.transport import AiohttpTransport
from budwood_testing.suites.transport.bench import call, fetch_async
from tests.servers import KEEP_ALIVE, reply


def test_server_that_sends_first_is_an_error(loopback_server):
    """
    Bytes before the request are not its reply. The call fails with a retryable error after at most 3 connections.
    """
    connections = []

    def speak(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            connection.sendall(b"220 mail.example ESMTP\r\n")

    async def ask(port: int) -> None:
        transport = AiohttpTransport()
        with pytest.raises(ConnectionFailedError) as caught:
            await fetch_async(transport, call(f"http://127.0.0.1:{port}", body=b"x"))
        assert caught.value.retryable
        await transport.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=speak, args=(listener,))
        thread.start()
        asyncio.run(ask(listener.getsockname()[1]))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in connections:
        connection.close()
    assert 1 <= len(connections) <= 3


def test_number_of_cached_urls_is_limited(loopback_server, monkeypatch):
    """
    Memory stays bounded if every call has a new URL.
    """
    monkeypatch.setattr(module, "_MAX_TARGETS", 3)
    loopback_server.answer = lambda _: reply(200, "ok", **KEEP_ALIVE)

    async def ask() -> int:
        transport = AiohttpTransport()
        for number in range(10):
            await fetch_async(transport, call(f"{loopback_server.url}/{number}"))
        await transport.close()
        return len(transport._targets)

    assert asyncio.run(ask()) <= 3


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_socks_proxy_of_the_environment_is_named(loopback_server, monkeypatch, variable):
    """
    The error names the variable and does not show the password.
    """
    monkeypatch.setenv(variable, "socks5://me:hush@127.0.0.1:1")

    with pytest.raises(UnsupportedError, match=variable) as caught:
        asyncio.run(fetch_async(AiohttpTransport(TransportSettings()), call("https://vendor.invalid/")))

    assert "hush" not in str(caught.value)


def test_program_that_does_not_close_a_transport_prints_nothing(loopback_server, tmp_path):
    """
    No warning appears, whether or not a reply was read.
    """
    loopback_server.answer = lambda _: reply(200, "ok", **KEEP_ALIVE)
    program = f"""
import asyncio
from budwood_testing.suites.transport.bench import call, fetch_async, timing
from budwood_aiohttp.transport import AiohttpTransport

unclosed = AiohttpTransport()

async def ask():
    await fetch_async(unclosed, call({loopback_server.url!r}))
    global exchange
    exchange = await AiohttpTransport().open(call({loopback_server.url!r}), timing())

asyncio.run(ask())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert (ran.returncode, ran.stderr) == (0, "")
