"""A signal that is given once, and seen by everyone who waits for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

Waker = Callable[[], object]


class Latch:
    """
    A one-shot signal between flows. Any thread may set it; any number of threads and event loops may wait for it.

    A flow waits by the effect `budwood.engine.drivers.effects.Wait`.

    Attributes:
        is_set: Whether it was set. It is never unset.
        value: What it was set to.
    """

    __slots__ = ("_lock", "_wakers", "is_set", "value")

    def __init__(self) -> None:
        self.is_set = False
        self.value: object = None
        self._lock = threading.Lock()
        self._wakers: dict[Waker, None] = {}  # a dictionary keeps the order, and forgets one of many at once

    def set(self, value: object = None) -> None:
        """Set it, and wake everyone who waits, in the order in which they came. A second call does nothing."""
        with self._lock:
            if self.is_set:
                return
            self.value = value
            self.is_set = True
            wakers, self._wakers = self._wakers, {}
        for waker in wakers:
            waker()

    def add_waker(self, waker: Waker) -> None:
        """Have a function called once when the latch is set, by the thread that sets it; at once if it is set."""
        with self._lock:
            if not self.is_set:
                self._wakers[waker] = None
                return
        waker()

    def remove_waker(self, waker: Waker) -> None:
        """Forget a function. Removing one that was called, or never added, is no error."""
        with self._lock:
            self._wakers.pop(waker, None)


@contextlib.contextmanager
def waking(waker: Waker, *latches: Latch | None) -> Iterator[None]:
    """Have a function called when any of the latches is set, within a ``with`` block."""
    for latch in latches:
        if latch is not None:
            latch.add_waker(waker)
    try:
        yield
    finally:
        for latch in latches:
            if latch is not None:
                latch.remove_waker(waker)
