"""Count hits and misses, and store the counts in a cache that keeps them."""

from __future__ import annotations

import atexit
import threading
import weakref
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from budwood.contracts import CountingCache
from budwood.engine.caching.layers import CacheLayer, report_outage
from budwood.engine.drivers.effects import Flow
from budwood.types import CacheCounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood.engine.pipeline.call import Call
    from budwood.types import Attempt

FLUSH_SECONDS: Final = 1.0
"""Seconds for which counts are collected before they are stored."""

_counters: Final[weakref.WeakSet[Counter]] = weakref.WeakSet()
"""Those whose counts are stored, at the latest when the process exits."""


class Counter:
    """
    Counts what the cache of a client answers, by namespace.

    Args:
        layer: The cache that keeps the counts; None if no cache does.
    """

    def __init__(self, layer: CacheLayer | None) -> None:
        self._layer = layer
        self._store = None if layer is None else cast("CountingCache", layer.store)
        self._flushed: float | None = None
        self.reset()
        if layer is not None:
            _counters.add(self)

    def reset(self) -> None:
        """Forget the counts, in a forked process, whose parent stores them."""
        self._counts: dict[str, _Counts] = {}
        self._lock = threading.Lock()

    def count(self, call: Call, attempts: Sequence[Attempt]) -> Flow[None]:
        """
        Count a request that was looked up, and store the counts if the last time is long enough ago.

        Args:
            call: The call.
            attempts: What was done for the request. It is a hit if nothing was sent; part of a batch may be saved.
        """
        if self._layer is None or self._store is None:
            return
        is_hit, saved = bool(attempts), Decimal(0)
        for attempt in attempts:
            is_hit = is_hit and (attempt.cached or attempt.skipped is not None)
            saved += attempt.saved or 0
        now, namespace = call.clock.monotonic(), call.options.cache_namespace
        with self._lock:
            counts = self._counts.get(namespace)
            if counts is None:
                counts = self._counts[namespace] = _Counts()
            if is_hit:
                counts.hits += 1
            else:
                counts.misses += 1
            counts.saved += saved
            if self._flushed is None:
                self._flushed = now
            if now < self._flushed + FLUSH_SECONDS:
                return
            self._flushed = now
            taken = self._take()
        try:
            yield self._layer.invoke("add_counts", partial(self._store.add_counts, taken))
        except Exception as error:  # noqa: BLE001 - whatever a cache raises
            report_outage(call, self._layer, "add_counts", error)

    def close(self) -> None:
        """Store what is left."""
        with self._lock:
            taken = self._take()
        if taken and self._store is not None:
            with suppress(Exception):  # counts are not worth an error
                self._store.add_counts(taken)

    def _take(self) -> dict[str, CacheCounts]:
        taken, self._counts = self._counts, {}
        return {name: CacheCounts(counts.hits, counts.misses, counts.saved) for name, counts in taken.items()}


def _close_counters() -> None:
    """Store the counts of clients that were not closed."""
    for counter in tuple(_counters):
        counter.close()


# Caches may close files by finalizers. The first finalizer registers all of them to run at exit, and what is registered
# later runs before them.
weakref.finalize(Counter, int)
atexit.register(_close_counters)


class _Counts:
    """Counts of a namespace that were not stored yet."""

    __slots__ = ("hits", "misses", "saved")

    def __init__(self) -> None:
        self.hits = 0
        self.misses = 0
        self.saved = Decimal(0)
