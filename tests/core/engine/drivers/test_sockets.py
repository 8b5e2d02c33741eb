"""`First` over the default transport: the caller gets the winning exchange, and the sockets of losers are shut down."""

from __future__ import annotations

import asyncio
import signal as signals
import threading
import time

import pytest

from budwood.clock import SystemClock
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Close, Invoke, Open, Read, ReadAll, Save, Wait, close_exchange
from budwood.engine.drivers.latch import Latch
from budwood.errors import ConnectionFailedError
from budwood.transports.pooled import PooledTransport
from budwood.transports.pooled_async import AsyncPooledTransport
from budwood.types import HTTPCall, Timing
from tests.core.engine.flows import LONG, assert_no_threads_are_left, run_all, run_first
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, LoopbackServer, chunk, head, reply, signal


@pytest.fixture
def slow_server():
    """
    Return a second server.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture
def transport():
    """
    Return the default transport, with blocking I/O.
    """
    pool = PooledTransport()
    yield pool
    pool.close()


def open_exchange(server: LoopbackServer):
    """A flow that sends a call, and returns the open exchange."""
    call = HTTPCall(method="GET", url=server.url)
    timing = Timing(connect_timeout=LONG, idle_timeout=LONG, deadline=time.monotonic() + LONG)
    return (yield Open(call, timing))


def open_exchange_after(server: LoopbackServer, request_received: threading.Event):
    """A flow that sends a call after another server has received one."""
    yield Invoke(lambda: request_received.wait(60))
    return (yield from open_exchange(server))


def read_winner(*flows):
    """A flow that reads the exchange of the winner, in the thread or task of the caller."""
    exchange = yield from run_first(*flows, release=close_exchange)
    try:
        return (yield ReadAll(exchange, 100)), (yield Invoke(threading.get_ident, inline=True))
    finally:
        yield Close(exchange)


def test_caller_reads_the_exchange_that_a_thread_has_opened(transport, loopback_server, slow_server):
    """
    The reply of the winner is read where `First` was called; the server of the loser sees the end of its connection.
    """
    request_received = threading.Event()
    slow_server.play(signal(request_received), WAIT_FOR_CLOSE)
    loopback_server.play(reply(200, b"won"))

    driver = BlockingDriver(lambda: transport, SystemClock())
    flow = read_winner(open_exchange(slow_server), open_exchange_after(loopback_server, request_received))

    assert driver.run(flow) == (b"won", threading.get_ident())
    assert slow_server.closed_by_client.wait(60)
    assert_no_threads_are_left()
    assert loopback_server.has_open(0)


def test_task_reads_the_exchange_that_another_has_opened(loopback_server, slow_server):
    """
    The same applies on an event loop.
    """
    request_received = threading.Event()
    slow_server.play(signal(request_received), WAIT_FOR_CLOSE)
    loopback_server.play(reply(200, b"won"))

    async def run():
        transport = AsyncPooledTransport()
        driver = AsyncDriver(lambda: transport, SystemClock())
        result = await driver.run(
            read_winner(open_exchange(slow_server), open_exchange_after(loopback_server, request_received))
        )
        assert await asyncio.to_thread(slow_server.closed_by_client.wait, 60)
        await driver.close()
        await transport.close()
        return result

    assert asyncio.run(run()) == (b"won", threading.get_ident())
    assert loopback_server.has_open(0)


def test_exchange_of_the_winner_can_be_interrupted(transport, loopback_server, slow_server, start):
    """
    An interrupt ends the thread that reads the reply, not the thread that opened the exchange.
    """
    request_received, reading = threading.Event(), threading.Event()
    readers = []
    slow_server.play(signal(request_received), WAIT_FOR_CLOSE)
    loopback_server.play(head(**CHUNKED) + chunk(b"one"), WAIT_FOR_CLOSE)
    driver = BlockingDriver(lambda: transport, SystemClock())

    def flow():
        exchange = yield from run_first(
            open_exchange(slow_server), open_exchange_after(loopback_server, request_received), release=close_exchange
        )
        try:
            first = yield Read(exchange)
            readers.append(threading.get_ident())
            reading.set()
            yield Read(exchange)
        except ConnectionFailedError:
            return first
        finally:
            yield Close(exchange)

    result = start(driver.run, flow())
    assert reading.wait(60)
    while not result.done():
        driver.interrupt(readers[0])

    assert result.result() == b"one"
    assert loopback_server.closed_by_client.wait(60)


def test_exchange_of_a_second_winner_is_closed(transport, loopback_server):
    """
    If two servers reply at the same time, one connection is read and the other is closed.
    """
    loopback_server.play(head(**CHUNKED) + chunk(b"one"), WAIT_FOR_CLOSE, times=2)
    meeting = threading.Barrier(2)
    driver = BlockingDriver(lambda: transport, SystemClock())

    def open_and_meet():
        exchange = yield from open_exchange(loopback_server)
        yield Invoke(meeting.wait)
        return exchange

    def flow():
        exchange = yield from run_first(open_and_meet(), open_and_meet(), release=close_exchange)
        try:
            yield Invoke(lambda: loopback_server.closed_by_client.wait(60))
            return (yield Read(exchange)), loopback_server.has_open(1)
        finally:
            yield Close(exchange)

    assert driver.run(flow()) == (b"one", True)
    driver.close()
    assert loopback_server.has_open(0)


@pytest.mark.skipif(not hasattr(signals, "pthread_kill"), reason="this system cannot send a signal to a thread")
@pytest.mark.parametrize("group", [run_all, run_first])
def test_control_c_ends_a_pending_group(transport, loopback_server, group):
    """
    Control-C while `All` or `First` is pending is raised immediately, and the connections of all flows are closed.
    """
    request_received = [threading.Event(), threading.Event()]
    main = threading.main_thread().ident
    for event in request_received:
        loopback_server.play(signal(event), WAIT_FOR_CLOSE)
    driver = BlockingDriver(lambda: transport, SystemClock())

    def interrupt_caller():
        for event in request_received:
            yield Invoke(lambda event=event: event.wait(60))
        signals.pthread_kill(main, signals.SIGINT)
        yield Wait(Latch(), time.monotonic() + LONG)

    flows = [open_exchange(loopback_server), open_exchange(loopback_server), interrupt_caller()]
    with pytest.raises(KeyboardInterrupt):
        driver.run(group(*flows) if group is run_first else group(flows))
    assert loopback_server.has_open(0)
    driver.close()
    assert_no_threads_are_left()


def test_cancelling_a_pending_first_closes_its_connections(loopback_server):
    """
    A task that is cancelled while it waits for `First` leaves no connection and no task behind.
    """
    request_received = [threading.Event(), threading.Event()]
    for event in request_received:
        loopback_server.play(signal(event), WAIT_FOR_CLOSE)

    async def run():
        transport = AsyncPooledTransport()
        driver = AsyncDriver(lambda: transport, SystemClock())
        task = asyncio.create_task(
            driver.run(run_first(open_exchange(loopback_server), open_exchange(loopback_server)))
        )
        for event in request_received:
            assert await asyncio.to_thread(event.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert await asyncio.to_thread(loopback_server.has_open, 0)
        await transport.close()

    asyncio.run(run())


def test_exchange_is_closed_if_the_caller_is_cancelled(loopback_server):
    """
    That holds if the caller is cancelled at the moment in which a flow wins.
    """
    loopback_server.play(head(**CHUNKED) + chunk(b"one"), WAIT_FOR_CLOSE)

    async def run():
        transport = AsyncPooledTransport()
        driver = AsyncDriver(lambda: transport, SystemClock())

        def win():
            exchange = yield from open_exchange(loopback_server)
            task.cancel()
            return exchange

        def wait_for_reply():
            yield Wait(Latch(), time.monotonic() + LONG)

        task = asyncio.create_task(driver.run(run_first(win(), wait_for_reply(), release=close_exchange)))
        with pytest.raises(asyncio.CancelledError):
            await task
        await driver.close()
        assert await asyncio.to_thread(loopback_server.closed_by_client.wait, 60)
        await transport.close()

    asyncio.run(run())


class SignallingExchange:
    """An exchange that sets an event after a read."""

    def __init__(self, exchange, event):
        self.head, self._exchange, self._event = exchange.head, exchange, event

    def read(self):
        data = self._exchange.read()
        self._event.set()
        return data


def test_failing_flow_ends_a_download(transport, loopback_server, tmp_path):
    """
    A download that has stalled ends immediately, and its file is not written.
    """
    download_started = threading.Event()
    loopback_server.play(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun", WAIT_FOR_CLOSE)

    def save():
        exchange = yield from open_exchange(loopback_server)
        try:
            yield Save(SignallingExchange(exchange, download_started), tmp_path / "reply", None)
        finally:
            yield Close(exchange)

    def fail():
        yield Invoke(lambda: download_started.wait(60))
        raise ConnectionFailedError("failed")

    with pytest.raises(ConnectionFailedError, match="failed"):
        BlockingDriver(lambda: transport, SystemClock()).run(run_all([save(), fail()]))

    assert loopback_server.closed_by_client.wait(10)
    assert_no_threads_are_left()
    assert not (tmp_path / "reply").exists()
