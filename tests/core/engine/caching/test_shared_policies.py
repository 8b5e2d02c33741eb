"""
Tools, repairs, fallbacks, backups, hedges, retries, streams that restart: with equal calls that share requests.
"""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from pydantic import BaseModel

from budwood import Client, Restarted, ServerError, StreamInterruptedError, TextDelta
from budwood.engine.drivers.effects import Abandoned
from budwood_testing import chat_reply
from tests.chat_server import NOW, ChatServer, completion, failure
from tests.core.engine.caching.held_cache import HeldCache
from tests.held_server import HeldServer, wait_for_members

CALLS = 5


def ask_together(client, count=CALLS, **options):
    """
    Return the outcomes of equal calls in threads that start at the same time.
    """
    barrier = threading.Barrier(count)

    def ask(_):
        barrier.wait(30)
        try:
            return client.ask("Hello", **options)
        except Exception as error:  # noqa: BLE001 - an outcome
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(ask, range(count)))


def two_providers(first, second, **settings):
    """
    Return the settings of two providers, ``local`` and ``other``.
    """
    both = {**first.settings["providers"], "other": second.settings["providers"]["local"]}
    both["local"] = {**both["local"], **settings}
    return {"providers": both}


class Person(BaseModel):
    name: str


def test_repairs_are_shared():
    """
    Equal calls get the same invalid reply, and request its repair once.
    """
    texts = {1: '{"nam": 1}', 3: '{"name": "Ada"}'}
    with (
        ChatServer(lambda body: texts[len(body["messages"])]) as server,
        Client("local/tiny", cache="memory", settings=server.settings) as client,
    ):
        replies = ask_together(client, schema=Person)

    assert [reply.parsed for reply in replies] == [Person(name="Ada")] * CALLS
    assert len(server.requests) == 2


