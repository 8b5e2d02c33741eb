"""How calls use the cache: modes, namespaces, samples, temperature, several caches."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from decimal import Decimal

import pytest

from budwood import CacheMissError, ChatResponse, ConfigurationError, Finished, TextDelta
from budwood.caching import MemoryCache, MemoryCacheSettings
from budwood.engine.caching.entries import decode, encode
from budwood.engine.caching.events import write_events
from budwood.providing.cached_values import open_value, seal_value
from budwood.types import CacheHit, RequestFinished
from budwood_testing import chat_chunks, chat_reply, sse

MODEL = "openai/gpt-4o"
EMBEDDER = "openai/text-embedding-3-small"


class Recorder:
    """
    An observer that keeps all events.
    """

    def __init__(self):
        self.events = []

    def observe(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@contextlib.contextmanager
def joining_new_threads():
    """
    Wait at the end until requests in the background have ended. Earlier tests may have left threads that idle.
    """
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join()


@pytest.fixture
def caching(make_client):
    """
    A client with a memory cache.
    """
    return make_client(cache="memory")


def script(scripted, *texts):
    """
    Add replies to the script.
    """
    for text in texts:
        scripted.reply(body=chat_reply(text))


def test_refresh_replaces_the_stored_reply(caching, scripted):
    """
    The request is sent although there is a reply.
    """
    script(scripted, "old", "new")
    caching.ask("Hello")

    assert caching.ask("Hello", cache="refresh").text == "new"
    assert caching.ask("Hello").text == "new"


def test_only_sends_nothing(caching, scripted):
    """
    Without a stored reply it is an error, with what to do.
    """
    with pytest.raises(CacheMissError, match="no reply of openai/gpt-4o") as caught:
        caching.ask("Hello", cache="only")
    script(scripted, "Hi")
    caching.ask("Hello")

    assert caching.ask("Hello", cache="only").text == "Hi"
    assert "refresh" in caught.value.hint


def test_namespaces_are_separate(make_client, scripted):
    """
    A call may have another namespace than its client.
    """
    script(scripted, "one", "two")
    client = make_client(cache="memory", cache_namespace="one")

    texts = [client.ask("Hello", cache_namespace=name).text for name in ("one", "two", "one", "two")]

    assert texts == ["one", "two", "one", "two"]
    assert client.ask("Hello").text == "one"


def test_samples_have_replies_of_their_own(caching, scripted):
    """
    A call without a number is different from all samples.
    """
    script(scripted, "none", "zero", "one")

    texts = [caching.ask("Hello", **options).text for options in ({}, {"sample": 0}, {"sample": 1}, {"sample": 0}, {})]

    assert texts == ["none", "zero", "one", "zero", "none"]


@pytest.mark.parametrize("sample", [-1, "1", True, 1.0])
def test_a_sample_is_a_number(caching, sample):
    """
    Anything else is an error before anything is sent.
    """
    with pytest.raises(ConfigurationError, match="sample= must be a number of 0 or more"):
        caching.ask("Hello", sample=sample)


def test_requests_with_a_high_temperature_are_left_out(make_client, scripted):
    """
    A request without a temperature counts as one with a high temperature.
    """
    script(scripted, "0.2", "0.8", "0.8 again", "none", "none again")
    client = make_client(cache="memory", cache_max_temperature=0.5)

    texts = [client.ask("Hello", temperature=each).text for each in (0.2, 0.2, 0.8, 0.8)]
    texts += [client.ask("Hello").text for _ in range(2)]

    assert texts == ["0.2", "0.2", "0.8", "0.8 again", "none", "none again"]


def test_a_fast_cache_is_filled_from_one_that_lasts(make_client, scripted, clock):
    """
    A reply that only the second cache has is stored in the first with the rest of its time.
    """
    script(scripted, "Hi", "again")
    fast, lasting = (MemoryCache(MemoryCacheSettings(), clock) for _ in range(2))
    make_client(cache=lasting, cache_ttl=60).ask("Hello")
    clock.now += 30
    client = make_client(cache=[fast, lasting], cache_ttl=60)

    assert client.ask("Hello").cached
    lasting.close()
    clock.now += 29
    assert client.ask("Hello").cached
    clock.now += 2
    assert client.ask("Hello").text == "again"


def test_a_cache_that_fails_does_not_hide_the_next_one(make_client, scripted, clock):
    """
    The reply is stored in, and read from, the cache that works.
    """

    class Broken:
        def get(self, key):
            raise OSError("broken")

        def set(self, key, value, *, ttl=None):
            raise OSError("broken")

        def close(self):
            pass

    script(scripted, "Hi")
    client = make_client(cache=[Broken(), MemoryCache(MemoryCacheSettings(), clock)])

    assert [client.ask("Hello").cached for _ in range(2)] == [False, True]


def test_a_stale_reply_is_returned_and_requested_again(make_client, scripted, clock):
    """
    The second request is a call of its own for observers, and the caller does not wait for it.
    """
    script(scripted, "old", "new")
    observer = Recorder()
    client = make_client(cache="memory", cache_ttl=60, cache_stale=600, observers=[observer])
    client.ask("Hello")
    clock.now += 61

    with joining_new_threads():
        assert client.ask("Hello").text == "old"
    assert client.ask("Hello", cache="only").text == "new"
    finished = observer.of(RequestFinished)
    assert len({event.call for event in finished}) == 4
    assert len(scripted.calls) == 2


def test_a_call_may_ask_for_a_fresh_reply(make_client, scripted, clock):
    """
    A stale reply is then not used.
    """
    script(scripted, "old", "new")
    client = make_client(cache="memory", cache_ttl=60, cache_stale=600)
    client.ask("Hello")
    clock.now += 61

    assert client.ask("Hello", cache="fresh").text == "new"
    assert client.ask("Hello", cache="fresh").cached


def test_a_reply_is_not_used_when_it_is_no_longer_stale_but_expired(make_client, scripted, clock):
    """
    After ttl and stale time together the request is sent.
    """
    script(scripted, "old", "new")
    client = make_client(cache="memory", cache_ttl=60, cache_stale=60)
    client.ask("Hello")
    clock.now += 120

    assert client.ask("Hello").text == "new"


def test_a_stored_stream_can_be_replayed_at_its_pace(make_client, scripted, clock):
    """
    The delays between its events are those of the first reply.
    """
    scripted.reply(chunks=sse(*chat_chunks(["a", "b"])))
    cache = MemoryCache(MemoryCacheSettings(), clock)
    client = make_client(cache=cache, cache_pace="recorded")
    with client.stream("Hello") as stream:
        list(stream)
    ((key, (value, _)),) = cache._entries.items()
    stored = decode(open_value(value), ChatResponse)
    texts = [TextDelta("a"), TextDelta("b"), Finished("stop")]
    events = write_events(list(zip((0.5, 2.0, 2.0), texts, strict=True)))
    changed = encode(stored.model_copy(update={"events": events}), None)
    cache.set(key, seal_value(changed.content, None))

    with client.stream("Hello") as stream:
        replayed = list(stream)

    assert replayed == texts
    assert clock.slept == [0.5, 1.5]


def test_what_was_saved_is_in_the_reply_and_in_its_event(make_client, scripted):
    """
    It is the cost of the request that was not sent.
    """
    script(scripted, "Hi")
    observer = Recorder()
    client = make_client(cache="memory", observers=[observer])

    first, second = client.ask("Hello"), client.ask("Hello")

    assert (first.saved, second.saved, second.cost) == (None, first.cost, Decimal(0))
    assert second.attempts[0].saved == first.cost
    assert [event.saved for event in observer.of(CacheHit)] == [first.cost]
    assert second.usage == first.usage


def embedding_reply(*vectors):
    """
    Return the body of a reply with these vectors.
    """
    data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 5, "total_tokens": 5}}


def test_only_texts_without_a_vector_are_embedded(caching, scripted):
    """
    Each text has an entry of its own, and a text that occurs twice is sent once.
    """
    scripted.reply(body=embedding_reply([1.0], [2.0])).reply(body=embedding_reply([3.0]))
    first = caching.embed(["a", "b"], model=EMBEDDER)

    second = caching.embed(["c", "b", "c", "a"], model=EMBEDDER)
    third = caching.embed(["c", "a"], model=EMBEDDER)

    assert first.vectors == ((1.0,), (2.0,))
    assert second.vectors == ((3.0,), (2.0,), (3.0,), (1.0,))
    assert third.vectors == ((3.0,), (1.0,))
    assert b'"input":["c"]' in scripted.bodies[1].replace(b" ", b"")
    assert (first.cached, second.cached, third.cached) == (False, False, True)
    assert (second.saved, third.cost) == (first.cost, Decimal(0))


def test_vectors_can_be_refreshed_or_required(caching, scripted):
    """
    The modes are those of other calls.
    """
    scripted.reply(body=embedding_reply([1.0])).reply(body=embedding_reply([2.0]))
    with pytest.raises(CacheMissError):
        caching.embed("a", model=EMBEDDER, cache="only")
    caching.embed("a", model=EMBEDDER)

    assert caching.embed("a", model=EMBEDDER, cache="refresh").vectors == ((2.0,),)
    assert caching.embed("a", model=EMBEDDER, cache="only").vectors == ((2.0,),)


def test_moderations_are_cached(caching, scripted):
    """
    Equal contents are classified once.
    """
    result = {"flagged": True, "categories": {}, "category_scores": {}}
    scripted.reply(body={"id": "m", "model": "x", "results": [result]})

    first, second = caching.moderate("Hello"), caching.moderate("Hello")

    assert (first.flagged, second.flagged, second.cached) == (True, True, True)


def test_async_calls_use_the_same_entries(make_client, make_async_client, scripted, clock):
    """
    A reply of a blocking call answers an async one.
    """
    script(scripted, "Hi")
    cache = MemoryCache(MemoryCacheSettings(), clock)
    make_client(cache=cache).ask("Hello")

    async def ask():
        async with make_async_client(cache=cache) as client:
            return await client.ask("Hello")

    assert asyncio.run(ask()).cached


def test_backups_share_entries_and_fallbacks_do_not(make_client, scripted):
    """
    A reply of a backup is that of its provider.
    """
    scripted.fail().reply(body=chat_reply("backup"))
    client = make_client(cache="memory", backups=[{"base_url": "https://backup.test/v1"}], retries=0)

    first, second = client.ask("Hello"), client.ask("Hello")

    assert (first.text, second.text, second.cached) == ("backup", "backup", True)
