"""Streams that are garbage-collected before their end, without a `with` block."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from budwood import AsyncClient, Client
from budwood_testing import chat_chunks, sse
from tests.servers import EVENT_STREAM, MAX_WAIT, WAIT_FOR_CLOSE, head

BEGUN = b"".join(sse(*chat_chunks(["Hel", "lo"])[:2], done=False))


@pytest.fixture
def settings(loopback_server):
    """
    Settings by which ``local/tiny`` begins to answer, and goes on when the client has left.
    """
    loopback_server.play(head(**EVENT_STREAM), BEGUN, WAIT_FOR_CLOSE)
    return {"providers": {"local": {"plugin": "openai-compatible", "base_url": loopback_server.url, "api_key": "k"}}}


@pytest.fixture
def unraisable(monkeypatch):
    """
    What would have been printed as "Exception ignored".
    """
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


def test_a_dropped_stream_closes_its_connection(settings, loopback_server, unraisable):
    """
    Leaving a loop over a stream that nobody holds ends it, without a word.
    """
    with Client("local/tiny", settings=settings) as client:
        for text in client.stream("Hi").text_deltas():
            assert text == "Hel"
            break
        gc.collect()

        assert loopback_server.closed_by_client.wait(MAX_WAIT)
    assert unraisable == []


def test_a_dropped_stream_in_a_cycle_closes_too(settings, loopback_server, unraisable):
    """
    The collector of garbage may take a stream in any order.
    """
    with Client("local/tiny", settings=settings) as client:
        events = iter(client.stream("Hi"))
        next(events)
        cycle = [events]
        cycle.append(cycle)
        del events, cycle
        gc.collect()

        assert loopback_server.closed_by_client.wait(MAX_WAIT)
    assert unraisable == []


def test_a_dropped_async_stream_warns_and_closes_its_connection(settings, loopback_server, unraisable):
    """
    An async stream that is dropped is told of like an open file, and its connection is closed by the loop.
    """

    async def begin() -> None:
        async with AsyncClient("local/tiny", settings=settings) as client:
            events = client.stream("Hi").__aiter__()
            await anext(events)
            del events
            gc.collect()
            assert await asyncio.to_thread(loopback_server.closed_by_client.wait, MAX_WAIT)

    with pytest.warns(ResourceWarning, match="async with"):
        asyncio.run(begin())

    assert unraisable == []


def test_a_stream_that_was_closed_or_read_warns_of_nothing(async_client, scripted, unraisable):
    """
    Only what was dropped is told of.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hel", "lo"]))).reply(chunks=sse(*chat_chunks(["Hel", "lo"])))

    async def use() -> None:
        async for _ in async_client.stream("Hi"):
            pass
        async with async_client.stream("Hi") as stream:
            await anext(aiter(stream))
        async_client.stream("Never begun.")

    asyncio.run(use())
    gc.collect()

    assert unraisable == []


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_a_program_may_end_in_the_middle_of_a_stream(settings, kind):
    """
    Nothing is printed where a program ends with a stream half read.
    """
    program = f"""
import asyncio
from budwood import AsyncClient, Client
settings = {settings!r}

def blocking():
    global texts
    texts = Client("local/tiny", settings=settings).stream("Hi").text_deltas()
    next(texts)

def other():
    async def begin():
        async for text in AsyncClient("local/tiny", settings=settings).stream("Hi").text_deltas():
            break
    asyncio.run(begin())

{"blocking" if kind == "blocking" else "other"}()
"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
