"""Both drivers pass on events, and end a flow when its reader leaves."""

from __future__ import annotations

import asyncio

import pytest

from budwood import AsyncClient, Client
from budwood.engine.drivers.effects import Abandoned, Close, Emit, Invoke, Open, Read, Sleep
from budwood.errors import ProviderError
from budwood.types import TextDelta
from budwood_testing import chat_chunks, sse
from tests.core.engine.flows import CALL, TIMING
from tests.servers import CHUNKED, WAIT_FOR_CLOSE, chunk, head


def test_events_are_returned_in_order(driver):
    """
    A streamed flow returns its events one by one, in the order in which they were emitted, and its result at the end.
    """

    def flow():
        yield Emit([TextDelta("a"), TextDelta("b")])
        yield Emit([])
        yield Emit([TextDelta("c")])
        return "result"

    events = driver.stream(flow())

    assert events.result is None
    assert [event.text for event in events] == ["a", "b", "c"]
    assert events.result == "result"
    assert list(events) == []


def test_events_of_a_flow_that_is_run_are_ignored(driver):
    """
    Running a flow to its end needs no reader of its events.
    """

    def flow():
        yield Emit([TextDelta("a")])
        return "result"

    assert driver.run(flow()) == "result"


def test_failed_stream_has_no_more_events(driver):
    """
    The error is raised once, after the events before it; then the stream has ended.
    """

    def flow():
        yield Emit([TextDelta("a")])
        raise ProviderError("broke")

    events = driver.stream(flow())

    assert next(events).text == "a"
    with pytest.raises(ProviderError):
        next(events)
    assert list(events) == []
    events.close()


def test_closing_a_stream_performs_its_finally(driver, scripted):
    """
    Closing throws in `Abandoned` and performs the `finally` effects; a second close has no effect.
    """
    scripted.reply(200, chunks=[b"a", b"b"])
    seen = []

    def flow():
        exchange = yield Open(CALL, TIMING)
        try:
            yield Read(exchange)
            yield Emit([TextDelta("a"), TextDelta("b")])
        except BaseException as error:
            seen.append(type(error))
            raise
        finally:
            yield Close(exchange)
            seen.append((yield Invoke(lambda: "cleaned")))

    events = driver.stream(flow())
    next(events)
    events.close()
    events.close()

    assert seen == [Abandoned, "cleaned"]
    assert scripted.abandoned == 1
    assert list(events) == []


def test_closing_before_the_first_event_sends_nothing(driver, scripted):
    """
    A stream that was not read was never started.
    """

    def flow():
        yield Open(CALL, TIMING)

    driver.stream(flow()).close()

    assert scripted.calls == []


def test_abandonment_is_not_retried(driver):
    """
    A flow that retries after every exception still ends when its caller leaves.
    """

    def flow():
        while True:
            try:
                yield Emit([TextDelta("a")])
            except Exception:  # noqa: BLE001 - the policy under test catches every exception
                yield Sleep(1)

    events = driver.stream(flow())
    next(events)
    events.close()

    assert list(events) == []


def test_error_of_the_cleanup_is_raised(driver):
    """
    An error in a `finally` effect is not hidden.
    """

    def flow():
        try:
            yield Emit([TextDelta("a")])
        finally:
            yield Invoke(lambda: 1 // 0)

    events = driver.stream(flow())
    next(events)

    with pytest.raises(ZeroDivisionError):
        events.close()


def test_break_closes_a_stream_of_the_client(client, async_client, scripted):
    """
    Leaving the block of a stream early closes the reply, in both clients.
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
    The server sees the end of the connection when the block is left, while it is still writing.
    """
    first = b"".join(sse(*chat_chunks(["a"], finish_reason=None), done=False))
    for _ in range(2):
        loopback_server.play(head(**CHUNKED) + chunk(first), WAIT_FOR_CLOSE)

    with Client("openai/m", base_url=loopback_server.url, api_key="k") as client:
        with client.stream("hi") as stream:
            for _ in stream:
                break
        assert loopback_server.closed_by_client.wait(60)

    loopback_server.closed_by_client.clear()

    async def leave() -> None:
        async with AsyncClient("openai/m", base_url=loopback_server.url, api_key="k") as client:
            async with client.stream("hi") as stream:
                async for _ in stream:
                    break
            assert await asyncio.to_thread(loopback_server.closed_by_client.wait, 60)

    asyncio.run(leave())