def reply_with_tool(body):
    """
    Return a reply that calls the tool, or after that the final one.
    """
    reply = completion(body["model"], "It is 3.")
    if len(body["messages"]) == 1:
        function = {"name": "count", "arguments": "{}"}
        message = {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
        reply["choices"] = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    return reply


@pytest.mark.parametrize(("is_stored", "requests"), [(False, 3), (True, 2)])
def test_each_call_runs_its_tools(is_stored, requests):
    """
    The rounds of equal calls are shared, but their tools are not. By default a reply with tool calls is not stored.
    """
    runs = []

    def count() -> int:
        """Count."""
        runs.append(1)
        return 3

    with (
        ChatServer(fault=lambda _number, body: lambda handler: handler.send(200, reply_with_tool(body))) as server,
        Client("local/tiny", cache="memory", settings=server.settings, cache_tool_calls=is_stored) as client,
    ):
        assert client.ask("Hello", tools=[count]).text == "It is 3."
        assert client.ask("Hello", tools=[count]).text == "It is 3."

    assert (len(runs), len(server.requests)) == (2, requests)


def test_a_tool_may_ask_the_same_question():
    """
    It does not wait for its own call.
    """
    with (
        ChatServer(fault=lambda _number, body: lambda handler: handler.send(200, reply_with_tool(body))) as server,
        Client("local/tiny", cache="memory", settings=server.settings) as client,
    ):

        def count() -> str:
            """Count."""
            return client.ask("Hello", tools=[count], execute_tools=False).tool_calls[0].name

        assert client.ask("Hello", tools=[count]).text == "It is 3."


def test_a_tool_may_ask_the_same_question_under_way():
    """
    Nor if all threads do that.
    """
    with (
        ChatServer(fault=lambda _number, body: lambda handler: handler.send(200, reply_with_tool(body))) as server,
        Client("local/tiny", cache="memory", settings=server.settings) as client,
    ):

        def count() -> str:
            """Count."""
            return client.ask("Hello", tools=[count], execute_tools=False).tool_calls[0].name

        assert {reply.text for reply in ask_together(client, tools=[count])} == {"It is 3."}


def test_calls_with_other_reasons_for_a_fallback_send_their_own_request():
    """
    One that may fall back after an error does not get that of a call that may not.
    """
    with HeldServer() as held, ChatServer() as second:
        settings = two_providers(held, second)
        with (
            Client("local/tiny", cache="memory", settings=settings, fallbacks=["other/m"], retries=0) as client,
            ThreadPoolExecutor(2) as pool,
        ):
            calls = [
                pool.submit(client.ask, "Hello", **options) for options in ({}, {"fallback_on": ["ContentFilterError"]})
            ]
            arrived = [held.arrived.acquire(timeout=30) for _ in calls]
            held.opened.set()
            replies = [call.result() for call in calls]

    assert arrived == [True, True]
    assert not any(reply.cached for reply in replies)


def test_a_fallback_is_asked_once():
    """
    It answers all equal calls. Its reply is stored under its own name only, so that the next call asks the first again.
    """
    with (
        ChatServer(fault=lambda *_: failure(500, **NOW)) as first,
        HeldServer() as second,
        Client(
            "local/tiny", cache="memory", settings=two_providers(first, second), fallbacks=["other/m"], retries=0
        ) as client,
        ThreadPoolExecutor(CALLS) as pool,
    ):
        futures = [pool.submit(client.ask, "Hello") for _ in range(CALLS)]
        wait_for_members(client, CALLS)
        second.opened.set()
        replies = [future.result() for future in futures]
        counts = len(first.requests), len(second.requests)
        again = client.ask("Hello")

    assert counts == (1, 1)
    assert {(reply.provider, reply.text) for reply in replies} == {("other", "Reply 1")}
    assert (again.cached, again.provider, len(first.requests), len(second.requests)) == (True, "other", 2, 1)


def test_round_robin_asks_each_endpoint_once():
    """
    Each stores its own reply.
    """
    with ChatServer() as first, ChatServer() as second:
        options = {"settings": two_providers(first, second), "fallbacks": ["other/m"], "routing": "round-robin"}
        with Client("local/tiny", cache="memory", **options) as client:
            for _ in range(6):
                client.ask("Hello")
            ask_together(client)

    assert len(first.requests) + len(second.requests) <= 2


def test_backups_share_the_reply():
    """
    A backup answers all equal calls, and later ones get its reply from the cache.
    """
    with ChatServer(fault=lambda *_: failure(500, **NOW)) as first, HeldServer() as second:
        address = second.settings["providers"]["local"]["base_url"]
        settings = two_providers(first, second, backups=[{"base_url": address}])
        with Client("local/tiny", cache="memory", settings=settings, retries=0) as client:
            with ThreadPoolExecutor(CALLS) as pool:
                futures = [pool.submit(client.ask, "Hello") for _ in range(CALLS)]
                wait_for_members(client, CALLS)
                second.opened.set()
                replies = [future.result() for future in futures]
            again = client.ask("Hello")

    assert {reply.text for reply in replies} == {"Reply 1"}
    assert (again.cached, len(first.requests), len(second.requests)) == (True, 1, 1)


def test_a_hedged_request_is_sent_twice_for_all_calls():
    """
    Not twice for each of them.
    """
    with ChatServer() as server, HeldServer() as slow:
        settings = two_providers(slow, server)
        with Client(
            "local/tiny", cache="memory", settings=settings, fallbacks=["other/m"], hedge=0.01, retries=1
        ) as client:
            replies = ask_together(client)
        slow.opened.set()

    assert {reply.provider for reply in replies} == {"other"}
    assert len(server.requests) == 1
    assert len(slow.requests) <= 1  # it may be cancelled before it is sent


def test_retries_are_shared():
    """
    Equal calls wait for the second attempt of one of them, which has both in its record.
    """
    with (
        ChatServer(fault=lambda number, _: failure(500, **NOW) if number == 1 else None) as server,
        Client("local/tiny", cache="memory", settings=server.settings) as client,
    ):
        replies = ask_together(client)

    assert len(server.requests) == 2
    assert sorted(len(reply.attempts) for reply in replies) == [1] * (CALLS - 1) + [2]


def test_errors_of_shared_calls_have_the_adaptations_and_attempts_of_their_call():
    """
    One has the attempts, and the others one that is marked as cached.
    """
    with (
        HeldServer(500) as server,
        Client("local/tiny", cache="memory", settings=server.settings, retries=0) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        futures = [pool.submit(client.ask, "Hello") for _ in range(2)]
        wait_for_members(client, 2)
        server.opened.set()
        errors = [future.exception() for future in futures]

    assert [type(error) for error in errors] == [ServerError] * 2
    assert sorted(attempt.cached for error in errors for attempt in error.attempts) == [False, True]


def test_calls_with_labels_share_and_one_label_pays(make_client, scripted):
    """
    The others have saved what it cost.
    """
    cache = HeldCache({2})
    client = make_client(cache=cache, budgets={"a": {"dollars": 1, "per": "client", "label": "a"}})
    scripted.reply(body=chat_reply("Hi"))
    with ThreadPoolExecutor(2) as pool:
        paid = pool.submit(client.ask, "Hello", max_tokens=100, label="b")
        cache.held.acquire()
        saved = pool.submit(client.ask, "Hello", max_tokens=100, label="a")
        wait_for_members(client, 2)
        cache.opened.set()

        assert saved.result().saved == paid.result().cost > 0
    assert [state.spent for state in client.budgets()] == [Decimal(0)]


def test_a_reply_of_another_endpoint_from_the_cache_counts_as_saved(make_client, scripted):
    """
    Equal calls that wait while a fallback is found in the cache have saved its cost.
    """
    cache = HeldCache()
    client = make_client(cache=cache, fallbacks=["work/gpt-4o"], retries=0, settings=json.loads(WORK))
    scripted.reply(body=chat_reply("Hi"))
    stored = client.ask("Hello", model="work/gpt-4o", fallbacks=[])
    scripted.reply(500, body={"error": {"message": "no"}})
    cache.gets, cache._waiting = 0, {2}
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.ask, "Hello")
        cache.held.acquire()
        second = pool.submit(client.ask, "Hello")
        wait_for_members(client, 2)
        cache.opened.set()

        assert {first.result().saved, second.result().saved} == {stored.cost}
    assert len(scripted.calls) == 2


WORK = '{"providers": {"work": {"plugin": "openai", "api_key": "k"}}}'


@pytest.mark.parametrize("policy", ["raise", "restart"])
def test_a_stream_whose_request_was_ended_restarts_if_the_call_says_so(policy):
    """
    By default it is an interrupted stream, since the caller has read a part.
    """
    with (
        HeldServer() as server,
        Client("local/tiny", cache="memory", settings=server.settings, retries=0) as client,
        client.stream("Hello", on_stream_failure=policy) as stream,
    ):
        events = iter(stream)
        first = next(events)
        (flight,) = client._engine.cache.flights._flights.values()
        server.opened.set() if policy == "restart" else None
        flight.end(None, Abandoned())
        if policy == "raise":
            with pytest.raises(StreamInterruptedError) as caught:
                list(events)
            assert caught.value.response.text == "Rep"
            return
        rest = list(events)

    assert isinstance(first, TextDelta) or first is not None
    assert any(isinstance(event, Restarted) for event in rest)
    assert stream.response.text == "Reply"


def test_a_stream_that_is_not_closed_ends_its_request():
    """
    The garbage collector closes it.
    """
    with HeldServer() as server, Client("local/tiny", cache="memory", settings=server.settings) as client:
        stream = client.stream("Hello")
        next(iter(stream))
        del stream

        server.lost.acquire()


def test_cancelling_at_any_moment_leaves_no_request(make_async_client, scripted):
    """
    The next call sends a request of its own, and gets its reply.
    """

    async def cancel_after(steps: int) -> None:
        async with make_async_client(cache=HeldCache()) as client:
            task = asyncio.create_task(client.ask("Hello"))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            flights = client._engine.cache.flights._flights
            assert flights == {}
            assert (await client.ask("Hello")).text == "Hi"

    for steps in range(40):
        for _ in range(2):
            scripted.reply(body=chat_reply("Hi"))
        asyncio.run(cancel_after(steps))
