"""Things that cost a lot to make and to keep: made once, used by one thread at a time, few kept."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from budwood.errors import StreamInterruptedError

T = TypeVar("T")
R = TypeVar("R")


class _Slot(Generic[T]):
    """Holds one thing; None once it had to make room."""

    def __init__(self, thing: T) -> None:
        self.thing: T | None = thing
        self.lock = threading.Lock()


class Shelf(Generic[T]):
    """
    Keeps what was used last. Safe to use from several threads.

    Args:
        make: Makes the thing of a name.
        limit: How many are kept. What was used longest ago makes room, once nobody uses it, before another is made.
        freed: Called after a thing was let go.

    Attributes:
        closing: Set once it is being closed: who uses a thing shall come to an end.
    """

    def __init__(self, make: Callable[[str], T], limit: int, freed: Callable[[], None]) -> None:
        self.closing = threading.Event()
        self._make = make
        self._limit = limit
        self._freed = freed
        self._slots: dict[str, _Slot[T]] = {}  # what was used last stands last
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def use(self, name: str, work: Callable[[T], R]) -> R:
        """
        Do something with a thing, alone. What is returned or raised keeps nothing of it alive.

        Raises:
            StreamInterruptedError: The shelf is closed.
        """
        try:
            while True:
                slot = self._slot(name)
                with slot.lock:
                    if slot.thing is not None:  # else it had to make room while this thread waited
                        return work(slot.thing)
        except BaseException as error:
            _let_go(error)
            raise

    def close(self) -> None:
        """Wait until nobody uses anything, and let everything go. Closing twice is no error."""
        self.closing.set()
        with self._making:
            self._make_room(0)

    def _slot(self, name: str) -> _Slot[T]:
        slot = self._found(name)
        if slot is not None:
            return slot
        with self._making:
            slot = self._found(name)
            if slot is None:
                self._make_room(self._limit - 1)
                slot = _Slot(self._make(name))
                with self._lock:
                    self._slots[name] = slot
            return slot

    def _found(self, name: str) -> _Slot[T] | None:
        if self.closing.is_set():
            raise closed()
        with self._lock:
            slot = self._slots.pop(name, None)
            if slot is not None:
                self._slots[name] = slot
            return slot

    def _make_room(self, left: int) -> None:
        while True:
            with self._lock:
                if len(self._slots) <= left:
                    return
                slot = self._slots.pop(next(iter(self._slots)))
            with slot.lock:
                slot.thing = None
            self._freed()


def closed() -> StreamInterruptedError:
    """Say that the client was closed while a reply was written, or before."""
    return StreamInterruptedError(
        "The client was closed.", hint="Close it once the reply is complete.", retryable=False
    )


def _let_go(error: BaseException) -> None:
    """Take the variables out of an error's frames: they would keep the model in memory as long as the error."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
