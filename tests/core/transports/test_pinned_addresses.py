"""Clients of httpx connect to the addresses of a call only; `TransportSuite` tests the transports of plugins."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import replace

import httpx
import pytest
import trustme

from budwood.errors import ConnectionFailedError
from budwood.transports.httpx_client import AsyncHTTPXTransport, HTTPXTransport
from budwood.transports.pooled import PooledTransport
from budwood.types import HTTPCall, Timing
from budwood.wire.transport_settings import TransportSettings
from budwood_testing.loopback import LoopbackServer
from tests.servers import KEEP_ALIVE, reply

SETTINGS = TransportSettings(trust_env=False)


def send_blocking(make, calls):
    """
    Send calls with one transport; return the bodies of the replies.
    """
    transport = make()
    try:
        exchanges = []
        for call in calls:
            exchange = transport.open(call, timing())
            exchanges.append(exchange.read_all(1000))
            exchange.close()
        return exchanges
    finally:
        transport.close()
        if isinstance(transport, HTTPXTransport):  # the client is the user's
            transport._client.close()


def send_async(make, calls):
    """
    Send calls with one async transport.
    """

    async def send():
        transport = make()
        try:
            bodies = []
            for call in calls:
                exchange = await transport.open(call, timing())
                bodies.append(await exchange.read_all(1000))
                await exchange.close()
            return bodies
        finally:
            await transport.close()
            if isinstance(transport, AsyncHTTPXTransport):
                await transport._client.aclose()

    return asyncio.run(send())


def timing():
    """
    Return limits that no test reaches.
    """
    return Timing(connect_timeout=30.0, idle_timeout=30.0, deadline=time.monotonic() + 60.0)


def make_httpx(verify):
    """
    Return a transport over a client of httpx.
    """
    return HTTPXTransport(httpx.Client(trust_env=False, verify=verify))


def make_async_httpx(verify):
    """
    Return a transport over an async client of httpx.
    """
    return AsyncHTTPXTransport(httpx.AsyncClient(trust_env=False, verify=verify))


TRANSPORTS = {"blocking": (send_blocking, make_httpx), "async": (send_async, make_async_httpx)}


@pytest.fixture(params=TRANSPORTS)
def send(request):
    """
    Return a function that sends calls with a transport.
    """
    run, make = TRANSPORTS[request.param]
    return lambda *calls, verify=True: run(lambda: make(verify), calls)


def test_host_is_not_looked_up(loopback_server, send):
    """
    The host of the URL, which does not exist, is only in the header.
    """
    loopback_server.play(reply(200, b"here"))
    url = f"http://storage.invalid:{loopback_server.port}/a"

    assert send(HTTPCall(method="GET", url=url, addresses=("127.0.0.1",))) == [b"here"]
    assert loopback_server.requests[0].headers["host"] == f"storage.invalid:{loopback_server.port}"


def test_connection_to_other_addresses_is_not_reused(loopback_server, send):
    """
    Neither that of a call without addresses, nor that of a call with others.
    """
    loopback_server.play(reply(200, b"here", **KEEP_ALIVE), keep_alive=True, times=3)
    call = HTTPCall(method="GET", url=f"http://localhost:{loopback_server.port}/a")
    pinned = replace(call, addresses=("127.0.0.1",))

    assert send(call, pinned, pinned) == [b"here"] * 3
    assert loopback_server.accepted == 3


def test_nothing_is_connected_to_if_the_addresses_do_not_answer(loopback_server, send):
    """
    What a look-up of the host would find does not count.
    """
    call = HTTPCall(method="GET", url=f"http://localhost:{loopback_server.port}/a", addresses=("127.0.0.2",))

    with pytest.raises(ConnectionFailedError):
        send(call)
    assert loopback_server.accepted == 0


@pytest.mark.parametrize(("certified", "is_trusted"), [("storage.invalid", True), ("127.0.0.1", False)])
def test_certificate_is_that_of_the_host(send, certified, is_trusted):
    """
    That of the address does not prove that the server is the host of the URL.
    """
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with LoopbackServer(context) as server:
        server.play(reply(200, b"here"))
        call = HTTPCall(method="GET", url=f"https://storage.invalid:{server.port}/a", addresses=("127.0.0.1",))
        if is_trusted:
            assert send(call, verify=trusting) == [b"here"]
        else:
            with pytest.raises(ConnectionFailedError, match="is not trusted"):
                send(call, verify=trusting)
            assert server.requests == []


def test_headers_keep_the_addresses():
    """
    A call with further headers connects to the same addresses.
    """
    call = HTTPCall(method="GET", url="http://a.example", addresses=("1.1.1.1",))

    assert call.with_headers({"a": "b"}).addresses == ("1.1.1.1",)
    assert call.with_headers({"a": "b"}) == replace(call, headers={"a": "b"})


def test_servers_at_addresses_are_forgotten(loopback_server, monkeypatch):
    """
    Memory is bounded if every look-up of a host finds another address.
    """
    monkeypatch.setattr("budwood.transports.origins._MAX_TARGETS", 3)
    loopback_server.play(reply(200, b"here"), times=9)
    url = f"http://storage.invalid:{loopback_server.port}/a"
    transport = PooledTransport(SETTINGS)

    for number in range(9):
        addresses = (*(["127.0.0.1"] * (number + 1)),)
        exchange = transport.open(HTTPCall(method="GET", url=url, addresses=addresses), timing())
        assert exchange.read_all(1000) == b"here"
        exchange.close()

    assert len(transport._origins.list_servers()) <= 3
    transport.close()
