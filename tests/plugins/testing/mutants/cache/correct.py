"""A correct cache, which can do all that a cache may do."""

import threading
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.hooks import CACHE, CacheSpec
from budwood.types import CacheCounts, CachedItem
from budwood_testing import CacheSuite
from tests.plugins.testing.mutants.registering import registry_of

STORES = {}
"""The content of all stores; it remains when a cache is closed."""

LOCK = threading.RLock()


class MemorySettings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: Path


class Store:
    def __init__(self):
        self.entries = {}
        self.counts = {}
        self.leases = {}


class MemoryCache:
    """
    Stores entries in the memory of the process.
    """

    def __init__(self, settings, context):
        self.settings = settings
        self.clock = context.clock
        self.closed = False

    @property
    def store(self):
        if not self.settings.path.parent.is_dir():
            raise NotADirectoryError(str(self.settings.path))
        return STORES.setdefault(self.settings.path, Store())

    @property
    def entries(self):
        return self.store.entries

    def name(self, key):
        return key

    def now(self):
        return self.clock.time()

    def is_live(self, end):
        return end is None or self.now() < end

    def get(self, key):
        value, end = self.entries.get(self.name(key), (None, None))
        return value if self.is_live(end) else None

    def set(self, key, value, *, ttl=None):
        self.entries[self.name(key)] = (value, None if ttl is None else self.now() + ttl)

    def close(self):
        self.closed = True

    def get_many(self, keys):
        _ = self.store
        return [self.get(key) for key in keys]

    def matches(self, key, prefix):
        return key.startswith(prefix)

    def items(self, prefix=""):
        for key, (value, end) in list(self.entries.items()):
            if self.matches(key, prefix) and self.is_live(end):
                yield CachedItem(key, len(value), end)

    def delete(self, key):
        is_present = self.get(key) is not None
        self.entries.pop(self.name(key), None)
        return is_present

    def clear(self, prefix=""):
        return sum(self.delete(item.key) for item in list(self.items(prefix)))

    def prune(self):
        expired = [key for key, (_, end) in self.entries.items() if not self.is_live(end)]
        for key in expired:
            del self.entries[key]
        return len(expired)

    def add_counts(self, counts):
        with LOCK:
            for name, count in counts.items():
                self.store.counts[name] = self.store.counts.get(name, CacheCounts()) + count
            _ = self.store

    def counts(self):
        return dict(self.store.counts)

    def acquire(self, key, owner, seconds):
        with LOCK:
            holder, end = self.store.leases.get(key, (owner, 0))
            if holder != owner and self.now() < end:
                return "not kept" if holder is None else "held"
            self.store.leases[key] = (owner, self.now() + seconds)
            return "acquired"

    def release(self, key, owner, *, kept, seconds):
        with LOCK:
            holder, end = self.store.leases.get(key, (None, 0))
            if holder == owner and self.now() < end:
                self.store.leases[key] = (None, 0 if kept else self.now() + seconds)


class Correct(CacheSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "memory-store"
    persists = True
    caught_by: ClassVar = ()
    Mutant: ClassVar = MemoryCache

    def __init_subclass__(cls):
        spec = CacheSpec(
            name="memory-store",
            settings=lambda: MemorySettings,
            build=cls.Mutant,
            requires_api=(2, 0),
            summary="Stores entries in memory.",
        )
        cls.registry = registry_of(CACHE, spec)

    def settings(self, folder):
        return {"path": folder / "memory-store"}

    def broken_settings(self, folder):
        (folder / "file").write_text("")
        return {"path": folder / "file" / "memory-store"}

    def break_store(self, folder):
        (folder / "broken").write_text("")
        return True


class TestCorrect(Correct):
    pass
