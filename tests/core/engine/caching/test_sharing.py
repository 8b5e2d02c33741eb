"""
Equal calls that are under way share one request.

The server is real. It holds its replies until the test opens them, so that calls are certainly under way.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood import AsyncClient, Client, RateLimitError, RequestTimeoutError, TextDelta
from budwood_testing import ManualClock
from tests.held_server import HeldServer, wait_for_members

THREADS = 50
TASKS = 1000


@pytest.fixture
def server():
    """
    A server that holds its replies.
    """
    with HeldServer() as server:
        yield server


@pytest.fixture
def clock():
    """
    A clock that the test advances. The transport uses the time of the system, so it begins there.
    """
    return ManualClock(time.monotonic())


@pytest.fixture
def client(server):
    """
    A client with a memory cache.
    """
    with Client("local/tiny", cache="memory", settings=server.settings, retries=0) as client:
        yield client


def run_async(server, work):
    """
    Run a coroutine function with a client.
    """

    async def run():
        async with AsyncClient("local/tiny", cache="memory", settings=server.settings, retries=0) as client:
            return await work(client)

    return asyncio.run(run())


def read_texts(stream) -> list[str]:
    """
    Return the texts of a stream.
    """
    return [event.text for event in stream if isinstance(event, TextDelta)]


def test_threads_with_equal_calls_send_one_request(server, client):
    """
    One of them is charged; for the others the reply is cached.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(client.ask, "Hello") for _ in range(THREADS)]
        wait_for_members(client, THREADS)
        server.opened.set()
        replies = [future.result() for future in futures]

    assert len(server.requests) == 1
    assert {reply.text for reply in replies} == {"Reply 1"}
    assert sorted(reply.cached for reply in replies) == [False] + [True] * (THREADS - 1)
    assert all(len(reply.attempts) == 1 for reply in replies)


def test_tasks_with_equal_calls_send_one_request(server):
    """
    The same for tasks of an event loop.
    """

    async def work(client):
        tasks = [asyncio.create_task(client.ask("Hello")) for _ in range(TASKS)]
        await asyncio.to_thread(wait_for_members, client, TASKS)
        server.opened.set()
        replies = await asyncio.gather(*tasks)

        assert len(server.requests) == 1
        assert sum(not reply.cached for reply in replies) == 1

    run_async(server, work)


def test_equal_prompts_of_one_list_share_a_request_at_temperature_0(server, client):
    """
    Without a temperature of 0 they are samples, each with a reply of its own.
    """
    server.opened.set()
    same = client.ask_many(["Hello"] * 5, temperature=0).in_order()
    count = len(server.requests)
    samples = client.ask_many(["Hello"] * 5).in_order()

    assert (count, len(server.requests)) == (1, 6)
    assert len({reply.text for reply in same}) == 1
    assert len({reply.text for reply in samples}) == 5


def test_streams_share_a_request(server, client):
    """
    A stream that joins later gets all events, from the first.
    """
    with client.stream("Hello") as first:
        assert next(iter(first)) is not None
        server.arrived.acquire()
        with ThreadPoolExecutor(1) as pool, client.stream("Hello") as second:
            future = pool.submit(read_texts, second)
            wait_for_members(client, 2)
            server.opened.set()
            texts = future.result()
        rest = read_texts(first)

    assert len(server.requests) == 1
    assert texts == ["Rep", "ly"]
    assert rest[-1] == "ly"
    assert (first.response.cached, second.response.cached) == (False, True)
    assert first.response.message == second.response.message


def test_a_plain_call_follows_a_stream(server, client):
    """
    It returns the reply of the stream.
    """
    with client.stream("Hello") as first, ThreadPoolExecutor(1) as pool:
        next(iter(first))
        future = pool.submit(client.ask, "Hello")
        wait_for_members(client, 2)
        server.opened.set()
        list(first)

        assert (future.result().text, len(server.requests)) == ("Reply", 1)


def test_a_call_that_refreshes_the_cache_sends_its_own_request(server, client):
    """
    The request under way may be older than what the caller wants. Others may follow the new one.
    """
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(client.ask, "Hello")
        server.arrived.acquire()
        second = pool.submit(client.ask, "Hello", cache="refresh")
        server.arrived.acquire()
        third = pool.submit(client.ask, "Hello")
        wait_for_members(client, 3)
        server.opened.set()

    assert [call.result().cached for call in (first, second, third)] == [False, False, True]
    assert len(server.requests) == 2


def test_a_stream_follows_a_plain_call(server, client):
    """
    It gets the reply at once, when it is complete.
    """
    with ThreadPoolExecutor(2) as pool:
        reply = pool.submit(client.ask, "Hello")
        wait_for_members(client, 1)
        stream = client.stream("Hello")
        texts = pool.submit(read_texts, stream)
        wait_for_members(client, 2)
        server.opened.set()

        assert texts.result() == [reply.result().text]
    assert stream.response.text == reply.result().text
    assert (stream.response.cached, len(server.requests)) == (True, 1)


