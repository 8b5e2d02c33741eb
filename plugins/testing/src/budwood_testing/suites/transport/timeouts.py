"""Tests of timeouts and deadlines, and of waiting for a free connection."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import cast

import pytest

from budwood.contracts import AsyncTransport, Transport, Transports
from budwood.errors import ProviderError, RequestTimeoutError
from budwood.plugins import Instances
from budwood.types import Timing
from budwood_testing.clock import FakeClock
from budwood_testing.loopback import CHUNKED, WAIT_FOR_CLOSE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import Make, Mode, TransportTestBase, call, fetch, fetch_async, timing


class TimeoutTests(TransportTestBase):
    """Timeouts and deadlines limit every wait."""

    def test_connect_timeout_limits_connecting(self, transport: Transport) -> None:
        """`connect_timeout` limits the time to connect."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for other in waiting:  # fill the backlog, so that the kernel accepts no further connection
                other.setblocking(False)  # noqa: FBT003 - it has no keyword
                other.connect_ex(("127.0.0.1", port))
            with pytest.raises(RequestTimeoutError) as caught:
                fetch(transport, call(f"http://127.0.0.1:{port}"), connect=0.05)
            for other in waiting:
                other.close()

        assert caught.value.phase == "connect"
        assert caught.value.retryable
        assert "connect_timeout" in (caught.value.hint or "")

    def test_idle_timeout_limits_silence_during_a_reply(self, transport: Transport, server: LoopbackServer) -> None:
        """If the server stops during a reply, `idle_timeout` ends the call."""
        server.play(head(length=10) + b"12345", WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError, match=r"sent nothing for 0\.05 s") as caught:
            fetch(transport, call(server.url), idle=0.05)

        assert caught.value.phase == "read"
        assert caught.value.retryable
        assert "idle_timeout" in (caught.value.hint or "")

    def test_idle_timeout_does_not_apply_before_the_head(self, transport: Transport, server: LoopbackServer) -> None:
        """Before the head has arrived, only the deadline applies, not `idle_timeout`."""
        server.play(server.drip(b"", 40), reply(200, "thought"))

        assert fetch(transport, call(server.url), idle=0.01).body == b"thought"

    def test_deadline_limits_waiting_for_the_head(self, transport: Transport, server: LoopbackServer) -> None:
        """The deadline ends a call to a server that does not reply; the error is not retryable."""
        server.play(WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), total=0.05)

        assert caught.value.phase == "deadline"
        assert not caught.value.retryable
        assert "timeout" in (caught.value.hint or "")

    def test_deadline_limits_waiting_for_the_body(self, transport: Transport, server: LoopbackServer) -> None:
        """If the server stops during a reply, the deadline ends the call, if it is earlier than `idle_timeout`."""
        server.play(head(length=10) + b"12345", WAIT_FOR_CLOSE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), total=0.1)

        assert caught.value.phase == "deadline"

    def test_slow_head_is_stopped_at_the_deadline(self, transport: Transport, server: LoopbackServer) -> None:
        """A head that arrives slowly, in many reads, is stopped at the deadline."""
        server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", server.drip(b"a"), b"\r\n\r\n")

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(total=0.1))

        assert caught.value.phase == "deadline"

    def test_slow_body_is_stopped_at_the_deadline(self, transport: Transport, server: LoopbackServer) -> None:
        """A body that arrives slowly is stopped at the deadline."""
        server.play(head(**CHUNKED), server.drip(chunk(b"a")), chunk(b""))

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), total=0.1)

        assert caught.value.phase == "deadline"

    def test_deadline_limits_sending(self, transport: Transport, server: LoopbackServer) -> None:
        """The deadline ends sending a large body to a server that does not read."""
        with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(f"http://127.0.0.1:{listener.getsockname()[1]}", body=bytes(20_000_000)), total=0.1)

        assert caught.value.phase == "deadline"

    def test_deadline_uses_the_clock_of_the_context(self, mode: Mode, server: LoopbackServer) -> None:
        """Deadlines refer to the clock of the plugin context; after its deadline a call is not sent."""
        clock = FakeClock()
        implementation = (
            Instances(self.as_settings({}), self.found_in(), clock).build(self.kind, self.plugin).implementation
        )
        late = Timing(connect_timeout=1, idle_timeout=1, deadline=clock.monotonic())

        with pytest.raises(RequestTimeoutError):
            _open_one(cast("Transports", implementation), mode, late, server.url)

        assert server.requests == []

    def test_call_waits_for_a_free_connection(self, make: Make, server: LoopbackServer) -> None:
        """If `max_connections` calls are active, the next is sent only after one has ended."""
        server.play(reply(), times=2)
        transport = make(max_connections=1)
        first = transport.open(call(server.url), timing())

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), total=0.05)
        assert caught.value.phase == "deadline"
        assert len(server.requests) == 1

        first.close()
        assert fetch(transport, call(server.url)).head.ok

    def test_failed_call_releases_its_connection(self, make: Make, server: LoopbackServer) -> None:
        """A failed call does not count towards `max_connections`, however it failed."""
        transport = make(max_connections=1)
        server.play(b"").play(b"nonsense\r\n\r\n").play(WAIT_FOR_CLOSE).play(head(length=9) + b"1").play(reply())

        for _ in range(4):
            with pytest.raises(ProviderError, match=r"was lost|larger than|longer than"):
                fetch(transport, call(server.url, body=b"x"), total=0.2)
        with pytest.raises(ProviderError, match="No connection"):
            fetch(transport, call("http://127.0.0.1:1/"))

        assert fetch(transport, call(server.url)).head.ok

    def test_threads_share_the_connections(self, mode: Mode, make: Make, server: LoopbackServer) -> None:
        """Threads share the connections of one transport, and each gets its own reply."""
        if mode != "blocking":
            pytest.skip("a separate test covers async I/O")
        server.answer = lambda request: reply(200, request.body, connection="keep-alive")
        transport = make(max_connections=3)
        wrong: list[object] = []

        def work(number: int) -> None:
            for count in range(10):
                sent = f"{number}/{count}".encode()
                if (body := fetch(transport, call(server.url, body=sent)).body) != sent:
                    wrong.append((sent, body))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong == []
        assert self.was_reused(server, 3)

    def test_tasks_share_the_connections(
        self, make_async: Callable[..., AsyncTransport], server: LoopbackServer
    ) -> None:
        """Tasks share the connections of one transport, and each gets its own reply."""
        server.answer = lambda request: reply(200, request.body, connection="keep-alive")
        bodies = [f"{number}".encode() for number in range(100)]

        async def work() -> list[bytes]:
            transport = make_async(max_connections=3)
            fetched = await asyncio.gather(*(fetch_async(transport, call(server.url, body=body)) for body in bodies))
            await transport.close()
            return [each.body for each in fetched]

        assert asyncio.run(work()) == bodies
        assert self.was_reused(server, 3)


def _open_one(transports: Transports, mode: Mode, late: Timing, url: str) -> None:
    if mode == "blocking":
        transports.blocking().open(call(url), late)
    else:
        asyncio.run(_open_one_async(transports.asynchronous(), late, url))


async def _open_one_async(transport: AsyncTransport, late: Timing, url: str) -> None:
    try:
        await transport.open(call(url), late)
    finally:
        await transport.close()
