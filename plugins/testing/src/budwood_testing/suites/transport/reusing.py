"""Connections are used again where that is safe, and only there."""

from __future__ import annotations

import contextlib

import pytest

from budwood.contracts import Transport
from budwood.errors import ConnectionFailedError, ProviderError
from budwood_testing.loopback import CHUNKED, KEPT, LoopbackServer, Received, chunk, head, reply
from budwood_testing.suites.transport.bench import Make, TransportBench, call, fetch, settle, timing

_OTHERS = reply(200, "another's", **KEPT)


def _echo(request: Received) -> bytes:
    return reply(200, request.body, **KEPT)


class Reusing(TransportBench):
    """Connections between two calls."""

    def test_connection_is_used_again(self, transport: Transport, server: LoopbackServer) -> None:
        """After a whole reply, of whatever status, the next call takes the same connection."""
        server.play(reply(200, "a", **KEPT), keep=True)
        server.play(reply(500, "b", **KEPT), keep=True)
        server.play(head(**CHUNKED, **KEPT), chunk(b"c"), chunk(b""), keep=True)
        server.play(reply(200, "d"))

        assert [fetch(transport, call(server.url)).body for _ in range(4)] == [b"a", b"b", b"c", b"d"]
        assert self.was_reused(server, 1)

    def test_connection_that_the_server_ends_is_not_used(self, transport: Transport, server: LoopbackServer) -> None:
        """A server says with `connection: close` that it takes no further call."""
        server.play(reply(200, "a")).play(reply(200, "b"))

        assert [fetch(transport, call(server.url)).body for _ in range(2)] == [b"a", b"b"]
        assert server.accepted == 2

    def test_connection_that_the_server_ended_in_silence(self, transport: Transport, server: LoopbackServer) -> None:
        """Servers close idle connections: the next call takes another one."""
        server.answer = _echo
        fetch(transport, call(server.url, body=b"one"))
        server.end_connections()
        settle(transport)

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"

    def test_connection_that_ends_as_it_is_used(self, transport: Transport, server: LoopbackServer) -> None:
        """That cannot be foreseen: the call succeeds on another connection, or may be repeated."""
        server.answer = _echo
        fetch(transport, call(server.url, body=b"one"))
        server.end_connections()

        try:
            assert fetch(transport, call(server.url, body=b"two")).body == b"two"
        except ProviderError as error:
            assert error.retryable  # noqa: PT017 - either is right
        assert fetch(transport, call(server.url, body=b"three")).body == b"three"

    def test_connection_expires(self, make: Make, server: LoopbackServer) -> None:
        """A connection that has been idle for longer than `keepalive_expiry` is not used, but closed."""
        server.answer = _echo
        transport = make(keepalive_expiry=0)

        for _ in range(3):
            fetch(transport, call(server.url, body=b"x"))

        settle(transport)
        assert server.accepted == 3
        assert server.has_open(1)

    def test_no_connection_is_kept_where_none_is_wanted(self, make: Make, server: LoopbackServer) -> None:
        """`max_idle_connections=0` is one connection for each call."""
        server.answer = _echo
        transport = make(max_idle_connections=0)

        for _ in range(3):
            fetch(transport, call(server.url, body=b"x"))

        settle(transport)
        assert server.accepted == 3
        assert server.has_open(0)

    @pytest.mark.parametrize("unasked", [_OTHERS, b"HTTP/1.1 408 Timeout\r\n\r\n", b"x", b"\r\n"])
    def test_bytes_that_nobody_asked_for_are_no_reply(
        self, transport: Transport, server: LoopbackServer, unasked: bytes
    ) -> None:
        """What comes on an idle connection never becomes the reply to the next call."""
        server.answer = _echo
        fetch(transport, call(server.url, body=b"one"))
        server.send_unasked(unasked)
        settle(transport)

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"

    @pytest.mark.parametrize("more", [_OTHERS, b"x", b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"])
    def test_bytes_after_the_reply_are_no_reply(
        self, transport: Transport, server: LoopbackServer, more: bytes
    ) -> None:
        """Nor does what comes in one piece with the reply before, which may be refused for it."""
        server.play(reply(200, "one", **KEPT) + more, keep=True)
        server.answer = _echo
        with contextlib.suppress(ConnectionFailedError):
            assert fetch(transport, call(server.url, body=b"one")).body == b"one"

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"

    def test_reply_that_is_left_is_not_the_next_one(self, transport: Transport, server: LoopbackServer) -> None:
        """The unread rest of a reply does not come with the next."""
        server.play(head(length=1000, **KEPT) + b"x" * 500, _OTHERS, keep=True)
        server.answer = _echo
        exchange = transport.open(call(server.url), timing())
        exchange.read()
        exchange.close()

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"
