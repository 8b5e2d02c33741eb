"""No call waits longer than it may, whatever it waits for."""

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
from budwood_testing.loopback import CHUNKED, LEAVE, LoopbackServer, chunk, head, reply
from budwood_testing.suites.transport.bench import Make, Mode, TransportBench, call, fetch, fetch_async, timing


class Waiting(TransportBench):
    """Timeouts and deadlines, and waiting for a place."""

    def test_connection_in_time_or_not_at_all(self, transport: Transport) -> None:
        """Where a server takes no connection, `connect_timeout` ends the waiting."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            port = full.getsockname()[1]
            waiting = [socket.socket() for _ in range(4)]
            for other in waiting:  # they fill the queue of connections, so that the kernel answers no further one
                other.setblocking(False)  # noqa: FBT003 - it takes no name
                other.connect_ex(("127.0.0.1", port))
            with pytest.raises(RequestTimeoutError) as caught:
                fetch(transport, call(f"http://127.0.0.1:{port}"), connect=0.05)
            for other in waiting:
                other.close()

        assert caught.value.phase == "connect"
        assert caught.value.retryable
        assert "connect_timeout" in (caught.value.hint or "")

    def test_silence_within_a_reply_ends_at_the_idle_timeout(
        self, transport: Transport, server: LoopbackServer
    ) -> None:
        """A server that stops in mid-reply is given up after `idle_timeout`."""
        server.play(head(length=10) + b"12345", LEAVE)

        with pytest.raises(RequestTimeoutError, match=r"sent nothing for 0\.05 s") as caught:
            fetch(transport, call(server.url), idle=0.05)

        assert caught.value.phase == "read"
        assert caught.value.retryable
        assert "idle_timeout" in (caught.value.hint or "")

    def test_model_that_thinks_is_not_idle(self, transport: Transport, server: LoopbackServer) -> None:
        """Before the head, only the deadline counts: `idle_timeout` is for replies that have begun."""
        server.play(server.drip(b"", 40), reply(200, "thought"))

        assert fetch(transport, call(server.url), idle=0.01).body == b"thought"

    def test_deadline_ends_waiting_for_the_head(self, transport: Transport, server: LoopbackServer) -> None:
        """A server that never answers is given up at the deadline, and that is not retryable."""
        server.play(LEAVE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), whole=0.05)

        assert caught.value.phase == "deadline"
        assert not caught.value.retryable
        assert "timeout" in (caught.value.hint or "")

    def test_deadline_ends_waiting_for_the_body(self, transport: Transport, server: LoopbackServer) -> None:
        """A server that stops in mid-reply is given up at the deadline, where that is nearer than `idle_timeout`."""
        server.play(head(length=10) + b"12345", LEAVE)

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), whole=0.1)

        assert caught.value.phase == "deadline"

    def test_slow_head_cannot_outlast_the_deadline(self, transport: Transport, server: LoopbackServer) -> None:
        """A head that drips, so that no single read takes long, ends at the deadline too."""
        server.play(b"HTTP/1.1 200 OK\r\nx-slow: ", server.drip(b"a"), b"\r\n\r\n")

        with pytest.raises(RequestTimeoutError) as caught:
            transport.open(call(server.url), timing(whole=0.1))

        assert caught.value.phase == "deadline"

    def test_slow_body_cannot_outlast_the_deadline(self, transport: Transport, server: LoopbackServer) -> None:
        """A body that drips ends at the deadline too."""
        server.play(head(**CHUNKED), server.drip(chunk(b"a")), chunk(b""))

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), whole=0.1)

        assert caught.value.phase == "deadline"

    def test_deadline_ends_sending(self, transport: Transport, server: LoopbackServer) -> None:
        """A server that does not read cannot hold a call with a large body."""
        with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(f"http://127.0.0.1:{deaf.getsockname()[1]}", body=bytes(20_000_000)), whole=0.1)

        assert caught.value.phase == "deadline"

    def test_deadline_is_a_moment_of_the_given_clock(self, mode: Mode, server: LoopbackServer) -> None:
        """Deadlines are compared with the clock that the plugin was given; a call after its deadline is not sent."""
        clock = FakeClock()
        thing = Instances(self.as_settings({}), self.found_in(), clock).build(self.kind, self.plugin).thing
        late = Timing(connect_timeout=1, idle_timeout=1, deadline=clock.monotonic())

        with pytest.raises(RequestTimeoutError):
            _open_one(cast("Transports", thing), mode, late, server.url)

        assert server.requests == []

    def test_call_without_a_place_waits_for_one(self, make: Make, server: LoopbackServer) -> None:
        """Of `max_connections` all are under way: the next is not sent before one is over."""
        server.play(reply(), times=2)
        transport = make(max_connections=1)
        first = transport.open(call(server.url), timing())

        with pytest.raises(RequestTimeoutError) as caught:
            fetch(transport, call(server.url), whole=0.05)
        assert caught.value.phase == "deadline"
        assert len(server.requests) == 1

        first.close()
        assert fetch(transport, call(server.url)).head.ok

    def test_place_is_free_again_after_each_failure(self, make: Make, server: LoopbackServer) -> None:
        """What has failed, in whichever way, holds no place of `max_connections`."""
        transport = make(max_connections=1)
        server.play(b"").play(b"nonsense\r\n\r\n").play(LEAVE).play(head(length=9) + b"1").play(reply())

        for _ in range(4):
            with pytest.raises(ProviderError, match=r"broke|longer than"):
                fetch(transport, call(server.url, body=b"x"), whole=0.2)
        with pytest.raises(ProviderError, match="No connection"):
            fetch(transport, call("http://127.0.0.1:1/"))

        assert fetch(transport, call(server.url)).head.ok

    def test_threads_take_turns(self, mode: Mode, make: Make, server: LoopbackServer) -> None:
        """Threads of a program share the places of one transport, and each gets its own reply."""
        if mode != "blocking":
            pytest.skip("tasks have a test of their own")
        server.answer = lambda request: reply(200, request.body, connection="keep-alive")
        transport = make(max_connections=3)
        wrong: list[object] = []

        def work(number: int) -> None:
            for turn in range(10):
                said = f"{number}/{turn}".encode()
                if (body := fetch(transport, call(server.url, body=said)).body) != said:
                    wrong.append((said, body))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert wrong == []
        assert self.was_reused(server, 3)

    def test_tasks_take_turns(self, make_async: Callable[..., AsyncTransport], server: LoopbackServer) -> None:
        """Tasks of a program share the places of one transport, and each gets its own reply."""
        server.answer = lambda request: reply(200, request.body, connection="keep-alive")
        asked = [f"{number}".encode() for number in range(100)]

        async def work() -> list[bytes]:
            transport = make_async(max_connections=3)
            fetched = await asyncio.gather(*(fetch_async(transport, call(server.url, body=body)) for body in asked))
            await transport.close()
            return [each.body for each in fetched]

        assert asyncio.run(work()) == asked
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
