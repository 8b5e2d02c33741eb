"""Embeddings in the cache, with one entry per text."""

from __future__ import annotations

from decimal import Decimal

from budwood.caching import MemoryCache, MemoryCacheSettings
from budwood_testing import FakeClock
from tests.core.engine.caching.test_modes import EMBEDDER, embedding_reply, joining_new_threads


def test_stale_vectors_are_returned_and_requested_again(make_client, scripted, clock):
    """
    Only the texts with a stale vector are sent again.
    """
    scripted.reply(body=embedding_reply([1.0])).reply(body=embedding_reply([2.0])).reply(body=embedding_reply([1.5]))
    client = make_client(EMBEDDER, cache="memory", cache_ttl=60, cache_stale=600)
    client.embed("a")
    clock.now += 50
    client.embed("b")
    clock.now += 20

    with joining_new_threads():
        stale = client.embed(["b", "a", "a"])

    assert (stale.vectors, stale.cached) == (((2.0,), (1.0,), (1.0,)), True)
    assert client.embed(["a", "b"], cache="only").vectors == ((1.5,), (2.0,))
    assert scripted.sent(2)["input"] == ["a"]


def test_stale_vectors_are_not_used_when_fresh_ones_are_asked_for(make_client, scripted, clock):
    """
    The text is sent again, and the caller waits for it.
    """
    scripted.reply(body=embedding_reply([1.0])).reply(body=embedding_reply([2.0]))
    client = make_client(EMBEDDER, cache="memory", cache_ttl=60, cache_stale=600)
    client.embed("a")
    clock.now += 70

    assert client.embed("a", cache="fresh").vectors == ((2.0,),)


def test_vectors_that_only_the_second_cache_has_are_stored_in_the_first(make_client, scripted, clock):
    """
    They stay there as long as in the second.
    """
    scripted.reply(body=embedding_reply([1.0], [2.0]))
    fast, lasting = (MemoryCache(MemoryCacheSettings(), clock) for _ in range(2))
    make_client(EMBEDDER, cache=lasting, cache_ttl=60).embed(["a", "b"])
    clock.now += 10
    client = make_client(EMBEDDER, cache=[fast, lasting])
    client.embed(["b", "a"])
    lasting.clear()

    assert client.embed(["a", "b"], cache="only").vectors == ((1.0,), (2.0,))
    assert len(list(fast.items())) == 2
    clock.now += 51
    assert list(fast.items()) == []


class ForgetfulCache(MemoryCache):
    """
    A faulty cache, which returns fewer values than it was asked for.
    """

    def __init__(self):
        super().__init__(MemoryCacheSettings(), FakeClock())

    def get_many(self, keys):
        return [self.get(key) for key in keys][:-1]


def test_a_cache_that_returns_too_few_values_breaks_no_call(make_client, scripted):
    """
    It counts as one that fails.
    """
    for _ in range(2):
        scripted.reply(body=embedding_reply([1.0]))
    client = make_client(EMBEDDER, cache=ForgetfulCache())

    assert [client.embed("a").vectors for _ in range(2)] == [((1.0,),)] * 2


def test_what_some_vectors_have_saved_is_counted(make_client, scripted, clock):
    """
    A request for the other texts is a miss.
    """
    scripted.reply(body=embedding_reply([1.0])).reply(body=embedding_reply([2.0]))
    cache = MemoryCache(MemoryCacheSettings(), clock)
    counted = {}
    cache.add_counts = counted.update
    with make_client(EMBEDDER, cache=cache) as client:
        first = client.embed("a")
        client.embed(["a", "b"])
        client.embed(["a"])

    (counts,) = counted.values()
    assert (counts.hits, counts.misses, counts.saved) == (1, 2, 2 * first.cost)
    assert first.cost > Decimal(0)
