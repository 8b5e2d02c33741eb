"""Tests of caches that read several values at once, and of those whose content can be listed and removed."""

from __future__ import annotations

from typing import Final

import pytest

from budwood.contracts import BatchCache, Cache, ManagedCache
from budwood.types import CachedItem
from budwood_testing.clock import FakeClock
from budwood_testing.suites.cache.under_test import CacheUnderTest
from budwood_testing.suites.properties import HOSTILE_TEXTS

_MANY: Final = 1200
"""More entries than a store removes or lists at once."""

_PREFIXES: Final = (
    *("%", "_", "*", "?", "[a]", "[^x]", "\\", "\\*", "^", "$", "'", '"', ";--", "{a}", "a:b:", "%_%:", "default:"),
    *("\u00e9", "e\u0301", "A", "\x00", "a\nb", "\xff", "\uffff", "\U0010ffff", "half \ud800", "\ud83d", "k" * 300),
    *HOSTILE_TEXTS,
)
"""Beginnings of keys with characters that stores use in patterns, queries and comparisons."""


class ManagingTests(CacheUnderTest):
    """Tests of `BatchCache` and `ManagedCache`."""

    def test_several_values_are_read_in_order(self, cache: Cache, batch: BatchCache, clock: FakeClock) -> None:
        """`get_many` returns a value or None for each key; missing, repeated and expired ones keep their places."""
        cache.set("a", b"1")
        cache.set("b", b"", ttl=60)
        cache.set("c", b"3", ttl=10)
        self.pass_time(clock, 10)

        assert list(batch.get_many(["b", "none", "a", "c", "b"])) == [b"", None, b"1", None, b""]
        assert list(batch.get_many([])) == []

    def test_many_values_are_read_at_once(self, cache: Cache, batch: BatchCache) -> None:
        """The number of keys is not limited."""
        keys = [f"key {number}" for number in range(_MANY)]
        cache.set(keys[-1], b"last")

        assert list(batch.get_many(keys)) == [None] * (_MANY - 1) + [b"last"]

    def test_entries_are_listed(self, cache: Cache, managed: ManagedCache, clock: FakeClock) -> None:
        """`items` yields the key, the size of the value and the time of expiry of each entry."""
        cache.set("n:short", b"12345")
        cache.set("n:empty", b"", ttl=3600)
        listed = {item.key: item for item in managed.items()}

        assert {key: item.size for key, item in listed.items()} == {"n:short": 5, "n:empty": 0}
        assert all(isinstance(item, CachedItem) for item in listed.values())
        assert listed["n:short"].expires is None
        assert listed["n:empty"].expires == pytest.approx(self.now(clock) + 3600, abs=60)

    def test_new_value_is_listed_once(self, cache: Cache, managed: ManagedCache) -> None:
        """An entry that was replaced has its new size and no ttl of before."""
        cache.set("key", b"a long first value", ttl=60)
        cache.set("key", b"new")

        assert [(item.key, item.size, item.expires) for item in managed.items()] == [("key", 3, None)]

    def test_expired_entries_do_not_count(self, cache: Cache, managed: ManagedCache, clock: FakeClock) -> None:
        """They are not listed, and `delete` and `clear` do not count them."""
        cache.set("expired", b"1", ttl=10)
        cache.set("also expired", b"1", ttl=10)
        cache.set("kept", b"1", ttl=3600)
        self.pass_time(clock, 10)

        assert [item.key for item in managed.items()] == ["kept"]
        assert not managed.delete("expired")
        assert managed.clear() == 1

    @pytest.mark.parametrize("prefix", _PREFIXES)
    def test_prefix_is_compared_exactly(self, cache: Cache, managed: ManagedCache, prefix: str) -> None:
        """`items` and `clear` select the keys that start with the prefix, whatever characters it has, and no others."""
        keys = {
            prefix,
            f"{prefix}key",
            f"{prefix}{prefix}",
            f"x{prefix}",
            prefix[:-1],
            prefix.lower(),
            "other",
            "a",
            "\x01",
        }
        for key in keys:
            cache.set(key, b"value")
        selected = {key for key in keys if key.startswith(prefix)}

        assert sorted(item.key for item in managed.items(prefix)) == sorted(selected)
        assert managed.clear(prefix) == len(selected)
        assert sorted(item.key for item in managed.items()) == sorted(keys - selected)
        assert {key for key in keys if cache.get(key) is not None} == keys - selected

    def test_many_entries_are_listed_and_removed(self, cache: Cache, managed: ManagedCache) -> None:
        """Each is listed once, and `clear` removes all of them."""
        keys = [f"n:{number}" for number in range(_MANY)]
        for key in keys:
            cache.set(key, b"value")
        cache.set("m:1", b"value")

        assert sorted(item.key for item in managed.items("n:")) == sorted(keys)
        assert managed.clear("n:") == _MANY
        assert [item.key for item in managed.items()] == ["m:1"]

    def test_entry_is_deleted(self, cache: Cache, managed: ManagedCache) -> None:
        """`delete` removes one entry, and returns whether there was one."""
        for key in ("key", "key 2", "Key"):
            cache.set(key, b"value")

        assert managed.delete("key")
        assert not managed.delete("key")
        assert [cache.get(key) for key in ("key", "key 2", "Key")] == [None, b"value", b"value"]

    def test_entries_may_change_while_they_are_listed(self, cache: Cache, managed: ManagedCache) -> None:
        """Entries that stay are listed, whatever happens to others in the meantime."""
        for number in range(_MANY):
            cache.set(f"{number}", b"value")
        listed = set()
        for number, item in enumerate(managed.items()):
            listed.add(item.key)
            managed.delete(f"{2 * number + 1}")
            if number < _MANY:
                cache.set(f"new {number}", b"value")

        assert {f"{number}" for number in range(0, _MANY, 2)} <= listed

    def test_pruning_keeps_what_has_not_expired(self, cache: Cache, managed: ManagedCache, clock: FakeClock) -> None:
        """`prune` removes expired entries, which the store may have done itself, and no others."""
        cache.set("for ever", b"1")
        cache.set("long", b"2", ttl=3600)
        for number in range(10):
            cache.set(f"short {number}", b"3", ttl=10)
        self.pass_time(clock, 10)

        assert 0 <= managed.prune() <= 10
        assert managed.prune() == 0
        assert (cache.get("for ever"), cache.get("long")) == (b"1", b"2")
        assert sorted(item.key for item in managed.items()) == ["for ever", "long"]
