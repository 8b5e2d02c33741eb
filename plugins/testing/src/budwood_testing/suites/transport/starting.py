"""An attempt may have less time until the reply begins than the whole call has."""

from __future__ import annotations

import socket

import pytest

from budwood.contracts import Transport
from budwood.errors import RequestTimeoutError
from budwood_testing.loopback import CHUNKED, LEAVE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import LONG, Make, TransportBench, call, fetch, timing


class Starting(TransportBench):
    """The moment by which the head of a reply must have come."""

    def test_head_deadline_ends_waiting_for_the_head(self, transport: Transport, server: LoopbackServer) -> None:
        """A server that does not begin to reply is given up in time for another attempt."""
        server.play(LEAVE)

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(head=0.05))

        assert caught.value.phase == "head"
        assert caught.value.retryable
        assert "attempt_timeout" in (caught.value.hint or "")

    def test_slow_head_cannot_outlast_its_deadline(self, transport: Transport, server: LoopbackServer) -> None:
        """A head that drips, so that no single read takes long, is given up too."""
        server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", server.drip(b"a"), b"\r\n\r\n")

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(head=0.1))

        assert caught.value.phase == "head"

    def test_head_deadline_ends_connecting(self, transport: Transport) -> None:
        """Where a server takes no connection, the deadline of the head may come before `connect_timeout`."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for other in waiting:  # they fill the queue of connections, so that the kernel answers no further one
                other.setblocking(False)  # noqa: FBT003 - it takes no name
                other.connect_ex(("127.0.0.1", port))
            with pytest.raises(RequestTimeoutError) as caught:
                fetch(transport, call(f"http://127.0.0.1:{port}"), head=0.05)
            for other in waiting:
                other.close()

        assert caught.value.phase == "head"

    def test_head_deadline_ends_waiting_for_a_place(self, make: Make, server: LoopbackServer) -> None:
        """Of `max_connections` all are under way: the next attempt is given up in time."""
        server.play(reply())
        transport = make(max_connections=1)
        first = transport.open(call(server.url), timing())

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), head=0.05)
        first.close()

        assert caught.value.phase == "head"

    def test_head_deadline_that_has_passed(self, transport: Transport, server: LoopbackServer) -> None:
        """Nothing is sent."""
        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(head=0.0))

        assert caught.value.phase == "head"
        assert server.accepted == 0

    def test_deadline_of_the_call_comes_first(self, transport: Transport, server: LoopbackServer) -> None:
        """Where the whole call is over before the head is late, that is what is said, and it is not retryable."""
        server.play(LEAVE)

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(whole=0.05, head=LONG))

        assert caught.value.phase == "deadline"
        assert not caught.value.retryable

    def test_head_deadline_does_not_bound_the_body(self, transport: Transport, server: LoopbackServer) -> None:
        """Once the head has come, the body may take as long as the call."""
        server.play(head(**CHUNKED), server.drip(chunk(b"a"), 100), chunk(b""))

        assert fetch(transport, call(server.url), head=0.3).body == b"a" * 100

    def test_body_is_late_by_its_own_limits(self, transport: Transport, server: LoopbackServer) -> None:
        """What is late after the head is not blamed on it."""
        server.play(head(length=10) + b"12345", LEAVE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), head=0.2, idle=0.3)

        assert caught.value.phase == "read"
