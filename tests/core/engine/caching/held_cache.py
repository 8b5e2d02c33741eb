"""A cache whose reads a test can hold, with leases."""

from __future__ import annotations

import threading
from collections.abc import Container


class HeldCache:
    """
    Stores values in a dictionary. Some reads wait until `opened` is set.

    Args:
        waiting: The numbers of the reads that wait. The first is 1. The request of a call reads once more.

    Attributes:
        gets: The number of reads.
        held: Released once for each read that waits.

    `LeasingCache` has also:
        calls: What was done with leases: ``("acquire", state)`` and ``("release", kept, seconds)``.
        owners: The owners of leases, by key; None for a reply that was not kept.
    """

    def __init__(self, waiting: Container[int] = ()):
        self.values: dict[str, bytes] = {}
        self.opened = threading.Event()
        self.held = threading.Semaphore(0)
        self.gets = 0
        self._waiting = waiting
        self._lock = threading.Lock()

    def get(self, key):
        value = self.values.get(key)
        with self._lock:
            self.gets += 1
            is_waiting = self.gets in self._waiting
        if is_waiting:
            self.held.release()
            self.opened.wait(30)
            value = self.values.get(key)
        return value

    def set(self, key, value, *, ttl=None):
        self.values[key] = value

    def close(self):
        pass


class LeasingCache(HeldCache):
    def __init__(self, waiting: Container[int] = ()):
        super().__init__(waiting)
        self.calls: list[tuple[object, ...]] = []
        self.owners: dict[str, str | None] = {}

    def acquire(self, key, owner, seconds):
        with self._lock:
            holder = self.owners.setdefault(key, owner)
        state = "acquired" if holder == owner else "not kept" if holder is None else "held"
        self.calls.append(("acquire", state))
        return state

    def release(self, key, owner, *, kept, seconds):
        self.calls.append(("release", kept, seconds))
        with self._lock:
            if self.owners.get(key) == owner:
                del self.owners[key]
