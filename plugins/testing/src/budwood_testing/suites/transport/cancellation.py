"""Tests of closing, interrupting and cancelling: connections are closed, and nothing leaks."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from budwood.contracts import AsyncTransport, Transport
from budwood.errors import BudwoodError, ConnectionFailedError
from budwood.types import Body
from budwood_testing.loopback import (
    CHUNKED,
    KEEP_ALIVE,
    MAX_WAIT,
    WAIT_FOR_CLOSE,
    LoopbackServer,
    chunk,
    head,
    reply,
    signal,
)
from budwood_testing.suites.transport.bench import (
    Make,
    Mode,
    call,
    fetch,
    fetch_async,
    is_closed_by_client,
    timing,
)
from budwood_testing.suites.transport.sync_adapter import turns
from budwood_testing.suites.transport.tls import TLSBench

T = TypeVar("T")

MakeAsync = Callable[..., AsyncTransport]
_MAX_STEPS: Final = 200


class CancellationTests(TLSBench):
    """Closing, interrupting and cancelling calls release their connections."""

    def test_closing_during_a_reply_closes_the_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """Closing an exchange during the reply closes the connection, so that the server can stop generating."""
        server.play(head(**CHUNKED) + chunk(b"one"), WAIT_FOR_CLOSE)

        exchange = transport.open(call(server.url), timing())
        exchange.read()
        exchange.close()

        assert is_closed_by_client(transport, server)

    def test_closing_before_the_body_closes_the_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """Closing an exchange before reading the body closes the connection."""
        server.play(head(**CHUNKED) + chunk(b"one"), WAIT_FOR_CLOSE)

        transport.open(call(server.url), timing()).close()

        assert is_closed_by_client(transport, server)

    def test_closing_an_exchange_twice_is_no_error(self, make: Make, server: LoopbackServer) -> None:
        """Closing an exchange repeatedly releases its connection only once."""
        server.play(reply(), times=3)
        transport = make(max_connections=1)
        exchange = transport.open(call(server.url), timing())
        for _ in range(3):
            exchange.close()

        first = transport.open(call(server.url), timing())
        with pytest.raises(BudwoodError, match="longer than"):
            fetch(transport, call(server.url), total=0.05)
        first.close()

    def test_closing_the_transport_closes_its_connections(self, transport: Transport, server: LoopbackServer) -> None:
        """Closing the transport closes its idle connections."""
        server.play(reply(**KEEP_ALIVE), keep_alive=True)
        fetch(transport, call(server.url))

        transport.close()

        assert is_closed_by_client(transport, server)

    def test_closing_twice_is_no_error(self, make: Make, server: LoopbackServer) -> None:
        """A transport can be closed twice, with or without use."""
        server.play(reply())
        unused, used = make(), make()
        fetch(used, call(server.url))

        for transport in (unused, used, unused, used):
            transport.close()

    def test_closing_the_transport_ends_active_calls(self, mode: Mode, make: Make, server: LoopbackServer) -> None:
        """Closing the transport raises an error in threads that wait for a reply."""
        if mode != "blocking":
            pytest.skip("a separate test covers async I/O")
        asked = threading.Event()
        server.play(signal(asked), WAIT_FOR_CLOSE).play(head(length=9) + b"1", signal(asked), WAIT_FOR_CLOSE)
        for _ in range(2):
            transport = make()
            failures: list[BaseException] = []
            thread = threading.Thread(target=_record_failure, args=(failures, transport, server.url))
            thread.start()
            assert asked.wait(MAX_WAIT)
            while thread.is_alive():  # it may be between reading the head and the body
                transport.close()
                thread.join(0.01)
            asked.clear()
            assert [type(failure) for failure in failures] == [ConnectionFailedError]

    def test_closing_the_transport_ends_active_tasks(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """Closing the transport raises an error in tasks that wait for the head or the body."""
        asked = threading.Event()
        server.play(signal(asked), WAIT_FOR_CLOSE).play(head(length=9) + b"1", WAIT_FOR_CLOSE)

        async def closed_before_the_head() -> None:
            transport = make_async()
            task = asyncio.create_task(fetch_async(transport, call(server.url)))
            assert await asyncio.to_thread(asked.wait, MAX_WAIT)
            await transport.close()
            with pytest.raises(ConnectionFailedError):
                await task

        async def closed_in_the_body() -> None:
            transport = make_async()
            exchange = await transport.open(call(server.url), timing())
            assert await exchange.read() == b"1"
            task = asyncio.create_task(exchange.read())
            await turns(10)
            await transport.close()
            with pytest.raises(ConnectionFailedError):
                await task
            await exchange.close()

        asyncio.run(closed_before_the_head())
        asyncio.run(closed_in_the_body())
        assert server.has_open(0)

    def test_interrupt_ends_a_blocked_read(self, mode: Mode, make: Make, server: LoopbackServer) -> None:
        """`interrupt` ends a blocked read of another thread with a connection error."""
        if mode != "blocking":
            pytest.skip("async calls are cancelled instead")
        server.play(head(length=10) + b"12345", WAIT_FOR_CLOSE)
        transport = make()
        failures: list[BaseException] = []
        reader = threading.Thread(target=_record_failure, args=(failures, transport, server.url))
        reader.start()
        while reader.is_alive():
            transport.interrupt(reader.ident or 0)
            reader.join(0.01)

        assert [type(failure) for failure in failures] == [ConnectionFailedError]

    def test_interrupting_an_idle_thread_has_no_effect(self, transport: Transport, server: LoopbackServer) -> None:
        """Interrupting a thread that is not waiting affects neither it nor its next call."""
        server.play(reply())

        transport.interrupt(threading.get_ident())

        assert fetch(transport, call(server.url)).head.ok

    def test_cancelling_a_task_closes_the_connection(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """Cancelling a task that waits for the head closes its connection."""
        asked = threading.Event()
        server.play(signal(asked), WAIT_FOR_CLOSE)

        async def cancelled() -> None:
            transport = make_async()
            task = asyncio.create_task(fetch_async(transport, call(server.url)))
            await asyncio.to_thread(asked.wait, MAX_WAIT)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.closed_by_client.wait, MAX_WAIT)
            await transport.close()

        asyncio.run(cancelled())

    def test_cancelling_at_any_step_releases_everything(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """Cancelling a call at any await closes or releases its connection, and the next call works."""
        check_cancelling(make_async, server)

    def test_cancelling_at_any_step_of_tls_releases_everything(
        self, make_async: MakeAsync, tls_server: LoopbackServer, authority_file: Path
    ) -> None:
        """Cancelling a call at any await of the TLS handshake closes its connection, and the next call works."""
        check_cancelling(make_async, tls_server, ca_file=authority_file)

    def test_cancelling_a_queued_call_takes_no_connection(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """A call that is cancelled while it waits for a free connection does not use one."""
        server.play(reply(), times=2)

        async def cancelled() -> None:
            transport = make_async(max_connections=1)
            first = await transport.open(call(server.url), timing())
            waiting = asyncio.create_task(fetch_async(transport, call(server.url)))
            for _ in range(10):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await first.close()
            assert (await fetch_async(transport, call(server.url), total=MAX_WAIT)).head.ok
            await transport.close()

        asyncio.run(cancelled())

    def test_unclosed_transport_prints_nothing(
        self, make_async: MakeAsync, server: LoopbackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A transport that is not closed prints and logs nothing."""
        server.answer = lambda received: reply(200, received.body, **KEEP_ALIVE)

        async def dropped() -> None:
            await fetch_async(make_async(), call(server.url, body=b"x"))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # Python's default
            asyncio.run(dropped())
            gc.collect()

        assert caplog.text == ""


