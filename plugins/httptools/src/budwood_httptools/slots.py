"""Bound how many requests are under way at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """
    So many places for requests. Those that find none wait in order. Belongs to one event loop.

    `asyncio.Semaphore` does the same at six times the cost where a place is free, which is nearly always.

    Attributes:
        free: How many places are free; while requests wait, none is. Whoever takes one counts it down.
    """

    __slots__ = ("_waiting", "free")

    def __init__(self, count: int) -> None:
        self.free = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self) -> None:
        """Wait for a place where none is free, and take it."""
        given = asyncio.get_running_loop().create_future()
        self._waiting.append(given)
        try:
            await given
        except asyncio.CancelledError:
            if not given.cancelled():  # the place was given in the same instant
                self.give()
            elif given in self._waiting:
                self._waiting.remove(given)
            raise

    def give(self) -> None:
        """Give a place back, to the request that has waited longest."""
        while self._waiting:
            given = self._waiting.popleft()
            if not given.done():
                given.set_result(None)
                return
        self.free += 1
