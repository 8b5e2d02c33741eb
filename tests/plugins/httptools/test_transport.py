"""The cache of request heads, which only this transport has."""

from __future__ import annotations

import asyncio

from budwood.types import HTTPCall
from budwood_httptools import transport as module
from budwood_httptools.transport import HttptoolsTransport
from budwood_testing.suites.transport.bench import call, fetch_async
from tests.servers import KEEP_ALIVE, LoopbackServer, reply


def send(server: LoopbackServer, *calls: HTTPCall) -> None:
    """
    Send calls over one transport, one after the other.
    """

    async def send_all() -> None:
        transport = HttptoolsTransport()
        for one in calls:
            await fetch_async(transport, one)
        await transport.close()

    server.answer = lambda _: reply(200, "ok", **KEEP_ALIVE)
    asyncio.run(send_all())


def test_cached_head_is_sent_unchanged(loopback_server):
    """
    Requests with the same headers differ only in their body and its size, whatever the headers contain.
    """
    url = f"{loopback_server.url}/100%25?q=%d"
    headers = {"x-share": "100%", "x-size": "%d %s"}

    send(loopback_server, *(call(url, body=b"x" * size, **headers) for size in (1, 250, 1)))

    one, long, other = loopback_server.requests
    assert one.headers["x-size"] == "%d %s"
    assert one.headers == other.headers == long.headers | {"content-length": "1"}
    assert long.headers["content-length"] == "250"
    assert [len(each.body) for each in loopback_server.requests] == [1, 250, 1]


def test_head_of_another_request_is_not_reused(loopback_server):
    """
    Another method, key, or a missing body makes another head, also for the same URL.
    """
    url = loopback_server.url
    calls = (
        call(url, body=b"x", authorization="Bearer one"),
        call(url, body=b"x", authorization="Bearer two"),
        call(url, method="PUT", body=b"x", authorization="Bearer two"),
        call(url, method="POST", authorization="Bearer two"),
        call(url, authorization="Bearer two"),
    )

    send(loopback_server, *calls)

    sent = [
        (each.line.split()[0], each.headers["authorization"], each.headers.get("content-length"))
        for each in loopback_server.requests
    ]
    assert sent == [
        ("POST", "Bearer one", "1"),
        ("POST", "Bearer two", "1"),
        ("PUT", "Bearer two", "1"),
        ("POST", "Bearer two", "0"),
        ("GET", "Bearer two", None),
    ]


def test_number_of_cached_heads_is_limited(loopback_server, monkeypatch):
    """
    Memory stays bounded if the headers differ in every call, and closing the transport clears the cached keys.
    """
    monkeypatch.setattr(module, "_MAX_HEADS", 3)
    loopback_server.answer = lambda _: reply(200, "ok", **KEEP_ALIVE)

    async def ask() -> int:
        transport = HttptoolsTransport()
        for number in range(10):
            await fetch_async(transport, call(loopback_server.url, body=b"x", trace=str(number)))
        most = max(len(target.heads) for target in transport._targets.values())
        await transport.close()
        assert not transport._targets
        return most

    assert asyncio.run(ask()) <= 3
