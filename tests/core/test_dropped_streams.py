"""Streams that are garbage-collected before their end, without a `with` block."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest

from budwood import AsyncClient, Client
from budwood.types import TextDelta
from budwood_testing import chat_chunks, sse
from tests.servers import EVENT_STREAM, MAX_WAIT, WAIT_FOR_CLOSE, head

FIRST_EVENTS = b"".join(sse(*chat_chunks(["Hel", "lo"])[:2], done=False))


@pytest.fixture
def settings(loopback_server):
    """
    Return settings in which ``local/tiny`` starts a reply and records whether the client disconnected.
    """
    loopback_server.play(head(**EVENT_STREAM), FIRST_EVENTS, WAIT_FOR_CLOSE)
    return {"providers": {"local": {"plugin": "openai-compatible", "base_url": loopback_server.url, "api_key": "k"}}}


@pytest.fixture
def unraisable(monkeypatch):
    """
    Collect what would be printed as "Exception ignored".
    """
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    return seen


def test_a_dropped_stream_closes_its_connection(settings, loopback_server, unraisable):
    """
    A stream without other references is closed after a `break`, without a warning.
    """
    with Client("local/tiny", settings=settings) as client:
        for text in client.stream("Hi").text_deltas():
            assert text == "Hel"
            break
        gc.collect()

        assert loopback_server.closed_by_client.wait(MAX_WAIT)
    assert unraisable == []


def test_dropped_streams_in_cycles_are_closed(settings, loopback_server, unraisable):
    """
    The garbage collector may free the objects of a stream in any order.
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
    A dropped async stream causes a ResourceWarning, and the event loop closes its connection.
    """

    async def start_stream() -> None:
        async with AsyncClient("local/tiny", settings=settings) as client:
            events = client.stream("Hi").__aiter__()
            await anext(events)
            del events
            gc.collect()
            assert await asyncio.to_thread(loopback_server.closed_by_client.wait, MAX_WAIT)

    with pytest.warns(ResourceWarning, match="async with"):
        asyncio.run(start_stream())

    assert unraisable == []


def test_closed_and_complete_streams_cause_no_warning(async_client, scripted, unraisable):
    """
    Only dropped streams cause a warning.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hel", "lo"]))).reply(chunks=sse(*chat_chunks(["Hel", "lo"])))

    async def use() -> None:
        async for _ in async_client.stream("Hi"):
            pass
        async with async_client.stream("Hi") as stream:
            await anext(aiter(stream))
        async_client.stream("Not started.")

    asyncio.run(use())
    gc.collect()

    assert unraisable == []


@pytest.mark.parametrize("kind", ["blocking", "async"])
def test_programs_may_end_during_a_stream(settings, kind):
    """
    Nothing is printed if a program ends while a stream is open.
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
    async def start():
        async for text in AsyncClient("local/tiny", settings=settings).stream("Hi").text_deltas():
            break
    asyncio.run(start())

{"blocking" if kind == "blocking" else "other"}()
"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


def test_an_async_generator_may_be_left_to_the_end_of_the_loop(settings):
    """
    Nothing is printed if the loop that ends closes an async generator which reads a stream.
    """
    program = f"""
import asyncio
from budwood import AsyncClient

async def read():
    async with AsyncClient("local/tiny", settings={settings!r}).stream("Hi") as stream:
        async for text in stream.text_deltas():
            yield text

async def start():
    await anext(read())

asyncio.run(start())
"""

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("method", ["__anext__", "close"])
def test_a_coroutine_may_be_closed_while_it_waits(settings, loopback_server, method, unraisable):
    """
    Python closes the coroutines of a loop that has stopped: the stream ends, and this is no fault of the transport.
    """

    async def start_stream() -> None:
        async with AsyncClient("local/tiny", settings=settings) as client:
            events = aiter(client.stream("Hi"))
            while await anext(events) != TextDelta("lo"):  # the last that the server sends
                pass
            waiting = getattr(events, method)()
            waiting.send(None)
            waiting.close()
            assert [event async for event in events] == []

    asyncio.run(start_stream())

    assert loopback_server.closed_by_client.wait(MAX_WAIT)
    assert unraisable == []