def test_a_slow_reader_does_not_delay_others(server, client):
    """
    The request is read although the caller that started it reads nothing.
    """
    with client.stream("Hello") as slow:
        next(iter(slow))
        server.opened.set()

        assert client.ask("Hello").text == "Reply"
        assert len(server.requests) == 1


def test_another_call_takes_over_when_the_first_is_cancelled(server):
    """
    The request goes on, and the next call is charged for it.
    """

    async def work(client):
        first, *others = [asyncio.create_task(client.ask("Hello")) for _ in range(3)]
        await asyncio.to_thread(wait_for_members, client, 3)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        server.opened.set()
        replies = await asyncio.gather(*others)

        assert len(server.requests) == 1
        assert [reply.cached for reply in replies] == [False, True]

    run_async(server, work)


def test_another_stream_takes_over_when_the_first_is_closed(server, client):
    """
    The same for streams.
    """
    first = client.stream("Hello")
    next(iter(first))
    with ThreadPoolExecutor(1) as pool, client.stream("Hello") as second:
        future = pool.submit(read_texts, second)
        wait_for_members(client, 2)
        first.close()
        server.opened.set()

        assert future.result() == ["Rep", "ly"]
    assert len(server.requests) == 1
    assert not second.response.cached


def test_the_request_ends_when_the_last_call_is_cancelled(server):
    """
    The server notices that the connection is closed.
    """

    async def work(client):
        async def read():
            async with client.stream("Hello") as stream:
                async for _ in stream:
                    pass

        tasks = [asyncio.create_task(read()) for _ in range(3)]
        await asyncio.to_thread(wait_for_members, client, 3)
        await asyncio.to_thread(server.arrived.acquire)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert all(isinstance(result, asyncio.CancelledError) for result in results)
        await asyncio.to_thread(server.lost.acquire)
        assert client._engine.cache.flights._flights == {}

    run_async(server, work)


def test_the_request_ends_when_the_last_stream_is_closed(server, client):
    """
    The same for blocking streams.
    """
    with client.stream("Hello") as stream:
        next(iter(stream))

    server.lost.acquire()
    assert client._engine.cache.flights._flights == {}


@pytest.fixture
def timed(server, clock):
    """
    A client with a memory cache whose calls wait on a clock that the test advances.
    """
    with Client("local/tiny", cache="memory", settings=server.settings, retries=0, clock=clock) as client:
        yield client


def test_each_call_has_its_own_deadline(server, timed, clock):
    """
    The deadline of the call that sends the request does not bind the others.
    """
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(timed.ask, "Hello", timeout=10)
        server.arrived.acquire()
        second = pool.submit(timed.ask, "Hello", timeout=30)
        wait_for_members(timed, 2)
        clock.advance(10)
        with pytest.raises(RequestTimeoutError) as caught:
            first.result()
        server.opened.set()

        assert not second.result().cached
    assert caught.value.phase == "deadline"
    assert len(server.requests) == 1


def test_a_single_call_times_out_as_without_a_cache(server, timed, clock):
    """
    The error has the attempt.
    """
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(timed.ask, "Hello", timeout=10)
        server.arrived.acquire()
        clock.advance(10)
        with pytest.raises(RequestTimeoutError) as caught:
            asked.result()

    assert caught.value.phase == "deadline"
    assert [attempt.error for attempt in caught.value.attempts] == ["RequestTimeoutError"]


def test_errors_are_shared():
    """
    Each call gets an error of its own, and only one has the attempt.
    """
    with (
        HeldServer(429) as server,
        Client("local/tiny", cache="memory", settings=server.settings, retries=0) as client,
        ThreadPoolExecutor(3) as pool,
    ):
        futures = [pool.submit(client.ask, "Hello") for _ in range(3)]
        wait_for_members(client, 3)
        server.opened.set()
        errors = [future.exception() for future in futures]

    assert all(isinstance(error, RateLimitError) for error in errors)
    assert len(server.requests) == 1
    assert len({id(error) for error in errors}) == 3
    assert sorted(attempt.cached for error in errors for attempt in error.attempts) == [False, True, True]


def test_without_a_cache_nothing_is_shared(server):
    """
    Equal calls are separate requests.
    """
    with Client("local/tiny", settings=server.settings) as client, ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(client.ask, "Hello") for _ in range(3)]
        for _ in range(3):
            server.arrived.acquire()
        server.opened.set()
        [future.result() for future in futures]

    assert len(server.requests) == 3


def test_closing_the_client_ends_what_is_under_way(server):
    """
    Calls in other threads fail, and no thread is left.
    """
    before = set(threading.enumerate())  # earlier tests may have left threads that idle
    client = Client("local/tiny", cache="memory", settings=server.settings)
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(client.ask, "Hello") for _ in range(2)]
        wait_for_members(client, 2)
        server.arrived.acquire()
        client.close()

        assert all(future.exception() is not None for future in futures)
    assert not [thread for thread in threading.enumerate() if thread.name == "budwood-flow" and thread not in before]
