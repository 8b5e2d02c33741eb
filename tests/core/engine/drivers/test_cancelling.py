"""Control-C and cancelled tasks end a call immediately, and release its connections."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood import AsyncClient
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.blocking import BlockingDriver
from budwood.engine.drivers.effects import Close, Invoke, Open
from budwood_testing import chat_chunks, sse
from tests.core.engine.flows import CALL, TIMING, run_all
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, chunk, head, signal


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interrupt_is_raised_through_the_flow(scripted, clock, kind):
    """
    Control-C while a call waits closes the connection and is raised unchanged.
    """
    scripted.reply(200, chunks=[b"a", b"b"])
    driver = BlockingDriver(lambda: scripted, clock)

    def interrupt() -> None:
        raise kind

    def flow():
        exchange = yield Open(CALL, TIMING)
        try:
            yield Invoke(interrupt)
        finally:
            yield Close(exchange)

    with pytest.raises(kind):
        driver.run(flow())

    assert scripted.abandoned == 1


def test_keyboard_interrupt_is_not_retried(client, scripted):
    """
    Control-C during a call of the client is raised immediately, after one request.
    """
    scripted.fail(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        client.ask("hi")

    assert len(scripted.calls) == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_cancelling_a_task_closes_the_connection(loopback_server, streamed):
    """
    A task that is cancelled while it reads a reply closes the connection before it ends.
    """
    first = b"".join(sse(*chat_chunks(["a"], finish_reason=None), done=False))
    chunk_sent = threading.Event()
    loopback_server.play(head(**CHUNKED) + chunk(first), signal(chunk_sent), WAIT_FOR_CLOSE)

    async def ask(client: AsyncClient) -> None:
        if not streamed:
            await client.ask("hi")
        async with client.stream("hi") as stream:
            async for _ in stream:
                pass

    async def run() -> None:
        async with AsyncClient("openai/m", base_url=loopback_server.url, api_key="k") as client:
            task = asyncio.create_task(ask(client))
            await asyncio.to_thread(chunk_sent.wait, 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(loopback_server.closed_by_client.wait, 60)

    asyncio.run(run())


def test_cancelling_performs_all_of_finally(clock, scripted):
    """
    The effects of a `finally` are performed although the task was cancelled.
    """
    done = []

    async def pause() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.append("slow")

    def flow():
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(pause, awaitable=True)
            yield Invoke(lambda: done.append("last"))

    async def run() -> None:
        task = asyncio.create_task(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert done == ["slow", "last"]


def test_second_cancellation_does_not_stop_the_cleanup(clock, scripted):
    """
    It ends the wait, while the `finally` effect in progress is performed to its end.
    """
    cleanup_started, cleaned = asyncio.Event(), asyncio.Event()

    async def clean_up() -> None:
        cleanup_started.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cleaned.set()

    def flow():
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(clean_up, awaitable=True)

    async def run() -> None:
        task = asyncio.create_task(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))
        await asyncio.sleep(0)
        task.cancel()
        await cleanup_started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(20):
            await cleaned.wait()

    asyncio.run(run())


def test_cancelling_all_ends_its_flows(scripted, clock):
    """
    A cancelled `All` cancels its flows and waits for their `finally` effects.
    """
    cleaned = []

    def flow(number: int):
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(lambda: cleaned.append(number), inline=True)

    async def run() -> None:
        driver = AsyncDriver(lambda: scripted.asynchronous, clock)
        task = asyncio.create_task(driver.run(run_all(flow(number) for number in range(5))))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert sorted(cleaned) == [0, 1, 2, 3, 4]
