"""
Deadlines of tasks, with one timer for all.

`asyncio.timeout` sets and cancels a timer for each wait: with three waits per call, that is a sixth of the cost of a
call over a fast connection. Hardly any deadline is ever reached.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from budwood.errors import ConfigurationError


class Deadlines:
    """
    Ends waits of tasks at their deadlines. Belongs to the event loop in which it is first used.

    .. code-block:: python

        with deadlines.within(seconds):
            data = await read()  # or TimeoutError

    Attributes:
        loop: The event loop; None before the first wait.
        waits: The active waits.
        next: When the timer fires, by the loop's clock.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.waits: Final[set[Wait]] = set()
        self.next = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def within(self, seconds: float) -> Wait:
        """
        Return a context manager that limits how long this task waits, from now on.

        Like `asyncio.timeout`, it raises `TimeoutError` when the time is over.
        """
        return Wait(self, seconds)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """
        Note the event loop of the first wait.

        Raises:
            ConfigurationError: There was one already, and its connections and timers do not work in another.
        """
        if self.loop is not None:
            raise ConfigurationError(
                "A connection was used in another event loop than the one that opened it.",
                hint="Read a stream in the event loop that opened it, and give each loop a transport of its own.",
            )
        self.loop = loop

    def stop(self) -> None:
        """Cancel the timer, once no task will wait any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.next = None, float("inf")

    def set_timer(self, moment: float) -> None:
        """Check the waits at that time."""
        if self._timer is not None:
            self._timer.cancel()
        self.next = moment
        self._timer = asyncio.get_running_loop().call_at(moment, self._check)

    def _check(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer, self.next = None, float("inf")
        for wait in [wait for wait in self.waits if wait.end <= now]:
            self.waits.discard(wait)
            wait.expire()
        if self.waits:
            self.set_timer(min(wait.end for wait in self.waits))


class Wait:
    """
    One wait of a task with a deadline.

    Attributes:
        end: The deadline, by the loop's clock.
    """

    __slots__ = ("_cancelling", "_deadlines", "_expired", "_task", "end")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if loop is not deadlines.loop:
            deadlines.bind(loop)
        self.end = loop.time() + seconds
        self._deadlines = deadlines
        self._expired = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A wait with a deadline needs a task.")
        self._task = task
        self._cancelling = task.cancelling()
        deadlines = self._deadlines
        deadlines.waits.add(self)
        if self.end < deadlines.next:
            deadlines.set_timer(self.end)
        return self

    def expire(self) -> None:
        """End the wait."""
        self._expired = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._expired:
            self._deadlines.waits.discard(
                self
            )  # the timer stays: cancelling it costs more than one that finds nothing to do
            return
        # If the task was also cancelled for another reason, it stays cancelled.
        if (
            self._task is not None
            and self._task.uncancel() <= self._cancelling
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from error
