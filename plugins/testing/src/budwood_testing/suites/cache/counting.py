"""Tests of caches that keep the counts of hits and misses."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Final

import pytest

from budwood.contracts import Cache, CountingCache, ManagedCache
from budwood.types import CacheCounts
from budwood_testing.suites.cache.under_test import CacheUnderTest
from budwood_testing.suites.plugin import Build
from budwood_testing.suites.properties import HOSTILE_TEXTS

_THREADS: Final = 4
_ROUNDS: Final = 25
_UNIT: Final = Decimal("0.000000000001")
"""The accuracy of money, in US dollars."""


class CountingTests(CacheUnderTest):
    """Tests of `CountingCache`."""

    def test_new_cache_has_no_counts(self, counting: CountingCache) -> None:
        """`counts` is empty until something is counted."""
        assert dict(counting.counts()) == {}

    def test_counts_are_added(self, counting: CountingCache) -> None:
        """Each namespace has its own sum."""
        counting.add_counts({"one": CacheCounts(2, 1, Decimal("0.5")), "two": CacheCounts(misses=1)})
        counting.add_counts({"one": CacheCounts(3, 0, Decimal("0.25"))})
        counting.add_counts({})

        assert dict(counting.counts()) == {"one": CacheCounts(5, 1, Decimal("0.75")), "two": CacheCounts(0, 1)}

    def test_money_is_added_exactly(self, counting: CountingCache) -> None:
        """Amounts are neither floats nor rounded to cents: sums of 10⁻¹² dollars are exact."""
        for amount in (Decimal("0.1"), Decimal("0.2"), _UNIT, Decimal(12345)):
            counting.add_counts({"n": CacheCounts(1, 0, amount)})

        assert counting.counts()["n"] == CacheCounts(4, 0, Decimal("12345.300000000001"))

    def test_any_text_can_be_a_namespace(self, counting: CountingCache) -> None:
        """Namespaces are compared exactly."""
        names = {*HOSTILE_TEXTS, "default", "Default", "half \ud800", "a:b", "e\u0301", "\u00e9"}
        for name in names:
            counting.add_counts({name: CacheCounts(hits=1)})

        assert dict(counting.counts()) == dict.fromkeys(names, CacheCounts(hits=1))

    def test_threads_count_together(self, counting: CountingCache) -> None:
        """No count is lost when threads add at the same time."""
        barrier = threading.Barrier(_THREADS)
        failures: list[str] = []

        def work() -> None:
            barrier.wait()
            try:
                for _ in range(_ROUNDS):
                    counting.add_counts({"n": CacheCounts(1, 2, _UNIT)})
            except Exception as error:  # noqa: BLE001 - a thread has no caller to raise it to
                failures.append(repr(error))

        threads = [threading.Thread(target=work) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        count = _THREADS * _ROUNDS

        assert failures == []
        assert counting.counts()["n"] == CacheCounts(count, 2 * count, count * _UNIT)

    def test_counts_are_shared(self, build: Build, counting: CountingCache) -> None:
        """Other instances add to the same counts, and find them after the cache was closed."""
        self.need(persists=True)
        counting.add_counts({"n": CacheCounts(hits=1)})
        beside = build().implementation
        beside.add_counts({"n": CacheCounts(hits=1)})
        assert counting.counts()["n"] == CacheCounts(hits=2)

        beside.close()
        assert build().implementation.counts()["n"] == CacheCounts(hits=2)

    def test_counts_are_no_entries(self, cache: Cache, counting: CountingCache) -> None:
        """They are not listed, and removing all entries keeps them."""
        if not isinstance(cache, ManagedCache):
            pytest.skip(f"{self.plugin} is no ManagedCache")
        counting.add_counts({"n": CacheCounts(hits=1)})
        assert list(cache.items()) == []

        cache.clear()
        assert counting.counts()["n"] == CacheCounts(hits=1)
