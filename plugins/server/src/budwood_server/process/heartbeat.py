"""
Heartbeats: a process says every few seconds that its event loop runs, and its parent notices when it no longer does.

The loop of a process that hangs in a blocking call, a deadlock or a stop signal sends none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

MAX_INTERVAL: Final = 5.0
"""The most seconds between two heartbeats."""

PARTS: Final = 4
"""Heartbeats and checks in the time after which a process is regarded as hanging."""


def choose_interval(timeout: float) -> float:
    """Return the seconds between two heartbeats for a timeout."""
    return min(MAX_INTERVAL, timeout / PARTS)


@contextmanager
def call_regularly(interval: float, action: Callable[[], None]) -> Iterator[None]:
    """Call a function in the running event loop, now and every `interval` seconds, until the end of the block."""
    loop = asyncio.get_running_loop()
    timer: asyncio.Handle

    def call() -> None:
        nonlocal timer
        action()
        timer = loop.call_later(interval, call)

    timer = loop.call_soon(call)
    try:
        yield
    finally:
        timer.cancel()


class SilenceWatch:
    """
    Notices that another process is silent for too long.

    If this process was late itself, as after the machine was suspended, the other one gets the whole time again.

    Args:
        limit: The seconds without a message that are too long.
        on_silence: Called once, with the seconds of silence.
        loop: The event loop; by default the running one.
    """

    def __init__(
        self, limit: float, on_silence: Callable[[float], None], loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._limit = limit
        self._on_silence = on_silence
        self._heard = self._loop.time()
        self._schedule()

    def hear(self) -> None:
        """Note a message."""
        self._heard = self._loop.time()

    def change_limit(self, limit: float) -> None:
        """Use another limit from now on."""
        self.stop()
        self._limit = limit
        self._schedule()

    def stop(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _schedule(self) -> None:
        period = self._limit / PARTS
        self._due = self._loop.time() + period
        self._timer = self._loop.call_later(period, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        if now - self._due > self._limit / PARTS:
            self._heard = now
        elif (silence := now - self._heard) > self._limit:
            self._on_silence(silence)
            return
        self._schedule()
