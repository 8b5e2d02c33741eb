"""The base of the suite for caches: what its author supplies, and fixtures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from budwood.contracts import BatchCache, Cache, CountingCache, LeasingCache, ManagedCache
from budwood.hooks import CACHE, Kind
from budwood.types import CacheCounts
from budwood_testing.clock import FakeClock
from budwood_testing.suites.plugin import Build, PluginSuite


class CacheUnderTest(PluginSuite):
    """
    The cache under test.

    Attributes:
        persists: Whether values stored by one instance are visible to other instances with the same settings.
        has_own_clock: Whether it measures time by the clock of its store. See `pass_time`.
    """

    kind: ClassVar[Kind[Any]] = CACHE
    persists: ClassVar[bool] = False
    has_own_clock: ClassVar[bool] = False

    def broken_settings(self, folder: Path) -> Mapping[str, object] | None:
        """Return settings of a store that cannot be used, such as a missing or read-only one, or None."""
        return None

    def break_store(self, folder: Path) -> bool:
        """
        Break the store that `settings` refers to: damage its file, or stop its server.

        Returns:
            Whether the store was broken. The default implementation returns False.
        """
        return False

    def pass_time(self, clock: FakeClock, seconds: float) -> None:
        """
        Let time pass for the cache.

        By default it advances the clock of the plugin; with `has_own_clock` it sleeps. Some tests let years pass:
        override it for a store with a clock of its own, for instance to shorten the ttl of all entries and leases.
        """
        if self.has_own_clock:
            time.sleep(seconds)
        else:
            clock.sleep(seconds)

    def now(self, clock: FakeClock) -> float:
        """Return the seconds since 1970, by the clock of the cache."""
        return time.time() if self.has_own_clock else clock.time()

    @pytest.fixture
    def cache(self, build: Build) -> Cache:
        """Build the cache."""
        cache: Cache = build().implementation
        return cache

    @pytest.fixture
    def batch(self, cache: Cache) -> BatchCache:
        """Return the cache, if it reads several values at once."""
        if not isinstance(cache, BatchCache):
            pytest.skip(f"{self.plugin} is no BatchCache")
        return cache

    @pytest.fixture
    def managed(self, cache: Cache) -> ManagedCache:
        """Return the cache, if its content can be listed and removed."""
        if not isinstance(cache, ManagedCache):
            pytest.skip(f"{self.plugin} is no ManagedCache")
        return cache

    @pytest.fixture
    def counting(self, cache: Cache) -> CountingCache:
        """Return the cache, if it keeps counts."""
        if not isinstance(cache, CountingCache):
            pytest.skip(f"{self.plugin} is no CountingCache")
        return cache

    @pytest.fixture
    def leasing(self, cache: Cache) -> LeasingCache:
        """Return the cache, if it has leases."""
        if not isinstance(cache, LeasingCache):
            pytest.skip(f"{self.plugin} is no LeasingCache")
        return cache

    def need(self, *, persists: bool) -> None:
        """Skip a test if the cache does not persist."""
        if self.persists is not persists:
            pytest.skip(f"{self.plugin} does not set `persists`")


def calls_of(cache: Cache) -> dict[str, Callable[[], object]]:
    """Return a call of each method that uses the store, by its name."""
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: _check([cache.get("key")]),
        "set": lambda: cache.set("other", b"value"),
    }
    if isinstance(cache, BatchCache):
        many = cache.get_many
        calls["get_many"] = lambda: _check(many(["key"]))
    if isinstance(cache, ManagedCache):
        items = cache.items
        calls |= {
            "items": lambda: list(items()),
            "delete": lambda: cache.delete("none"),
            "clear": lambda: cache.clear("none"),
            "prune": cache.prune,
        }
    if isinstance(cache, CountingCache):
        calls |= {"add_counts": lambda: cache.add_counts({"n": CacheCounts(hits=1)}), "counts": cache.counts}
    if isinstance(cache, LeasingCache):
        calls |= {
            "acquire": lambda: cache.acquire("key", "owner", 60),
            "release": lambda: cache.release("key", "owner", kept=True, seconds=0),
        }
    return calls


def _check(values: Sequence[bytes | None]) -> None:
    assert set(values) <= {b"value", None}, "the cache returned a value that was never stored"
