"""Remember that a cache fails, so that an outage is reported once and not with each call."""

from __future__ import annotations

import threading
from typing import Final

REMINDER_SECONDS: Final = 300.0
"""The time without a fault after which a new one is reported as another outage."""


class Outage:
    """
    The methods of a cache that fail. It begins with a method that fails, and ends when such a method works again.

    A method that always worked does not end it: a cache on a full disk can be read.
    """

    def __init__(self) -> None:
        self._methods: set[str] = set()
        self._latest = 0.0
        self.reset_lock()

    def reset_lock(self) -> None:
        """Replace the lock, after a fork in which another thread may have held it."""
        self._lock = threading.Lock()

    def note_fault(self, method: str, now: float) -> bool:
        """Note that a method failed. Return whether that began an outage."""
        with self._lock:
            is_new = not self._methods or now >= self._latest + REMINDER_SECONDS
            self._methods.add(method)
            self._latest = now
            return is_new

    def note_success(self, method: str) -> bool:
        """Note that a method worked. Return whether that ended an outage."""
        if method not in self._methods:  # without the lock, since it nearly always holds
            return False
        with self._lock:
            is_over = method in self._methods
            self._methods.clear()
            return is_over
