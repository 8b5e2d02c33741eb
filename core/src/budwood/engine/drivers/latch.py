"""A signal that is set once and wakes all waiters."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

Waker = Callable[[], object]


class Latch:
    """
    A one-shot signal between flows. Any thread may set it; any number of threads and event loops may wait for it.

    A flow waits with the effect `budwood.engine.drivers.effects.Wait`.

    Attributes:
        is_set: Whether it was set. It is never reset.
        value: The value that it was set to.
    """

    __slots__ = ("_lock", "_wakers", "is_set", "value")

    def __init__(self) -> None:
        self.is_set = False
        self.value: object = None
        self._lock = threading.Lock()
        self._wakers: dict[Waker, None] = {}  # a dictionary keeps the order, and removes an entry in constant time

    def set(self, value: object = None) -> None:
        """Set it, and wake all waiters in order of arrival. A second call has no effect."""
        with self._lock:
            if self.is_set:
                return
            self.value = value
            self.is_set = True
            wakers, self._wakers = self._wakers, {}
        for waker in wakers:
            waker()

    def add_waker(self, waker: Waker) -> None:
        """Call a function when the latch is set, in the thread that sets it; immediately if it is set already."""
        with self._lock:
            if not self.is_set:
                self._wakers[waker] = None
                return
        waker()

    def remove_waker(self, waker: Waker) -> None:
        """Remove a function. It is no error if it was called already, or never added."""
        with self._lock:
            self._wakers.pop(waker, None)


@contextlib.contextmanager
def wake_when_set(waker: Waker, *latches: Latch | None) -> Iterator[None]:
    """Call a function when any of the latches is set during the ``with`` block."""
    for latch in latches:
        if latch is not None:
            latch.add_waker(waker)
    try:
        yield
    finally:
        for latch in latches:
            if latch is not None:
                latch.remove_waker(waker)
