"""Tests of connection reuse."""

from __future__ import annotations

import contextlib

import pytest

from budwood.contracts import Transport
from budwood.errors import ConnectionFailedError, ProviderError
from budwood_testing.loopback import CHUNKED, KEEP_ALIVE, LoopbackServer, ReceivedRequest, chunk, head, reply
from budwood_testing.suites.transport.bench import Make, TransportTestBase, call, fetch, settle, timing

_OTHER_REPLY = reply(200, "another's", **KEEP_ALIVE)


def _echo(request: ReceivedRequest) -> bytes:
    return reply(200, request.body, **KEEP_ALIVE)


class ReuseTests(TransportTestBase):
    """Connections are reused if that is safe, and only then."""

    def test_connection_is_reused(self, transport: Transport, server: LoopbackServer) -> None:
        """After a complete reply of any status, the next call uses the same connection."""
        server.play(reply(200, "a", **KEEP_ALIVE), keep_alive=True)
        server.play(reply(500, "b", **KEEP_ALIVE), keep_alive=True)
        server.play(head(**CHUNKED, **KEEP_ALIVE), chunk(b"c"), chunk(b""), keep_alive=True)
        server.play(reply(200, "d"))

        assert [fetch(transport, call(server.url)).body for _ in range(4)] == [b"a", b"b", b"c", b"d"]
        assert self.was_reused(server, 1)

    def test_connection_close_header_prevents_reuse(self, transport: Transport, server: LoopbackServer) -> None:
        """A connection is not reused after a reply with ``connection: close``."""
        server.play(reply(200, "a")).play(reply(200, "b"))

        assert [fetch(transport, call(server.url)).body for _ in range(2)] == [b"a", b"b"]
        assert server.accepted == 2

    def test_closed_idle_connection_is_replaced(self, transport: Transport, server: LoopbackServer) -> None:
        """If the server has closed an idle connection, the next call opens another."""
        server.answer = _echo
        fetch(transport, call(server.url, body=b"one"))
        server.close_connections()
        settle(transport)

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"

    def test_connection_closed_during_reuse_is_retryable(self, transport: Transport, server: LoopbackServer) -> None:
        """If the server closes a connection during reuse, the call succeeds on another or raises a retryable error."""
        server.answer = _echo
        fetch(transport, call(server.url, body=b"one"))
        server.close_connections()

        try:
            assert fetch(transport, call(server.url, body=b"two")).body == b"two"
        except ProviderError as error:
            assert error.retryable  # noqa: PT017 - both outcomes are valid
        assert fetch(transport, call(server.url, body=b"three")).body == b"three"

    def test_idle_connection_expires(self, make: Make, server: LoopbackServer) -> None:
        """A connection that was idle for longer than `keepalive_expiry` is closed, not reused."""
        server.answer = _echo
        transport = make(keepalive_expiry=0)

        for _ in range(3):
            fetch(transport, call(server.url, body=b"x"))

        settle(transport)
        assert server.accepted == 3
        assert server.has_open(1)

    def test_no_idle_connections_when_the_limit_is_zero(self, make: Make, server: LoopbackServer) -> None:
        """With `max_idle_connections=0` each call opens a connection."""
        server.answer = _echo
        transport = make(max_idle_connections=0)

        for _ in range(3):
            fetch(transport, call(server.url, body=b"x"))

        settle(transport)
        assert server.accepted == 3
        assert server.has_open(0)

    @pytest.mark.parametrize("unsolicited", [_OTHER_REPLY, b"HTTP/1.1 408 Timeout\r\n\r\n", b"x", b"\r\n"])
    def test_unsolicited_bytes_are_not_a_reply(
        self, transport: Transport, server: LoopbackServer, unsolicited: bytes
    ) -> None:
        """Bytes that arrive on an idle connection are not taken as the reply to the next call."""
        server.answer = _echo
        fetch(transport, call(server.url, body=b"one"))
        server.send_unsolicited(unsolicited)
        settle(transport)

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"

    @pytest.mark.parametrize("more", [_OTHER_REPLY, b"x", b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"])
    def test_bytes_after_a_reply_are_not_the_next_reply(
        self, transport: Transport, server: LoopbackServer, more: bytes
    ) -> None:
        """Bytes that follow a reply are not taken as the reply to the next call; the first call may fail."""
        server.play(reply(200, "one", **KEEP_ALIVE) + more, keep_alive=True)
        server.answer = _echo
        with contextlib.suppress(ConnectionFailedError):
            assert fetch(transport, call(server.url, body=b"one")).body == b"one"

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"

    def test_unread_rest_is_not_the_next_reply(self, transport: Transport, server: LoopbackServer) -> None:
        """The unread rest of a closed reply is not part of the next one."""
        server.play(head(length=1000, **KEEP_ALIVE) + b"x" * 500, _OTHER_REPLY, keep_alive=True)
        server.answer = _echo
        exchange = transport.open(call(server.url), timing())
        exchange.read()
        exchange.close()

        assert fetch(transport, call(server.url, body=b"two")).body == b"two"
