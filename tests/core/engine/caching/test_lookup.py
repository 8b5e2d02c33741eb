"""Which replies of which services are stored, and found again."""

from __future__ import annotations

import asyncio

import pytest

from budwood import ConfigurationError
from budwood_testing import chat_chunks, chat_reply, sse
from tests.core.engine.caching.test_modes import EMBEDDER, embedding_reply


def test_token_counts_of_the_vendor_are_cached(make_client, scripted):
    """
    The request is sent once, and the count is equal.
    """
    scripted.reply(body={"input_tokens": 9})
    client = make_client("anthropic/claude-sonnet-4-5", cache="memory")

    first, second = client.count_tokens("Hello"), client.count_tokens("Hello")

    assert first == second
    assert (first.input_tokens, first.source) == (9, "vendor")


def test_refusals_are_not_stored(make_client, scripted):
    """
    Some vendors finish a refusal as any other reply.
    """
    for _ in range(2):
        scripted.reply(body=chat_reply(refusal="I will not.", content=None))
    client = make_client(cache="memory")

    replies = [client.ask("Hello") for _ in range(2)]

    assert [(reply.finish_reason, reply.cached) for reply in replies] == [("stop", False)] * 2


def test_streamed_refusals_are_not_stored(make_client, scripted):
    """
    It makes no difference how the reply arrived.
    """
    refusal, *rest = chat_chunks([""])
    refusal["choices"][0]["delta"] = {"refusal": "I will not."}
    scripted.reply(chunks=sse(refusal, *rest)).reply(body=chat_reply("Hi"))
    client = make_client(cache="memory")
    with client.stream("Hello") as stream:
        list(stream)

    assert client.ask("Hello").text == "Hi"


def test_the_highest_temperature_does_not_concern_embeddings(make_client, scripted):
    """
    They have no temperature.
    """
    scripted.reply(body=embedding_reply([1.0]))
    client = make_client(cache="memory", cache_max_temperature=0.3)
    client.embed("a", model=EMBEDDER)

    assert client.embed("a", model=EMBEDDER).cached


def test_only_sends_nothing_without_a_cache(make_client, scripted):
    """
    A client without a cache cannot answer such a call, and says how to have one.
    """
    with pytest.raises(ConfigurationError, match="the client has no cache") as caught:
        make_client().ask("Hello", cache="only")

    assert scripted.calls == []
    assert 'cache = "sqlite"' in caught.value.hint


def test_only_does_not_request_a_stale_reply_again(make_async_client, scripted, clock):
    """
    The reply is returned, and no request is sent in the background.
    """
    scripted.reply(body=chat_reply("old"))

    async def ask():
        async with make_async_client(cache="memory", cache_ttl=60, cache_stale=600) as client:
            await client.ask("Hello")
            clock.now += 120
            before = asyncio.all_tasks()
            reply = await client.ask("Hello", cache="only")
            return reply.text, asyncio.all_tasks() - before

    assert asyncio.run(ask()) == ("old", set())


class DictCache(dict):
    """
    A cache whose truth is that of its content, as with caches of other libraries that have a length.
    """

    def set(self, key, value, *, ttl=None):
        self[key] = value

    def close(self):
        pass


def test_a_cache_object_may_be_empty(make_client, scripted):
    """
    One with a length of 0 is a cache, too.
    """
    scripted.reply(body=chat_reply("Hi"))
    client = make_client(cache=DictCache())
    client.ask("Hello")

    assert client.ask("Hello").cached


def test_a_reply_counts_as_cached_if_nothing_was_sent_for_it(make_client, scripted):
    """
    If only the second of two rounds came from the cache, the first was sent and charged.
    """
    call = {"id": "c1", "type": "function", "function": {"name": "count", "arguments": "{}"}}
    for text, changes in (("", {"finish_reason": "tool_calls", "tool_calls": [call]}), ("It is 3.", {})) * 2:
        scripted.reply(body=chat_reply(text, **changes))

    def count() -> int:
        """Count."""
        return 3

    client = make_client(cache="memory")
    first, second = (client.ask("How many?", tools=[count]) for _ in range(2))

    assert [attempt.cached for attempt in second.attempts] == [False, True]
    assert (second.cached, second.cost + second.saved) == (False, first.cost)


@pytest.mark.parametrize("key", [None, ["sk-two", "sk-three"]])
def test_a_stored_reply_is_found_without_a_key_and_with_several(make_client, scripted, key, monkeypatch):
    """
    Nothing is sent, so that no key is needed.
    """
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    scripted.reply(body=chat_reply("Hi"))
    cache = DictCache()
    make_client(cache=cache).ask("Hello")
    client = make_client(cache=cache, api_key=key)

    with client.stream("Hello") as stream:
        list(stream)

    assert (client.ask("Hello").text, stream.response.text) == ("Hi", "Hi")
    assert [reply.text for reply in client.ask_many(["Hello"]).in_order()] == ["Hi"]


def test_calls_with_a_budget_share_replies_with_one_another(make_client, scripted):
    """
    The budget limits the output, so that other calls send another request. A reply from the cache costs nothing.
    """
    scripted.reply(body=chat_reply("one")).reply(body=chat_reply("two"))
    client = make_client(cache="memory")

    texts = [client.ask("Hello", **options).text for options in ({}, {"budget": 1}, {"budget": 1}, {"budget": 2}, {})]

    assert texts == ["one", "two", "two", "two", "one"]
    assert client.ask("Hello", budget=1).cost == 0
