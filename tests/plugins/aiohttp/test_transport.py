"""What this transport does beyond what is asked of all (see `test_conformance.py`)."""

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


def test_a_server_that_speaks_first_is_given_up(loopback_server):
    """
    Bytes before the request are no reply to it; the call fails, and may be repeated, but connects no more than 3 times.
    """
    spoken = []

    def speak(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            spoken.append(connection)
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
    for connection in spoken:
        connection.close()
    assert 1 <= len(spoken) <= 3


def test_addresses_are_not_remembered_without_end(loopback_server, monkeypatch):
    """
    A program that makes up an address for every call does not grow.
    """
    monkeypatch.setattr(module, "_MOST_ADDRESSES", 3)
    loopback_server.answer = lambda _: reply(200, "ok", **KEEP_ALIVE)

    async def ask() -> int:
        transport = AiohttpTransport()
        for number in range(10):
            await fetch_async(transport, call(f"{loopback_server.url}/{number}"))
        await transport.close()
        return len(transport._targets)

    assert asyncio.run(ask()) <= 3


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_socks_proxy_of_the_environment_is_named(loopback_server, monkeypatch, variable):
    """
    The error names the variable, and shows no password.
    """
    monkeypatch.setenv(variable, "socks5://me:hush@127.0.0.1:1")

    with pytest.raises(UnsupportedError, match=variable) as caught:
        asyncio.run(fetch_async(AiohttpTransport(TransportSettings()), call("https://vendor.invalid/")))

    assert "hush" not in str(caught.value)


def test_a_program_that_ends_without_closing_is_silent(loopback_server, tmp_path):
    """
    Nothing is printed, wherever in a reply it ends.
    """
    loopback_server.answer = lambda _: reply(200, "ok", **KEEP_ALIVE)
    program = f"""
import asyncio
from budwood_testing.suites.transport.bench import call, fetch_async, timing
from budwood_aiohttp.transport import AiohttpTransport

kept = AiohttpTransport()

async def ask():
    await fetch_async(kept, call({loopback_server.url!r}))
    global exchange
    exchange = await AiohttpTransport().open(call({loopback_server.url!r}), timing())

asyncio.run(ask())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert (ran.returncode, ran.stderr) == (0, "")
