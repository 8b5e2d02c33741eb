"""A cache in the memory of the process."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from budwood.contracts import Clock, PluginContext
from budwood.types import CacheCounts, CachedItem


class MemoryCacheSettings(BaseModel):
    """
    Settings of the memory cache.

    Attributes:
        max_entries: The maximum number of values. The least recently used value is removed first.
        max_bytes: The maximum size of all values, in bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    max_entries: Annotated[int, Field(ge=1)] = 10_000
    max_bytes: Annotated[int, Field(ge=1)] = 256 * 1024 * 1024


class _Entry(NamedTuple):
    """A value, and when it expires, as the clock's `monotonic`; None if it does not."""

    value: bytes
    end: float | None


class MemoryCache:
    """
    Stores values in memory until it is closed. Safe to use from several threads.

    Args:
        settings: The limits.
        clock: The clock for expiry times.
    """

    def __init__(self, settings: MemoryCacheSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._counts: dict[str, CacheCounts] = {}
        self._lock = threading.Lock()
        _caches.add(self)

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        with self._lock:
            return self._read(key)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of keys, in their order; None for each that is missing."""
        with self._lock:
            return [self._read(key) for key in keys]

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value for ``ttl`` seconds, or without a time limit."""
        with self._lock:
            self._remove(key)
            if len(value) > self._settings.max_bytes:
                return  # it would evict all other values, and then itself
            self._entries[key] = _Entry(value, None if ttl is None else self._clock.monotonic() + ttl)
            self._bytes += len(value)
            while len(self._entries) > self._settings.max_entries or self._bytes > self._settings.max_bytes:
                self._remove(next(iter(self._entries)))

    def items(self, prefix: str = "") -> Iterator[CachedItem]:
        """Return the entries whose key starts with the prefix, as they are when the iteration starts."""
        now, offset = self._clock.monotonic(), self._clock.time() - self._clock.monotonic()
        with self._lock:
            found = [
                CachedItem(key, len(value), None if end is None else offset + end)
                for key, (value, end) in self._entries.items()
                if key.startswith(prefix) and not _is_over(end, now)
            ]
        yield from found

    def delete(self, key: str) -> bool:
        """Remove an entry. Return whether there was one."""
        with self._lock:
            is_present = self._read(key) is not None
            self._remove(key)
            return is_present

    def clear(self, prefix: str = "") -> int:
        """Remove the entries whose key starts with the prefix. Return their number."""
        with self._lock:
            self._remove_expired()
            found = [key for key in self._entries if key.startswith(prefix)]
            for key in found:
                self._remove(key)
            return len(found)

    def prune(self) -> int:
        """Remove expired entries. Return their number."""
        with self._lock:
            return self._remove_expired()

    def add_counts(self, counts: Mapping[str, CacheCounts]) -> None:
        """Add to the counts of namespaces."""
        with self._lock:
            for namespace, added in counts.items():
                self._counts[namespace] = self._counts.get(namespace, CacheCounts()) + added

    def counts(self) -> dict[str, CacheCounts]:
        """Return the counts of all namespaces."""
        with self._lock:
            return dict(self._counts)

    def close(self) -> None:
        """Remove all values."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def after_fork(self) -> None:
        """Replace the lock, which another thread of the parent process may have held."""
        self._lock = threading.Lock()
        self._bytes = sum(len(entry.value) for entry in self._entries.values())

    def _read(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.end is not None and self._clock.monotonic() >= entry.end:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def _remove_expired(self) -> int:
        now = self._clock.monotonic()
        expired = [key for key, entry in self._entries.items() if _is_over(entry.end, now)]
        for key in expired:
            self._remove(key)
        return len(expired)

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.value)


_caches: Final[weakref.WeakSet[MemoryCache]] = weakref.WeakSet()
"""All memory caches of this process."""


def _after_fork() -> None:
    for cache in tuple(_caches):
        cache.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def build_memory_cache(settings: MemoryCacheSettings, context: PluginContext) -> MemoryCache:
    """Build a cache with these settings."""
    return MemoryCache(settings, context.clock)


def _is_over(end: float | None, now: float) -> bool:
    return end is not None and now >= end
