"""A small cache of objects that are expensive to load, such as models; one thread at a time uses each."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Generic, TypeVar

from budwood.errors import StreamInterruptedError

T = TypeVar("T")
R = TypeVar("R")


class _Slot(Generic[T]):
    """A loaded object, or None after it was removed."""

    def __init__(self, value: T) -> None:
        self.value: T | None = value
        self.lock = threading.Lock()


class ObjectCache(Generic[T]):
    """
    Keeps the most recently used objects. Thread-safe.

    Args:
        load: Loads the object for a name.
        limit: The maximum number of objects. The least recently used one is removed, once it is unused, before another
            is loaded.
        on_free: Called after an object was removed.

    Attributes:
        closing: Set when the cache is being closed; users of objects must finish.
    """

    def __init__(self, load: Callable[[str], T], limit: int, on_free: Callable[[], None]) -> None:
        self.closing = threading.Event()
        self._load = load
        self._limit = limit
        self._on_free = on_free
        self._slots: dict[str, _Slot[T]] = {}  # in order of use, most recent last
        self._lock = threading.Lock()
        self._loading = threading.Lock()

    def use(self, name: str, work: Callable[[T], R]) -> R:
        """
        Run a function with an object; other threads wait. The traceback of an exception does not keep the object alive.

        Raises:
            StreamInterruptedError: The cache is closed.
        """
        try:
            while True:
                slot = self._get_or_load(name)
                with slot.lock:
                    if slot.value is not None:  # otherwise it was removed while this thread waited
                        return work(slot.value)
        except BaseException as error:
            _clear_frames(error)
            raise

    def close(self) -> None:
        """Wait until all objects are unused, and remove them. It can be called repeatedly."""
        self.closing.set()
        with self._loading:
            self._make_room(0)

    def _get_or_load(self, name: str) -> _Slot[T]:
        slot = self._get(name)
        if slot is not None:
            return slot
        with self._loading:
            slot = self._get(name)
            if slot is None:
                self._make_room(self._limit - 1)
                slot = _Slot(self._load(name))
                with self._lock:
                    self._slots[name] = slot
            return slot

    def _get(self, name: str) -> _Slot[T] | None:
        if self.closing.is_set():
            raise client_closed()
        with self._lock:
            slot = self._slots.pop(name, None)
            if slot is not None:
                self._slots[name] = slot
            return slot

    def _make_room(self, limit: int) -> None:
        while True:
            with self._lock:
                if len(self._slots) <= limit:
                    return
                slot = self._slots.pop(next(iter(self._slots)))
            with slot.lock:
                slot.value = None
            self._on_free()


def client_closed() -> StreamInterruptedError:
    """Return the error for a client that was closed before or during a reply."""
    return StreamInterruptedError(
        "The client was closed.", hint="Close it after the reply is complete.", retryable=False
    )


def _clear_frames(error: BaseException) -> None:
    """Clear the local variables of an error's traceback, which would keep the model in memory."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
