"""End the flows that the blocking driver has abandoned."""

from __future__ import annotations

import sys
import threading
from typing import Final, Protocol

from budwood.engine.drivers.effects import CLEANUP_SECONDS

PAUSES: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05)
"""
Seconds between interrupts of an abandoned thread; the last one repeats. One interrupt is not enough, because a thread
that is connecting has no socket yet that could be shut down.
"""


class Interruptible(Protocol):
    """A group of flows, as `Background` uses it."""

    def interrupt(self) -> bool:
        """End the waits of its flows, and tell whether no more can be done."""
        ...


class Background:
    """The abandoned groups of a driver whose flows have not ended, and the thread that interrupts them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._groups: set[Interruptible] = set()
        self._is_running = False
        self._interrupts = 0

    def add(self, group: Interruptible) -> None:
        """Interrupt the flows of a group until they have ended."""
        if sys.is_finalizing():  # all threads have ended; starting one would block forever on Python 3.11
            return
        with self._changed:
            self._groups.add(group)
            self._interrupts = 0
            self._changed.notify_all()
            if self._is_running:
                return
            self._is_running = True
        try:
            threading.Thread(target=self._run, name="budwood-abandoned", daemon=True).start()
        except RuntimeError:  # the program is ending, and all threads with it
            with self._changed:
                self._is_running = False
                self._groups.clear()

    def discard(self, group: Interruptible) -> None:
        """Forget a group whose flows have ended."""
        with self._changed:
            self._groups.discard(group)
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until all flows have ended, at most `CLEANUP_SECONDS`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._groups, CLEANUP_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                pause = PAUSES[min(self._interrupts, len(PAUSES) - 1)]
                self._interrupts += 1
                self._changed.wait_for(lambda: not self._groups, pause)
                if not self._groups:
                    self._is_running = False
                    return
                groups = tuple(self._groups)
            for group in groups:
                if group.interrupt():
                    self.discard(group)
