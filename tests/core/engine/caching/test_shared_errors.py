"""
Errors of a request that several calls share reach those that would fail in the same way.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from budwood import AsyncClient, Client, RateLimitError, RequestTimeoutError, ServerError, StreamInterruptedError
from budwood.engine.caching.shared_errors import copy_error
from tests.chat_server import NOW, ChatServer, failure
from tests.held_server import wait_for_members


class FirstFails(ChatServer):
    """
    A server that holds its first reply until `opened` is set, and then fails once.
    """

    def __init__(self, fail):
        super().__init__(fault=lambda number, _body: self.hold if number == 1 else None)
        self.opened = threading.Event()
        self._fail = fail

    def hold(self, handler):
        self.opened.wait(30)
        self._fail(handler)


def interrupt_stream(handler):
    """
    Send the beginning of a stream.
    """
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.end_headers()
    chunk = {"id": "c", "model": "tiny", "choices": [{"index": 0, "delta": {"content": "Rep"}}]}
    handler.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    handler.close_connection = True


def connect(server):
    """
    Create a client with a memory cache.
    """
    return Client("local/tiny", cache="memory", settings=server.settings)


def share(server, first, others):
    """
    Return the outcomes of calls with the options ``first`` and ``others``, which share a request.
    """
    with connect(server) as client, ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(client.ask, "Hello", **first)]
        wait_for_members(client, 1)
        futures += [pool.submit(client.ask, "Hello", **others) for _ in range(3)]
        wait_for_members(client, 4)
        server.opened.set()
        return [future.exception() or future.result() for future in futures]


SLOW = failure(429, **{"retry-after-ms": "200000"})


@pytest.mark.parametrize(
    ("fail", "first", "others", "kind"),
    [
        (failure(500, **NOW), {"retries": 0}, {"retries": 1}, ServerError),
        (SLOW, {"max_retry_after": 1}, {"max_retry_after": 5}, RateLimitError),
    ],
)
def test_calls_that_retry_more_often_or_wait_longer_send_another_request(fail, first, others, kind):
    """
    They share it, and only the others get the error.
    """
    with FirstFails(fail) as server:
        error, *replies = share(server, first, others)

    assert type(error) is kind
    assert {reply.text for reply in replies} == {replies[0].text}
    assert sorted(reply.cached for reply in replies) == [False, True, True]
    assert len(server.requests) == 2


def test_a_call_with_a_longer_timeout_sends_another_request():
    """
    The reply may come within it.
    """
    with FirstFails(failure(500)) as server:
        with connect(server) as client, ThreadPoolExecutor(2) as pool:
            first = pool.submit(client.ask, "Hello", retries=0, attempt_timeout=2)
            wait_for_members(client, 1)
            other = pool.submit(client.ask, "Hello", retries=0)

            assert isinstance(first.exception(), RequestTimeoutError)
            assert not other.result().cached
        server.opened.set()
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fail", "others"),
    [
        (failure(500, **NOW), {"retries": 0}),
        (failure(500, **NOW), {"retries": 0, "idle_timeout": 1}),
        (failure(400), {"retries": 9}),
    ],
)
def test_calls_that_would_fail_in_the_same_way_get_the_error(fail, others):
    """
    Their limits are not larger, or the error is not transient.
    """
    with FirstFails(fail) as server:
        errors = share(server, {"retries": 0}, others)

    assert len({type(error) for error in errors}) == 1
    assert len(server.requests) == 1


def test_a_call_that_takes_over_sends_another_request_if_it_retries_more_often():
    """
    It is charged for both, and gets a reply.
    """

    async def work(server):
        async with AsyncClient("local/tiny", cache="memory", settings=server.settings) as client:
            first = asyncio.create_task(client.ask("Hello", retries=0))
            await asyncio.to_thread(wait_for_members, client, 1)
            other = asyncio.create_task(client.ask("Hello", retries=1))
            await asyncio.to_thread(wait_for_members, client, 2)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            server.opened.set()
            return await other

    with FirstFails(failure(500, **NOW)) as server:
        reply = asyncio.run(work(server))

    assert [attempt.status for attempt in reply.attempts] == [500, 200]


def test_a_call_that_does_not_stream_sends_its_own_request_if_the_stream_is_interrupted():
    """
    It would have retried a connection that is lost.
    """
    with (
        FirstFails(interrupt_stream) as server,
        connect(server) as client,
        ThreadPoolExecutor(2) as pool,
        client.stream("Hello") as stream,
    ):
        interrupted = pool.submit(list, stream)
        wait_for_members(client, 1)
        other = pool.submit(client.ask, "Hello")
        wait_for_members(client, 2)
        server.opened.set()

        assert isinstance(interrupted.exception(), StreamInterruptedError)
        assert other.result().text
    assert [body.get("stream", False) for body in server.requests] == [True, False]


def test_notes_of_a_copied_error_are_its_own():
    """
    A caller that adds a note does not change the errors of other calls.
    """
    error = ServerError("no")
    error.add_note("one")
    copied = copy_error(error)
    copied.add_note("two")

    assert (error.__notes__, copied.__notes__) == (["one"], ["one", "two"])