def check_cancelling(make: MakeAsync, server: LoopbackServer, body: Body = b"cancelled", **settings: object) -> None:
    """
    Cancel a call at its first await, another at its second, and so on.

    Raises:
        AssertionError: A cancelled call kept a connection, or the next call failed.
    """
    server.answer = lambda received: reply(200, received.body, **KEEP_ALIVE)

    async def is_past_the_end(step: int) -> bool:
        transport = make(max_connections=1, **settings)
        request = call(server.url, body=body)
        task = asyncio.create_task(_CancelledAt(step, fetch_async(transport, request)).run())
        await asyncio.wait([task])
        assert (await fetch_async(transport, call(server.url, body=b"next"), total=MAX_WAIT)).body == b"next"
        assert await asyncio.to_thread(server.has_open, 1)
        await transport.close()
        return not task.cancelled()

    for step in range(_MAX_STEPS):
        last = asyncio.run(is_past_the_end(step))
        assert server.has_open(0)
        if last:
            assert step > 1
            return
    raise AssertionError(f"the call has more than {_MAX_STEPS} awaits")


class _CancelledAt:
    """Awaits a coroutine and cancels the task at a given await."""

    def __init__(self, step: int, inner: Coroutine[Any, Any, T]) -> None:
        self._remaining = step
        self._inner = inner

    async def run(self) -> object:
        return await self

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self._inner.__await__()
        task = asyncio.current_task()
        assert task is not None
        try:
            pending = next(steps)
            while True:
                if self._remaining == 0:
                    asyncio.get_running_loop().call_soon(task.cancel)
                self._remaining -= 1
                try:
                    sent = yield pending
                except BaseException as error:  # noqa: BLE001 - passed on to the coroutine
                    pending = steps.throw(error)
                else:
                    pending = steps.send(sent)
        except StopIteration as stop:
            return stop.value


def _record_failure(failures: list[BaseException], transport: Transport, url: str) -> None:
    try:
        fetch(transport, call(url))
    except BudwoodError as error:
        failures.append(error)
