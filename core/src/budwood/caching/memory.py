"""A cache in the memory of the process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from budwood.contracts import Clock, PluginContext


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
        self._entries: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """Return the value of a key, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            value, end = entry
            if end is not None and self._clock.monotonic() >= end:
                self._remove(key)
                return None
            self._entries.move_to_end(key)
            return value

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value for ``ttl`` seconds, or without a time limit."""
        with self._lock:
            self._remove(key)
            if len(value) > self._settings.max_bytes:
                return  # it would evict all other values, and then itself
            self._entries[key] = (value, None if ttl is None else self._clock.monotonic() + ttl)
            self._bytes += len(value)
            while len(self._entries) > self._settings.max_entries or self._bytes > self._settings.max_bytes:
                self._remove(next(iter(self._entries)))

    def close(self) -> None:
        """Remove all values."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _remove(self, key: str) -> None:
        value, _ = self._entries.pop(key, (b"", None))
        self._bytes -= len(value)


def build_memory_cache(settings: MemoryCacheSettings, context: PluginContext) -> MemoryCache:
    """Build a cache with these settings."""
    return MemoryCache(settings, context.clock)
