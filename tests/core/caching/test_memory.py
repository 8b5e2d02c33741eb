from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from budwood.caching import MemoryCache, MemoryCacheSettings
from budwood_testing import FakeClock


def test_the_least_recently_used_value_is_removed_first():
    """
    Reading a value counts as using it.
    """
    cache = MemoryCache(MemoryCacheSettings(max_entries=2), FakeClock())
    cache.set("a", b"1")
    cache.set("b", b"2")
    cache.get("a")

    cache.set("c", b"3")

    assert [cache.get(key) for key in "abc"] == [b"1", None, b"3"]


def test_the_size_in_bytes_is_limited():
    """
    A value above the limit is not stored, and no other value is evicted.
    """
    cache = MemoryCache(MemoryCacheSettings(max_bytes=10), FakeClock())
    cache.set("a", b"12345")
    cache.set("b", b"12345")
    cache.set("giant", b"x" * 11)
    assert [cache.get(key) for key in ("a", "b", "giant")] == [b"12345", b"12345", None]

    cache.set("c", b"1")

    assert [cache.get(key) for key in "abc"] == [None, b"12345", b"1"]


STEPS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.binary(max_size=6), st.none() | st.floats(0.1, 5), st.floats(0, 3)),
    max_size=30,
)


@given(STEPS)
def test_the_memory_cache_behaves_like_a_dictionary_with_limits(steps):
    """
    It returns the last value of a key within its lifetime, and never exceeds its limits.
    """
    clock = FakeClock()
    cache = MemoryCache(MemoryCacheSettings(max_entries=3, max_bytes=12), clock)
    model: dict[str, tuple[bytes, float]] = {}
    for key, value, ttl, seconds in steps:
        cache.set(key, value, ttl=ttl)
        model[key] = (value, float("inf") if ttl is None else clock.monotonic() + ttl)
        clock.now += seconds
        for name, (cached, end) in model.items():
            assert cache.get(name) in ((cached, None) if clock.monotonic() < end else (None,))
        assert len(cache._entries) <= 3
        assert cache._bytes == sum(len(value) for value, _ in cache._entries.values()) <= 12


def test_threads_share_the_memory_cache():
    """
    Concurrent reads and writes keep the size correct.
    """
    cache = MemoryCache(MemoryCacheSettings(max_entries=8, max_bytes=64), FakeClock())

    def work(number):
        for turn in range(500):
            cache.set(str((number * turn) % 13), b"x" * (turn % 20), ttl=turn % 3 or None)
            cache.get(str(turn % 13))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert cache._bytes == sum(len(value) for value, _ in cache._entries.values())
