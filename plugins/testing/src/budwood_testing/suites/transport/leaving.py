"""A caller that leaves early leaves nothing behind."""

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
from budwood_testing.loopback import CHUNKED, KEPT, LEAVE, PATIENCE, LoopbackServer, chunk, head, reply, signal
from budwood_testing.suites.transport.awaited import turns
from budwood_testing.suites.transport.bench import (
    Make,
    Mode,
    call,
    fetch,
    fetch_async,
    is_left,
    timing,
)
from budwood_testing.suites.transport.securing import SecureBench

T = TypeVar("T")

MakeAsync = Callable[..., AsyncTransport]
_MOST_STEPS: Final = 200


class Leaving(SecureBench):
    """Closing, interrupting, cancelling."""

    def test_closing_in_mid_reply_closes_the_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """A caller that leaves a reply closes the connection, so that the server can stop generating."""
        server.play(head(**CHUNKED) + chunk(b"one"), LEAVE)

        exchange = transport.open(call(server.url), timing())
        exchange.read()
        exchange.close()

        assert is_left(transport, server)

    def test_closing_before_the_body_closes_the_connection(self, transport: Transport, server: LoopbackServer) -> None:
        """Also where nothing of the body was read."""
        server.play(head(**CHUNKED) + chunk(b"one"), LEAVE)

        transport.open(call(server.url), timing()).close()

        assert is_left(transport, server)

    def test_closing_an_exchange_twice_is_no_error(self, make: Make, server: LoopbackServer) -> None:
        """And it gives back one place, not two."""
        server.play(reply(), times=3)
        transport = make(max_connections=1)
        exchange = transport.open(call(server.url), timing())
        for _ in range(3):
            exchange.close()

        first = transport.open(call(server.url), timing())
        with pytest.raises(BudwoodError, match="longer than"):
            fetch(transport, call(server.url), whole=0.05)
        first.close()

    def test_closing_the_transport_closes_its_connections(self, transport: Transport, server: LoopbackServer) -> None:
        """A connection kept for later is closed with the transport."""
        server.play(reply(**KEPT), keep=True)
        fetch(transport, call(server.url))

        transport.close()

        assert is_left(transport, server)

    def test_closing_twice_is_no_error(self, make: Make, server: LoopbackServer) -> None:
        """Also where it was never used."""
        server.play(reply())
        unused, used = make(), make()
        fetch(used, call(server.url))

        for transport in (unused, used, unused, used):
            transport.close()

    def test_closing_ends_calls_under_way(self, mode: Mode, make: Make, server: LoopbackServer) -> None:
        """A thread that waits for a reply gets an error, and does not wait on."""
        if mode != "blocking":
            pytest.skip("tasks have a test of their own")
        asked = threading.Event()
        server.play(signal(asked), LEAVE).play(head(length=9) + b"1", signal(asked), LEAVE)
        for _ in range(2):
            transport = make()
            failures: list[BaseException] = []
            thread = threading.Thread(target=_note_failure, args=(failures, transport, server.url))
            thread.start()
            assert asked.wait(PATIENCE)
            while thread.is_alive():  # it may be on its way from the head to the body
                transport.close()
                thread.join(0.01)
            asked.clear()
            assert [type(failure) for failure in failures] == [ConnectionFailedError]

    def test_closing_ends_tasks_under_way(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """A task that waits for the head or for more of the body gets an error, and does not wait on."""
        asked = threading.Event()
        server.play(signal(asked), LEAVE).play(head(length=9) + b"1", LEAVE)

        async def closed_before_the_head() -> None:
            transport = make_async()
            task = asyncio.create_task(fetch_async(transport, call(server.url)))
            assert await asyncio.to_thread(asked.wait, PATIENCE)
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

    def test_another_thread_can_end_the_waiting(self, mode: Mode, make: Make, server: LoopbackServer) -> None:
        """`interrupt` ends the read on which a thread waits, with an error of ours."""
        if mode != "blocking":
            pytest.skip("tasks are cancelled")
        server.play(head(length=10) + b"12345", LEAVE)
        transport = make()
        failures: list[BaseException] = []
        reader = threading.Thread(target=_note_failure, args=(failures, transport, server.url))
        reader.start()
        while reader.is_alive():
            transport.interrupt(reader.ident or 0)
            reader.join(0.01)

        assert [type(failure) for failure in failures] == [ConnectionFailedError]

    def test_interrupting_who_does_not_wait_is_no_error(self, transport: Transport, server: LoopbackServer) -> None:
        """A thread that waits for nothing is left alone, and so is its next call."""
        server.play(reply())

        transport.interrupt(threading.get_ident())

        assert fetch(transport, call(server.url)).head.ok

    def test_cancelling_a_task_closes_the_connection(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """A task that is cancelled while it waits for the head leaves no connection behind."""
        asked = threading.Event()
        server.play(signal(asked), LEAVE)

        async def cancelled() -> None:
            transport = make_async()
            task = asyncio.create_task(fetch_async(transport, call(server.url)))
            await asyncio.to_thread(asked.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.left.wait, PATIENCE)
            await transport.close()

        asyncio.run(cancelled())

    def test_cancelling_at_any_step_leaves_nothing(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """Wherever a call is cancelled, its place is free, its connection closed, and the next call undisturbed."""
        check_cancelling(make_async, server)

    def test_cancelling_at_any_step_of_tls_leaves_nothing(
        self, make_async: MakeAsync, tls_server: LoopbackServer, authority_file: Path
    ) -> None:
        """Also within the handshake."""
        check_cancelling(make_async, tls_server, ca_file=authority_file)

    def test_cancelling_who_waits_for_a_place(self, make_async: MakeAsync, server: LoopbackServer) -> None:
        """A call that is cancelled before it has a place takes none."""
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
            assert (await fetch_async(transport, call(server.url), whole=PATIENCE)).head.ok
            await transport.close()

        asyncio.run(cancelled())

    def test_dropping_it_unclosed_is_silent(
        self, make_async: MakeAsync, server: LoopbackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A program that ends without closing prints nothing."""
        server.answer = lambda received: reply(200, received.body, **KEPT)

        async def dropped() -> None:
            await fetch_async(make_async(), call(server.url, body=b"x"))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # as it is by default
            asyncio.run(dropped())
            gc.collect()

        assert caplog.text == ""


def check_cancelling(make: MakeAsync, server: LoopbackServer, body: Body = b"cancelled", **settings: object) -> None:
    """
    Cancel calls to a server that send a body, one at its first step, one at its second, and so on.

    Raises:
        AssertionError: A call that was cancelled holds a place or a connection, or has disturbed the next one.
    """
    server.answer = lambda received: reply(200, received.body, **KEPT)

    async def ended(step: int) -> bool:
        transport = make(max_connections=1, **settings)
        asked = call(server.url, body=body)
        task = asyncio.create_task(_CancelledAt(step, fetch_async(transport, asked)).run())
        await asyncio.wait([task])
        assert (await fetch_async(transport, call(server.url, body=b"next"), whole=PATIENCE)).body == b"next"
        assert await asyncio.to_thread(server.has_open, 1)
        await transport.close()
        return not task.cancelled()

    for step in range(_MOST_STEPS):
        last = asyncio.run(ended(step))
        assert server.has_open(0)
        if last:
            assert step > 1
            return
    raise AssertionError(f"there are more than {_MOST_STEPS} steps")


class _CancelledAt:
    """Awaits something, and cancels its task while that waits for the so-manieth time."""

    def __init__(self, step: int, inner: Coroutine[Any, Any, T]) -> None:
        self._left = step
        self._inner = inner

    async def run(self) -> object:
        return await self

    def __await__(self) -> Generator[Any, Any, object]:
        waits = self._inner.__await__()
        task = asyncio.current_task()
        assert task is not None
        try:
            waited = next(waits)
            while True:
                if self._left == 0:
                    asyncio.get_running_loop().call_soon(task.cancel)
                self._left -= 1
                try:
                    sent = yield waited
                except BaseException as error:  # noqa: BLE001 - it belongs to what is awaited
                    waited = waits.throw(error)
                else:
                    waited = waits.send(sent)
        except StopIteration as stop:
            return stop.value


def _note_failure(failures: list[BaseException], transport: Transport, url: str) -> None:
    try:
        fetch(transport, call(url))
    except BudwoodError as error:
        failures.append(error)
