"""The suite for caches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import pytest
from hypothesis import strategies as st

from budwood.contracts import BatchCache, Cache, CountingCache, LeasingCache, ManagedCache
from budwood_testing.clock import FakeClock
from budwood_testing.suites.cache.counting import CountingTests
from budwood_testing.suites.cache.leasing import LeasingTests
from budwood_testing.suites.cache.managing import ManagingTests
from budwood_testing.suites.cache.models import ModelTests
from budwood_testing.suites.cache.under_test import calls_of
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS, error_of, for_all, texts
from budwood_testing.suites.untested import ReportUntested

_VALUES: Final = (b"", b"\x00", b"\xff\xfe", b"value\r\n", bytes(range(256)), b"None", b"x" * (1024 * 1024))
_SIMILAR_KEYS: Final = (
    ("key", "Key"),
    ("key", "key "),
    ("key", " key"),
    ("a/b", "a\\b"),
    ("a/b", "a_b"),
    ("a:b", "a_b"),
    ("e\u0301", "\u00e9"),
    ("key", "key\x00"),
    ("key", "key\x00more"),
    ("", "\x00"),
    ("../key", "key"),
    ("1", "01"),
    ("k" * 300, "k" * 301),
)
"""Pairs of keys that a store might treat as equal."""
_THREADS: Final = 4
_ROUNDS: Final = 25


class CacheSuite(ManagingTests, CountingTests, LeasingTests, ModelTests):
    """
    Tests a cache. What a cache may do besides storing values is tested if it has the methods for it.

    .. code-block:: python

        class TestRedis(CacheSuite):
            plugin = "redis"
            persists = True

            def settings(self, folder):
                return {"url": start_server(folder)}

    See `CacheUnderTest` for what else its author may supply.
    """

    def test_unknown_key_returns_none(self, cache: Cache) -> None:
        """`get` returns None for a key that was never stored; it does not raise."""
        assert cache.get("nothing") is None

    def test_get_returns_the_stored_value(self, cache: Cache) -> None:
        """`get` returns the stored bytes, every time."""
        cache.set("key", b"value")

        assert [cache.get("key"), cache.get("key")] == [b"value", b"value"]
        assert type(cache.get("key")) is bytes

    def test_any_bytes_can_be_stored(self, cache: Cache) -> None:
        """Values may be empty, binary, or large."""

        def check(value: bytes) -> None:
            cache.set("key", value)
            assert cache.get("key") == value

        for_all(st.binary(max_size=200), check, always=_VALUES)

    def test_any_text_can_be_a_key(self, cache: Cache) -> None:
        """Keys may be long, look like paths, or contain control characters or lone surrogates."""

        def check(key: str) -> None:
            cache.set(key, key.encode("utf-8", "surrogatepass"))
            assert cache.get(key) == key.encode("utf-8", "surrogatepass")

        for_all(texts(), check, always=(*HOSTILE_TEXTS, "k" * 10_000, "half \ud800", "../../etc/key", "a/b\\c:d*?"))

    @pytest.mark.parametrize(("one", "other"), _SIMILAR_KEYS)
    def test_similar_keys_are_distinct(self, cache: Cache, one: str, other: str) -> None:
        """Keys are compared exactly."""
        cache.set(one, b"one")

        assert cache.get(other) is None
        cache.set(other, b"other")
        assert (cache.get(one), cache.get(other)) == (b"one", b"other")

    def test_new_value_replaces_the_old_one(self, cache: Cache) -> None:
        """`get` returns the latest value, even if it is shorter than the previous one."""
        cache.set("key", b"a long first value")
        cache.set("key", b"new")

        assert cache.get("key") == b"new"

    def test_value_expires_after_its_ttl(self, cache: Cache, clock: FakeClock) -> None:
        """A value is returned until its ttl has passed, and not afterwards."""
        cache.set("key", b"value", ttl=60)
        self.pass_time(clock, 59)
        assert cache.get("key") == b"value"

        self.pass_time(clock, 1)
        assert cache.get("key") is None

    def test_ttl_may_be_a_fraction_of_a_second(self, cache: Cache, clock: FakeClock) -> None:
        """A ttl is not rounded to seconds, and may be less than one."""
        cache.set("long", b"value", ttl=59.9)
        cache.set("short", b"value", ttl=0.9)
        assert cache.get("short") == b"value"

        self.pass_time(clock, 59)
        assert (cache.get("long"), cache.get("short")) == (b"value", None)
        self.pass_time(clock, 0.9)
        assert cache.get("long") is None

    def test_value_without_a_ttl_does_not_expire(self, cache: Cache, clock: FakeClock) -> None:
        """A value without a ttl is still there after ten years."""
        cache.set("key", b"value")
        self.pass_time(clock, 10 * 365 * 86400)

        assert cache.get("key") == b"value"

    def test_new_value_has_its_own_ttl(self, cache: Cache, clock: FakeClock) -> None:
        """A new value replaces the ttl of the old one, whether or not either has one."""
        cache.set("first", b"old", ttl=10)
        cache.set("first", b"new")
        cache.set("second", b"old")
        cache.set("second", b"new", ttl=10)
        self.pass_time(clock, 11)

        assert (cache.get("first"), cache.get("second")) == (b"new", None)

    def test_reading_does_not_extend_the_ttl(self, cache: Cache, clock: FakeClock) -> None:
        """The ttl starts when the value is stored, not when it is read."""
        cache.set("key", b"value", ttl=10)
        self.pass_time(clock, 6)
        cache.get("key")
        self.pass_time(clock, 6)

        assert cache.get("key") is None

    def test_is_thread_safe(self, cache: Cache) -> None:
        """Threads read back what they stored, and a key that all of them write never holds a mixture."""
        failures: list[str] = []
        barrier = threading.Barrier(_THREADS)

        def work(number: int) -> None:
            barrier.wait()
            try:
                for count in range(_ROUNDS):
                    cache.set(f"own {number}", bytes([count]) * 500)
                    cache.set("shared", bytes([number]) * 500)
                    if cache.get(f"own {number}") != bytes([count]) * 500:
                        failures.append(f"thread {number} lost value {count}")
                    if len(set(cache.get("shared") or b"")) != 1:
                        failures.append("the shared value mixes bytes of several threads")
            except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
                failures.append(repr(error))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []

    def test_closing_twice_is_no_error(self, build: Build) -> None:
        """`close` can be called twice, with or without use in between."""
        for used in (False, True):
            cache = build().implementation
            if used:
                cache.set("key", b"value")
            cache.close()
            cache.close()

    def test_stored_values_are_visible_to_other_instances(self, build: Build) -> None:
        """Another instance finds a value while the first is open, and after it was closed."""
        self.need(persists=True)
        cache, beside = build().implementation, build().implementation
        cache.set("key", b"value")
        assert beside.get("key") == b"value"

        cache.close()
        assert build().implementation.get("key") == b"value"

    def test_value_expires_while_the_cache_is_closed(self, build: Build, clock: FakeClock) -> None:
        """The ttl also runs while no instance is open."""
        self.need(persists=True)
        cache = build().implementation
        cache.set("key", b"value", ttl=10)
        cache.close()
        self.pass_time(clock, 10)

        assert build().implementation.get("key") is None

    def test_unusable_store_raises_os_error(self, build: Build, folder: Path) -> None:
        """A store that cannot be used raises OSError, which the engine logs: a cache never makes a call fail."""
        broken = self.broken_settings(folder)
        if broken is None:
            assert not self.persists, "a persistent cache needs broken_settings() in its suite"
            pytest.skip(f"broken_settings() returns None for {self.plugin}")
        cache = build(**broken).implementation
        for method, use in calls_of(cache).items():
            assert error_of(use, OSError, f"{method}()"), f"{method}() must raise OSError"
        cache.close()

    def test_store_that_breaks_during_use_raises_os_error(
        self, build: Build, folder: Path, untested: ReportUntested
    ) -> None:
        """If an open store breaks, methods raise OSError or keep working; they raise nothing else."""
        caches = [build().implementation for _ in range(2)]
        for cache in caches:
            cache.set("key", b"value")
        if not self.break_store(folder):
            self.need(persists=True)
            untested(f"{self.plugin}: a store that breaks raises OSError. Implement break_store() to test this.")
        for cache in (*caches, build().implementation):
            for method, use in calls_of(cache).items():
                error_of(use, OSError, f"{method}()")
            error_of(cache.close, OSError, "close()")

    def test_optional_methods_are_complete(self, cache: Cache) -> None:
        """A cache with one method of a Protocol has all of them: otherwise it is not used as one."""
        for protocol in (BatchCache, ManagedCache, CountingCache, LeasingCache):
            methods = [name for name in vars(protocol) if not name.startswith("_")]
            missing = [name for name in methods if not callable(getattr(cache, name, None))]
            assert missing in ([], methods), f"to be a {protocol.__name__}, the cache also needs {', '.join(missing)}"
