"""Tests of the deadline for the head of a reply, which may be earlier than that of the call."""

from __future__ import annotations

import socket

import pytest

from budwood.contracts import Transport
from budwood.errors import RequestTimeoutError
from budwood_testing.loopback import CHUNKED, WAIT_FOR_CLOSE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import LONG, Make, TransportTestBase, call, fetch, timing


class HeadDeadlineTests(TransportTestBase):
    """The head deadline limits the time until the head of a reply has arrived."""

    def test_head_deadline_limits_waiting_for_the_head(self, transport: Transport, server: LoopbackServer) -> None:
        """If the head does not arrive before its deadline, a retryable error with phase ``head`` is raised."""
        server.play(WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(head=0.05))

        assert caught.value.phase == "head"
        assert caught.value.retryable
        assert "attempt_timeout" in (caught.value.hint or "")

    def test_slow_head_is_stopped_at_the_head_deadline(self, transport: Transport, server: LoopbackServer) -> None:
        """A head that arrives slowly, in many reads, is stopped at its deadline."""
        server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", server.drip(b"a"), b"\r\n\r\n")

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(head=0.1))

        assert caught.value.phase == "head"

    def test_head_deadline_limits_connecting(self, transport: Transport) -> None:
        """The head deadline also applies while connecting, if it is earlier than `connect_timeout`."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for other in waiting:  # fill the backlog, so that the kernel accepts no further connection
                other.setblocking(False)  # noqa: FBT003 - it has no keyword
                other.connect_ex(("127.0.0.1", port))
            with pytest.raises(RequestTimeoutError) as caught:
                fetch(transport, call(f"http://127.0.0.1:{port}"), head=0.05)
            for other in waiting:
                other.close()

        assert caught.value.phase == "head"

    def test_head_deadline_limits_queueing(self, make: Make, server: LoopbackServer) -> None:
        """The head deadline also applies while a call waits for a free connection."""
        server.play(reply())
        transport = make(max_connections=1)
        first = transport.open(call(server.url), timing())

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), head=0.05)
        first.close()

        assert caught.value.phase == "head"

    def test_expired_head_deadline_sends_nothing(self, transport: Transport, server: LoopbackServer) -> None:
        """After its head deadline a call is not sent."""
        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(head=0.0))

        assert caught.value.phase == "head"
        assert server.accepted == 0

    def test_earlier_call_deadline_takes_precedence(self, transport: Transport, server: LoopbackServer) -> None:
        """If the deadline of the call is earlier, the error has phase ``deadline`` and is not retryable."""
        server.play(WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(total=0.05, head=LONG))

        assert caught.value.phase == "deadline"
        assert not caught.value.retryable

    def test_head_deadline_does_not_limit_the_body(self, transport: Transport, server: LoopbackServer) -> None:
        """After the head has arrived, only the deadline of the call limits the body."""
        server.play(head(**CHUNKED), server.drip(chunk(b"a"), 100), chunk(b""))

        assert fetch(transport, call(server.url), head=0.3).body == b"a" * 100

    def test_body_timeout_is_not_a_head_timeout(self, transport: Transport, server: LoopbackServer) -> None:
        """A body that stops raises an error with phase ``read``, not ``head``."""
        server.play(head(length=10) + b"12345", WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), head=0.2, idle=0.3)

        assert caught.value.phase == "read"
