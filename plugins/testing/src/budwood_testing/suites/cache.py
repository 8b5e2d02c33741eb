"""The suite for caches."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from hypothesis import strategies as st

from budwood.contracts import Cache
from budwood.hooks import CACHE, Kind
from budwood_testing.clock import FakeClock
from budwood_testing.suites.plugin import Build, PluginSuite
from budwood_testing.suites.properties import HOSTILE_TEXTS, for_all, texts
from budwood_testing.suites.proving import Unproved

_VALUES: Final = (b"", b"\x00", b"\xff\xfe", b"value\r\n", bytes(range(256)), b"None", b"x" * (1024 * 1024))
_ALIKE: Final = (
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
"""Keys that a store may take for one another."""
_THREADS: Final = 4
_ROUNDS: Final = 25


class CacheSuite(PluginSuite):
    """
    Proves a cache.

    .. code-block:: python

        class TestRedis(CacheSuite):
            plugin = "redis"
            persists = True

            def settings(self, folder):
                return {"url": start_server(folder)}

    Attributes:
        persists: Whether another instance with the same settings finds what one has kept.
    """

    kind: ClassVar[Kind[Any]] = CACHE
    persists: ClassVar[bool] = False

    def broken_settings(self, folder: Path) -> Mapping[str, object] | None:
        """Return settings of a store that cannot be used, where there can be one: not there, or not writable."""
        return None

    def other_namespace(self, folder: Path) -> Mapping[str, object] | None:
        """Return settings of the same store, but of another part of it, where the cache has such parts."""
        return None

    def break_store(self, folder: Path) -> bool:
        """
        Break the store that a cache with the settings of `settings` uses: damage its file, or stop its server.

        Returns:
            Whether there is a store that can break. By default there is none.
        """
        return False

    @pytest.fixture
    def cache(self, build: Build) -> Cache:
        """Make the cache."""
        cache: Cache = build().thing
        return cache

    def test_unknown_key_is_none(self, cache: Cache) -> None:
        """There is no error, and no empty value."""
        assert cache.get("nothing") is None

    def test_value_comes_back(self, cache: Cache) -> None:
        """As the same bytes, again and again."""
        cache.set("key", b"value")

        assert [cache.get("key"), cache.get("key")] == [b"value", b"value"]
        assert type(cache.get("key")) is bytes

    def test_any_value_comes_back(self, cache: Cache) -> None:
        """Empty, binary, and large."""

        def check(value: bytes) -> None:
            cache.set("key", value)
            assert cache.get("key") == value

        for_all(st.binary(max_size=200), check, always=_VALUES)

    def test_any_text_is_a_key(self, cache: Cache) -> None:
        """Long ones, paths, control characters, and what is no valid Unicode."""

        def check(key: str) -> None:
            cache.set(key, key.encode("utf-8", "surrogatepass"))
            assert cache.get(key) == key.encode("utf-8", "surrogatepass")

        for_all(texts(), check, always=(*HOSTILE_TEXTS, "k" * 10_000, "half \ud800", "../../etc/key", "a/b\\c:d*?"))

    @pytest.mark.parametrize(("one", "other"), _ALIKE)
    def test_keys_that_look_alike_are_told_apart(self, cache: Cache, one: str, other: str) -> None:
        """A key finds what was kept under exactly this key."""
        cache.set(one, b"one")

        assert cache.get(other) is None
        cache.set(other, b"other")
        assert (cache.get(one), cache.get(other)) == (b"one", b"other")

    def test_new_value_replaces_the_old_one(self, cache: Cache) -> None:
        """The last one counts, also where it is shorter."""
        cache.set("key", b"a long first value")
        cache.set("key", b"new")

        assert cache.get("key") == b"new"

    def test_value_lasts_as_long_as_it_was_given(self, cache: Cache, clock: FakeClock) -> None:
        """Until its time is over it is there, and from then on it is not."""
        cache.set("key", b"value", ttl=60)
        clock.sleep(59)
        assert cache.get("key") == b"value"

        clock.sleep(1)
        assert cache.get("key") is None

    def test_parts_of_a_second_count(self, cache: Cache, clock: FakeClock) -> None:
        """A time need not be whole."""
        cache.set("key", b"value", ttl=0.5)
        clock.sleep(0.25)
        assert cache.get("key") == b"value"

        clock.sleep(0.25)
        assert cache.get("key") is None

    def test_value_without_a_time_lasts(self, cache: Cache, clock: FakeClock) -> None:
        """Ten years are no end."""
        cache.set("key", b"value")
        clock.sleep(10 * 365 * 86400)

        assert cache.get("key") == b"value"

    def test_new_value_has_a_time_of_its_own(self, cache: Cache, clock: FakeClock) -> None:
        """Neither the end of the old one nor its being without an end is left."""
        cache.set("first", b"old", ttl=10)
        cache.set("first", b"new")
        cache.set("second", b"old")
        cache.set("second", b"new", ttl=10)
        clock.sleep(11)

        assert (cache.get("first"), cache.get("second")) == (b"new", None)

    def test_reading_does_not_prolong_a_time(self, cache: Cache, clock: FakeClock) -> None:
        """A value's time runs from when it was set."""
        cache.set("key", b"value", ttl=10)
        clock.sleep(6)
        cache.get("key")
        clock.sleep(6)

        assert cache.get("key") is None

    def test_threads_may_share_it(self, cache: Cache) -> None:
        """Each finds what it has kept, and of what all write at once a whole value."""
        failures: list[str] = []
        begin = threading.Barrier(_THREADS)

        def work(number: int) -> None:
            begin.wait()
            try:
                for turn in range(_ROUNDS):
                    cache.set(f"own {number}", bytes([turn]) * 500)
                    cache.set("shared", bytes([number]) * 500)
                    if cache.get(f"own {number}") != bytes([turn]) * 500:
                        failures.append(f"thread {number} lost its value in turn {turn}")
                    if len(set(cache.get("shared") or b"")) != 1:
                        failures.append("the shared value is a mixture")
            except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
                failures.append(repr(error))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []

    def test_closing_twice_is_no_error(self, build: Build) -> None:
        """Also where it was never used."""
        for used in (False, True):
            cache = build().thing
            if used:
                cache.set("key", b"value")
            cache.close()
            cache.close()

    def test_what_persists_is_found_again(self, build: Build) -> None:
        """By another instance, beside the first one and after it was closed."""
        self.need(persists=True)
        cache, beside = build().thing, build().thing
        cache.set("key", b"value")
        assert beside.get("key") == b"value"

        cache.close()
        assert build().thing.get("key") == b"value"

    def test_time_goes_on_while_nobody_looks(self, build: Build, clock: FakeClock) -> None:
        """A stored value expires in time, whichever object reads it."""
        self.need(persists=True)
        cache = build().thing
        cache.set("key", b"value", ttl=10)
        cache.close()
        clock.sleep(10)

        assert build().thing.get("key") is None

    def test_namespaces_do_not_see_each_other(self, build: Build, folder: Path, unproved: Unproved) -> None:
        """In one store, equal keys of two namespaces are two keys."""
        other = self.other_namespace(folder)
        if other is None:
            self.need(persists=True)
            unproved(f"{self.plugin}: other_namespace(…) is not stated, so that namespaces may see each other")
        here, there = build().thing, build(**other).thing
        here.set("key", b"here")
        assert there.get("key") is None

        there.set("key", b"there")
        assert (here.get("key"), there.get("key")) == (b"here", b"there")

    def test_broken_store_is_an_os_error(self, build: Build, folder: Path) -> None:
        """The engine logs it and continues without: a cache never fails a call."""
        broken = self.broken_settings(folder)
        if broken is None:
            assert not self.persists, "a store that persists can break: state broken_settings(…)"
            pytest.skip("it states no broken_settings(…)")
        cache = build(**broken).thing
        with pytest.raises(OSError):  # noqa: PT011 - any of them
            cache.set("key", b"value")
        with pytest.raises(OSError):  # noqa: PT011 - any of them
            cache.get("key")
        cache.close()

    def test_store_that_breaks_in_use_is_an_os_error(self, build: Build, folder: Path, unproved: Unproved) -> None:
        """A cache that has opened its store raises an `OSError` or serves on, whatever happens to the store."""
        caches = [build().thing for _ in range(2)]
        for cache in caches:
            cache.set("key", b"value")
        if not self.break_store(folder):
            self.need(persists=True)
            unproved(f"{self.plugin}: break_store(…) is not stated, so that a store that breaks in use may end calls")
        for cache in (*caches, build().thing):
            with contextlib.suppress(OSError):
                assert cache.get("key") in (b"value", None)
            with contextlib.suppress(OSError):
                cache.set("other", b"value")
            with contextlib.suppress(OSError):
                cache.close()

    def need(self, *, persists: bool) -> None:
        """Skip a test of what is not claimed."""
        if self.persists is not persists:
            pytest.skip(f"{self.plugin} does not claim to persist")
