"""No span is left open: calls that share a request, that are cancelled, and that race."""

from __future__ import annotations

import asyncio
import functools
import threading

import pytest
from opentelemetry.trace import StatusCode

from budwood import AsyncClient
from budwood_testing import chat_reply
from tests.chat_server import ChatServer, completion
from tests.held_server import wait_for_members


class HeldServer(ChatServer):
    """
    A server that holds its replies until `opened` is set.
    """

    def __init__(self):
        super().__init__(fault=lambda _number, body: functools.partial(self.reply, body))
        self.opened = threading.Event()
        self.arrived = threading.Semaphore(0)

    def reply(self, body, handler):
        self.arrived.release()
        self.opened.wait(30)
        handler.send(200, completion(body["model"], "Hi"))

    def __exit__(self, *error):
        self.opened.set()
        super().__exit__(*error)


@pytest.fixture
def server():
    """
    A server that holds its replies.
    """
    with HeldServer() as server:
        yield server


@pytest.fixture
def run(server, telemetry):
    """
    A function that runs a coroutine function with a client of the server.
    """

    def run(work, **options):
        async def main():
            options_of_client = {"settings": server.settings, "retries": 0, "observers": [telemetry.observer]} | options
            async with AsyncClient("local/tiny", **options_of_client) as client:
                await work(client)

        asyncio.run(main())

    return run


async def follow(client, count):
    """
    Start equal calls, and wait until all of them share one request.
    """
    tasks = [asyncio.create_task(client.ask("Hello")) for _ in range(count)]
    await asyncio.to_thread(wait_for_members, client, count)
    return tasks


def test_shared_request_has_one_attempt(run, server, telemetry):
    """
    Equal calls have a span each; the attempt is in that of the call that started it, and the others are cached.
    """

    async def work(client):
        tasks = await follow(client, 3)
        server.opened.set()
        await asyncio.gather(*tasks)

    run(work, cache="memory")

    first, *others = telemetry.named("chat")
    (attempt,) = telemetry.named("attempt")
    assert attempt.parent.span_id == first.context.span_id
    assert [span.attributes.get("budwood.cached") for span in (first, *others)] == [None, True, True]
    assert telemetry.open_spans.ids == set()


def test_attempt_outlives_a_call_that_is_cancelled(run, server, telemetry):
    """
    If the call that started a shared request is cancelled, its span ends, and the attempt's ends with the request.
    """

    async def work(client):
        first, second = await follow(client, 2)
        await asyncio.to_thread(server.arrived.acquire)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert [span.attributes["error.type"] for span in telemetry.named("chat")] == ["CancelledError"]
        assert telemetry.named("attempt") == []
        server.opened.set()
        await second

    run(work, cache="memory")

    (attempt,) = telemetry.named("attempt")
    assert attempt.attributes["http.response.status_code"] == 200
    assert telemetry.open_spans.ids == set()


def test_cancelled_call_ends_its_spans(run, server, telemetry):
    """
    A cancelled task ends the spans of its request and of its attempt. Neither is an error of the server.
    """

    async def work(client):
        task = asyncio.create_task(client.ask("Hello"))
        await asyncio.to_thread(server.arrived.acquire)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(work, cache=False)

    (request,) = telemetry.named("chat")
    assert (request.attributes["error.type"], request.status.status_code) == ("CancelledError", StatusCode.UNSET)
    assert len(telemetry.named("attempt")) == 1
    assert telemetry.open_spans.ids == set()


def test_cancelled_tool_ends_its_span(open_async_client, telemetry, scripted):
    """
    If the task of a call is cancelled while an async tool runs, the span of the tool ends as well.
    """
    call = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls"))

    async def main():
        is_running = asyncio.Event()

        async def look() -> str:
            """Look."""
            is_running.set()
            await asyncio.Event().wait()
            return "never"

        async with open_async_client(telemetry) as client:
            task = asyncio.create_task(client.ask("Look.", tools=[look]))
            await is_running.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())

    (tool,) = telemetry.named("execute_tool")
    assert tool.attributes["error.type"] == "CancelledError"
    assert telemetry.open_spans.ids == set()


def test_both_attempts_of_a_race_have_spans(run, server, telemetry):
    """
    If a slow request is sent twice, both attempts are children of the request, and the one that lost is marked.
    """
    local = server.settings["providers"]["local"]

    async def work(client):
        await client.ask("Hello")

    with ChatServer() as second:
        backups = [{"base_url": second.settings["providers"]["local"]["base_url"]}]
        run(work, cache=False, hedge=0.001, settings={"providers": {"local": {**local, "backups": backups}}})

    (request,) = telemetry.named("chat")
    attempts = telemetry.named("attempt")
    assert {span.parent.span_id for span in attempts} == {request.context.span_id}
    assert [span.attributes.get("budwood.hedge") for span in attempts] == [True, None]
    assert telemetry.open_spans.ids == set()


def test_observer_keeps_nothing_of_calls_that_have_ended(open_client, telemetry, scripted):
    """
    After calls, retries and abandoned streams, the observer holds no span.
    """
    scripted.reply(500, {"error": {"message": "no"}}).reply(200, chat_reply("Hi"))

    open_client(telemetry).ask("Hello")

    assert telemetry.observer._requests == {}
    assert telemetry.observer._attempts == {}
