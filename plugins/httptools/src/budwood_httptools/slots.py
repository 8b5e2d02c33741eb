"""Limit how many requests are in flight."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """
    Slots for requests in flight; further requests wait in order. Belongs to one event loop.

    `asyncio.Semaphore` costs six times as much if a slot is free, as it nearly always is.

    Attributes:
        free: How many slots are free; 0 while requests wait. To take a free slot, decrement it.
    """

    __slots__ = ("_waiting", "free")

    def __init__(self, count: int) -> None:
        self.free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait for a slot if none is free, and take it."""
        slot = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if not slot.cancelled():  # a slot was given to this task at the same time
                self.release()
            elif slot in self._waiting:
                self._waiting.remove(slot)
            raise

    def release(self) -> None:
        """Return a slot; the request that has waited longest gets it."""
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.done():
                slot.set_result(None)
                return
        self.free += 1
