"""Connections that the server closed: while they were idle, and during a request."""

from __future__ import annotations

import asyncio

import pytest

from budwood import AsyncClient, Client, ConnectionFailedError
from budwood_testing import chat_reply
from tests.reports.wire import COMPATIBLE
from tests.servers import KEEP_ALIVE, reply

KEY = "sk-made-up-for-a-test"


@pytest.mark.report("psf/requests#3458", outcome="right")
@pytest.mark.report("pymitsubishi/pymitsubishi#26", outcome="right")
def test_an_idle_connection_that_the_server_closed_is_replaced(loopback_server):
    """
    A server may close idle connections: the next request uses a new connection and needs no retry.
    """
    loopback_server.answer = lambda _request: reply(200, chat_reply("Hello."), **KEEP_ALIVE)
    with Client(COMPATIBLE, base_url=loopback_server.url, api_key=KEY, retries=0) as client:
        for _turn in range(3):
            assert client.ask("Hi").text == "Hello."
            loopback_server.close_connections()

    assert (len(loopback_server.requests), loopback_server.accepted) == (3, 3)


@pytest.mark.report("psf/requests#3458", outcome="right")
@pytest.mark.parametrize("transport", ["default", "httptools", "aiohttp"])
def test_an_idle_async_connection_that_the_server_closed_is_replaced(transport, loopback_server):
    """
    The same is true of async transports.
    """
    loopback_server.answer = lambda _request: reply(200, chat_reply("Hello."), **KEEP_ALIVE)

    async def ask():
        options = {"base_url": loopback_server.url, "api_key": KEY, "retries": 0, "transport": transport}
        async with AsyncClient(COMPATIBLE, **options) as client:
            for _turn in range(3):
                assert (await client.ask("Hi")).text == "Hello."
                await asyncio.to_thread(loopback_server.close_connections)

    asyncio.run(ask())

    assert len(loopback_server.requests) == 3


@pytest.mark.report("jawah/urllib3.future#280", outcome="right")
def test_a_request_that_the_server_received_is_not_repeated_unseen(loopback_server, clock):
    """
    If the server closes the connection after it received the request, the error is raised; a retry is in the ledger.
    """
    loopback_server.play(b"").play(b"").play(reply(200, chat_reply("Hello.")))
    with (
        Client(COMPATIBLE, base_url=loopback_server.url, api_key=KEY, retries=0) as client,
        pytest.raises(ConnectionFailedError),
    ):
        client.ask("Hi")
    assert len(loopback_server.requests) == 1

    with Client(COMPATIBLE, base_url=loopback_server.url, api_key=KEY, retries=1, clock=clock) as client:
        attempts = client.ask("Hi").attempts

    assert [bool(attempt.error) for attempt in attempts] == [True, False]
    assert len(loopback_server.requests) == 3
