"""The attempts that wait for a key, in the order of their arrival."""

from __future__ import annotations

from typing import Final

from budwood.engine.drivers.latch import Latch

STALL_SECONDS: Final = 5.0
"""How long the first attempt may leave its turn unused, as one whose event loop has stopped, before others pass it."""


class Waiter:
    """
    An attempt that waits for a key.

    Attributes:
        latch: Set when it should try again.
        due: When its turn began, by the monotonic clock; None if it has not begun, or is not known yet.
    """

    __slots__ = ("due", "latch")

    def __init__(self) -> None:
        self.latch = Latch()
        self.due: float | None = None

    def wake(self) -> None:
        """Let it try again."""
        latch, self.latch = self.latch, Latch()
        latch.set()


class KeyQueue:
    """The attempts that wait for a key. Only the first may take one, and wakes the next. Its owner's lock guards it."""

    def __init__(self) -> None:
        self._waiters: dict[Waiter, None] = {}

    @property
    def first(self) -> Waiter | None:
        """The attempt whose turn it is."""
        return next(iter(self._waiters), None)

    def join(self) -> Waiter:
        """Add an attempt at the end."""
        waiter = Waiter()
        self._waiters[waiter] = None
        return waiter

    def leave(self, waiter: Waiter) -> Waiter | None:
        """Remove an attempt. Returns the one to wake: the next one, if it was the first."""
        was_first = self.first is waiter
        self._waiters.pop(waiter, None)
        return self.first if was_first else None

    def pass_stalled(self, now: float) -> Waiter | None:
        """Move the first attempt to the end if it leaves its turn unused. Returns the one to wake."""
        first = self.first
        if first is None:
            return None
        if first.due is None:
            first.due = now
        if now - first.due < STALL_SECONDS or len(self._waiters) == 1:
            return None
        first.due = None
        self._waiters[first] = self._waiters.pop(first)  # to the end
        return self.first
