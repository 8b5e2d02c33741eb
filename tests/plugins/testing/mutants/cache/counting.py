"""Caches with defects in counting hits and misses."""

import time
from decimal import Decimal

from budwood.types import CacheCounts
from tests.plugins.testing.mutants.cache.correct import Correct, MemoryCache, Store


class TestBeginsWithADefaultNamespace(Correct):
    caught_by = ("test_new_cache_has_no_counts",)

    class Mutant(MemoryCache):
        def counts(self):
            return {"default": CacheCounts(), **super().counts()}


class TestReplacesCounts(Correct):
    caught_by = ("test_counts_are_added",)

    class Mutant(MemoryCache):
        def add_counts(self, counts):
            self.store.counts.update(counts)


class TestAddsNamespacesUp(Correct):
    caught_by = ("test_counts_are_added", "test_any_text_can_be_a_namespace")

    class Mutant(MemoryCache):
        def add_counts(self, counts):
            for count in counts.values():
                super().add_counts({"all": count})


class TestAddsFloats(Correct):
    caught_by = ("test_money_is_added_exactly",)

    class Mutant(MemoryCache):
        def counts(self):
            return {
                name: CacheCounts(count.hits, count.misses, Decimal(float(count.saved)))
                for name, count in super().counts().items()
            }


class TestLosesCountsOfThreads(Correct):
    caught_by = ("test_threads_count_together",)

    class Mutant(MemoryCache):
        def add_counts(self, counts):
            for name, count in counts.items():
                old = self.store.counts.get(name, CacheCounts())
                time.sleep(0.0001)
                self.store.counts[name] = old + count


class TestCountsForItself(Correct):
    caught_by = ("test_counts_are_shared",)

    class Mutant(MemoryCache):
        def __init__(self, settings, context):
            super().__init__(settings, context)
            self.own = Store()

        @property
        def store(self):
            _ = super().store
            return self.own


class TestListsCounts(Correct):
    caught_by = ("test_counts_are_no_entries",)

    class Mutant(MemoryCache):
        def add_counts(self, counts):
            super().add_counts(counts)
            for name in counts:
                self.set(f"counts of {name}", b"")


class TestClearsCounts(Correct):
    caught_by = ("test_counts_are_no_entries",)

    class Mutant(MemoryCache):
        def clear(self, prefix=""):
            self.store.counts.clear()
            return super().clear(prefix)
