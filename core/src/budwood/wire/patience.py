"""Bound the waits of one reply by a single timer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class Patience:
    """
    Bounds one wait after the other, as `asyncio.timeout` would each of them.

    The timer is not moved with every wait, but only once it rings and the wait of that moment may still go on. A timer
    for every wait is a sixth of what a stream costs.
    """

    __slots__ = ("_end", "_over", "_task", "_timer")

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._end = 0.0
        self._over = False

    async def wait(self, pending: Awaitable[T], seconds: float) -> T:
        """
        Wait, for so many seconds at most.

        Raises:
            TimeoutError: They have passed.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("only a task can wait")
        cancelled = task.cancelling()
        self._end = loop.time() + seconds
        self._over = False
        if self._timer is None or self._timer.when() > self._end:
            self._start(loop)
        self._task = task
        try:
            return await pending
        except asyncio.CancelledError as error:
            if self._over and task.uncancel() <= cancelled:
                raise TimeoutError from error
            raise
        finally:
            self._task = None

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.stop()
        self._timer = loop.call_at(self._end, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._task is None:
            return
        if loop.time() < self._end:
            self._start(loop)
            return
        self._over = True
        self._task.cancel()

    def stop(self) -> None:
        """Let go of the timer, once nothing will be waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
