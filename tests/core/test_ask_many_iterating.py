"""`ask_many`: lazy and async sources of prompts, the progress, and loops that are left early."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import threading
from decimal import Decimal

import pytest

from budwood import AskProgress, AsyncClient, BatchRequest
from budwood.errors import ConfigurationError, InvalidRequestError
from budwood_testing import ScriptedReply, ScriptedTransport, chat_reply


class Source:
    """
    Prompts without an end, which count how many were read.

    Attributes:
        read: How many were read.
        is_closed: Whether the async generator has ended.
    """

    def __init__(self):
        self.read = 0
        self.is_closed = False

    def __iter__(self):
        for number in itertools.count():
            self.read += 1
            yield str(number)

    async def iterate(self, end=None):
        """
        Yield the prompts, up to ``end`` of them.
        """
        try:
            for number in itertools.islice(itertools.count(), end):
                self.read += 1
                yield str(number)
        finally:
            self.is_closed = True


@pytest.fixture
def endless(echo):
    """
    A transport that echoes prompts for ever.
    """

    class Endless(ScriptedTransport):
        def open(self, call, timing):
            self.answer(echo)
            return super().open(call, timing)

    return Endless()


@pytest.mark.parametrize("concurrency", [1, 4])
def test_an_endless_source_is_read_no_further_than_the_concurrency(make_client, endless, concurrency):
    """
    Prompts are read when they are sent: never more than those that were returned and those that run.
    """
    source = Source()

    with make_client(transport=endless) as client, client.ask_many(source, concurrency=concurrency) as replies:
        for done in itertools.islice(replies, 50):
            assert source.read <= done.completed + concurrency - 1
            assert done.prompt == str(done.index)
            assert done.reply.text == f"you said {done.index}"
            assert len(replies._log._prompts) <= concurrency


def test_progress_is_reported_after_each_reply(make_client):
    """
    The progress counts replies, errors and the cost of those whose price is known.
    """
    transport = ScriptedTransport()
    transport.reply(body=chat_reply("a")).reply(400, body={"error": {"message": "no"}}).reply(body=chat_reply("c"))
    seen = []

    with make_client("openai/gpt-4o", transport=transport) as client:
        replies = client.ask_many(["a", "b", "c"], concurrency=1, progress=seen.append).in_order()

    assert [(each.done, each.total, each.errors) for each in seen] == [(1, 3, 0), (2, 3, 1), (3, 3, 1)]
    assert isinstance(replies[1], InvalidRequestError)
    assert seen[-1].cost == replies[0].cost + replies[2].cost > 0


def test_a_total_that_is_unknown_is_none(client, scripted, echo):
    """
    An iterator without a length has no total, and a cost that nobody knows is None.
    """
    scripted.answer(echo)
    seen = []

    client.ask_many(iter(["a"]), progress=seen.append).in_order()

    assert (seen[0].done, seen[0].total) == (1, None)


def test_an_error_of_the_progress_ends_the_requests(make_client, endless):
    """
    An exception of the function reaches the caller, and nothing more is sent.
    """

    def fail(_):
        raise ZeroDivisionError("a bug of the caller")

    source = Source()
    with make_client(transport=endless) as client:
        replies = client.ask_many(source, concurrency=2, progress=fail)
        with pytest.raises(ZeroDivisionError):
            next(replies)
        assert list(replies) == []

    assert source.read <= 2


def test_a_break_ends_the_running_requests(make_client, echo):
    """
    A loop that is left without a `with` block ends the requests that run: none of them waits for its server.
    """
    gate, waiting = threading.Event(), threading.Event()

    def answer(call):
        if json.loads(call.body)["messages"][-1]["content"] == "slow":
            waiting.set()
            gate.wait()
        return echo(call)

    transport = ScriptedTransport()
    for _ in range(3):
        transport.answer(answer)
    client = make_client(transport=transport)

    for done in client.ask_many(["slow", "quick", *["late"] * 50], concurrency=2):
        assert done.prompt in ("quick", "late")
        waiting.wait()
        break
    gc.collect()
    gate.set()
    client.close()

    assert len(transport.calls) <= 3


def test_the_blocking_client_rejects_async_iterables(client):
    """
    An async iterable cannot be read by `Client`, and the error names the other client.
    """
    with pytest.raises(ConfigurationError, match="async iterable") as caught:
        client.ask_many(Source().iterate())

    assert "AsyncClient" in caught.value.hint


@pytest.fixture
def make_async(echo):
    """
    Create an async client that echoes prompts for ever.
    """

    def make():
        scripted = ScriptedTransport()
        transport = scripted.asynchronous
        opened = transport.open

        async def open_next(call, timing):
            scripted.answer(echo)
            return await opened(call, timing)

        transport.open = open_next
        return AsyncClient("openai/gpt-4o", api_key="sk-test", transport=transport)

    return make


def test_async_iterables_are_read_as_requests_are_sent(make_async):
    """
    An endless async iterable is read no further than the concurrency, and a break closes it.
    """
    source = Source()

    async def read():
        count = 0
        async with make_async() as client, client.ask_many(source.iterate(), concurrency=4) as replies:
            async for done in replies:
                count += 1
                assert source.read <= done.completed + 4
                assert done.reply.text == f"you said {done.index}"
                if count == 40:
                    break
        gc.collect()

    asyncio.run(read())

    assert source.is_closed


def test_async_iterables_may_end(make_async):
    """
    The replies to an async iterable are in its order, and the progress has no total.
    """
    seen = []

    async def read(end):
        async with make_async() as client:
            return await client.ask_many(Source().iterate(end), concurrency=3, progress=seen.append).in_order()

    replies = asyncio.run(read(10))

    assert [reply.text for reply in replies] == [f"you said {number}" for number in range(10)]
    assert seen[-1] == AskProgress(done=10, total=None, errors=0, cost=seen[-1].cost)
    assert isinstance(seen[-1].cost, Decimal)
    assert asyncio.run(read(0)) == []


def test_replies_do_not_wait_for_the_next_prompt(make_async):
    """
    A reply is returned while the source is waiting for its next prompt.
    """

    async def read():
        gate = asyncio.Event()

        async def prompts():
            yield "first"
            await gate.wait()
            yield "second"

        async with make_async() as client, client.ask_many(prompts()) as replies:
            first = await anext(replies)
            gate.set()
            return first, await anext(replies)

    first, second = asyncio.run(read())

    assert (first.prompt, second.prompt) == ("first", "second")


def test_an_error_of_the_source_is_raised(make_async):
    """
    The exception of an async iterable reaches the caller.
    """

    async def prompts():
        yield "first"
        raise ZeroDivisionError("a bug of the source")

    async def read():
        async with make_async() as client:
            await client.ask_many(prompts(), concurrency=1).in_order()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(read())


def test_cancelling_the_task_stops_reading(make_async):
    """
    A cancelled task stops reading the source that it waits for.
    """
    is_stopped = []

    async def prompts(waiting):
        yield "first"
        waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_stopped.append(True)

    async def read():
        waiting = asyncio.Event()
        async with make_async() as client:
            task = asyncio.create_task(client.ask_many(prompts(waiting)).in_order())
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(read())

    assert is_stopped == [True]


def test_replies_of_the_async_client_are_scripted(scripted):
    """
    A reply that is not valid is an error in its place, also from an async iterable.
    """
    scripted.reply(400, body={"error": {"message": "no"}}).answer(
        lambda _: ScriptedReply(200, {}, (json.dumps(chat_reply("fine")).encode(),))
    )
    client = AsyncClient("openai/gpt-4o", api_key="sk-test", transport=scripted.asynchronous)

    async def read():
        return await client.ask_many(Source().iterate(2), concurrency=1).in_order()

    failed, fine = asyncio.run(read())

    assert isinstance(failed, InvalidRequestError)
    assert fine.text == "fine"


def test_prompts_may_have_options_of_their_own(make_client, echo):
    """
    A `BatchRequest` overrides the options of the call, and is the prompt of its reply.
    """
    transport = ScriptedTransport()
    for _ in range(3):
        transport.answer(echo)
    request = BatchRequest("a", max_tokens=3)
    client = make_client(transport=transport, cache="memory")

    replies = list(client.ask_many([request, "a", request], concurrency=1, max_tokens=9))

    assert [done.prompt for done in replies] == [request, "a", request]
    sent = [json.loads(call.body) for call in transport.calls]
    assert [body["max_tokens"] for body in sent] == [3, 9, 3]  # equal prompts are samples of their own
