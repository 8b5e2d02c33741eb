"""Leaving a stream and cancelling a task end the flow where it stands, and close its connections."""

from __future__ import annotations

import asyncio
import threading

import pytest

from budwood import AsyncClient, Client
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.effects import Invoke
from budwood_testing import chat_chunks, sse
from tests.core.engine.drivers.awaiting import gathering
from tests.servers import CHUNKED, LEAVE, chunk, head, signal


def test_break_closes_a_stream_of_the_client(client, async_client, scripted):
    """
    Leaving a stream's block in the middle closes the reply, in both clients.
    """
    for _ in range(2):
        scripted.reply(200, chunks=sse(*chat_chunks(["a", "b", "c"])))

    with client.stream("hi") as stream:
        for _ in stream.text_deltas():
            break
    assert scripted.abandoned == 1

    async def leave() -> None:
        async with async_client.stream("hi") as stream:
            async for _ in stream:
                break

    asyncio.run(leave())
    assert scripted.abandoned == 2


def test_break_closes_the_connection(loopback_server):
    """
    The server sees the end of the connection when the block is left, while it still writes.
    """
    first = b"".join(sse(*chat_chunks(["a"], finish_reason=None), done=False))
    for _ in range(2):
        loopback_server.play(head(**CHUNKED) + chunk(first), LEAVE)

    with Client("openai/m", base_url=loopback_server.url, api_key="k") as client:
        with client.stream("hi") as stream:
            for _ in stream:
                break
        assert loopback_server.left.wait(60)

    loopback_server.left.clear()

    async def leave() -> None:
        async with AsyncClient("openai/m", base_url=loopback_server.url, api_key="k") as client:
            async with client.stream("hi") as stream:
                async for _ in stream:
                    break
            assert await asyncio.to_thread(loopback_server.left.wait, 60)

    asyncio.run(leave())


@pytest.mark.parametrize("streamed", [False, True])
def test_cancelling_a_task_closes_the_connection(loopback_server, streamed):
    """
    A task cancelled while it waits for more of the reply ends the connection before it is done.
    """
    first = b"".join(sse(*chat_chunks(["a"], finish_reason=None), done=False))
    written = threading.Event()
    loopback_server.play(head(**CHUNKED) + chunk(first), signal(written), LEAVE)

    async def ask(client: AsyncClient) -> None:
        if not streamed:
            await client.ask("hi")
        async with client.stream("hi") as stream:
            async for _ in stream:
                pass

    async def run() -> None:
        async with AsyncClient("openai/m", base_url=loopback_server.url, api_key="k") as client:
            task = asyncio.create_task(ask(client))
            await asyncio.to_thread(written.wait, 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(loopback_server.left.wait, 60)

    asyncio.run(run())


def test_cancelling_performs_all_of_finally(clock, scripted):
    """
    The effects of a `finally` run to their end although the task was cancelled.
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


def test_cancelling_again_does_not_stop_what_cleans_up(clock, scripted):
    """
    A second cancellation ends the waiting, while the `finally` effect that was under way goes on to its end.
    """
    begun, cleaned = asyncio.Event(), asyncio.Event()

    async def clean() -> None:
        begun.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cleaned.set()

    def flow():
        try:
            yield Invoke(asyncio.Event().wait, awaitable=True)
        finally:
            yield Invoke(clean, awaitable=True)

    async def run() -> None:
        task = asyncio.create_task(AsyncDriver(lambda: scripted.asynchronous, clock).run(flow()))
        await asyncio.sleep(0)
        task.cancel()
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(20):
            await cleaned.wait()

    asyncio.run(run())


def test_cancelling_many_ends_them_all(scripted, clock):
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
        task = asyncio.create_task(driver.run(gathering(flow(number) for number in range(5))))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert sorted(cleaned) == [0, 1, 2, 3, 4]
