"""SIGINT and SIGTERM: the first stops a run after the calls in flight, the second at once."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Final

SAME_SECONDS: Final = 0.3
"""A signal within this time after another one is the same: wrappers forward what the terminal also sends."""

_SIGNALS: Final = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""The signals, and the handlers that are replaced. Those of a program are kept."""


class Interrupted(Exception):  # noqa: N818 - not an error
    """The run was stopped by a signal, after the calls in flight had ended."""


class Interrupts:
    """
    Handles signals in the main thread while a run is active.

    The first one calls the function of `stopping_by`, and otherwise cancels the task of the run. The next one cancels
    it, and a last one ends the process. Within `ending_at_once`, the first one ends the run. The journal is safe at any
    time.

    Args:
        monotonic: Returns the time in seconds.

    Attributes:
        signal: The first signal that arrived, or None.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.signal: int | None = None
        self._monotonic = monotonic
        self._last = float("-inf")
        self._stop: Callable[[], None] | None = None
        self._is_cancelled = False
        self._ends_at_once = False
        self._cleanup = ExitStack()

    def install(self) -> None:
        """Install the handlers. Call it from the task of the run."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._wake_at_signals()
        for number in self._numbers:
            signal.signal(number, self._handle)

    def _wake_at_signals(self) -> None:
        """
        Let signals end a wait of the event loop.

        Python calls a handler between two instructions of the main thread. If a signal arrives just before the loop
        waits, or another thread receives it, the handler would only be called when a reply arrives.
        Source: https://docs.python.org/3/library/signal.html#signal.set_wakeup_fd
        """
        if sys.platform == "win32":  # the event loop does it
            return
        receiver, sender = (self._cleanup.enter_context(end) for end in socket.socketpair())
        for end in (receiver, sender):
            end.settimeout(0)
        self._loop.add_reader(receiver, receiver.recv, 4096)
        self._cleanup.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False))

    @contextmanager
    def stopping_by(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call a function at the first signal, within a ``with`` block, instead of cancelling the task."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    @contextmanager
    def ending_at_once(self) -> Iterator[None]:
        """Raise the exception of `end` where a signal arrives, for code that the event loop cannot cancel."""
        self._ends_at_once = True
        try:
            yield
        finally:
            self._ends_at_once = False

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Restore the handlers after a ``with`` block."""
        before = {number: default for number, default in _SIGNALS.items() if signal.getsignal(number) is default}
        self._numbers = list(before)
        with self._cleanup:
            try:
                yield
            finally:
                if threading.current_thread() is threading.main_thread():
                    for number, handler in before.items():
                        signal.signal(number, handler)

    def end(self, notes: list[str]) -> BaseException:
        """Return the exception that ends the program as the signal would: its exit status is 128 plus the number."""
        error = KeyboardInterrupt() if self.signal == signal.SIGINT else SystemExit(128 + (self.signal or 0))
        for note in notes:
            error.add_note(note)
        return error

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        now = self._monotonic()
        if now < self._last + SAME_SECONDS:
            return
        self._last = now
        is_first, self.signal = self.signal is None, self.signal or number
        if self._ends_at_once:
            raise self.end([])
        if self._is_cancelled:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        elif is_first and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop)
        else:
            self._is_cancelled = True
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


@contextmanager
def graceful_interrupts(monotonic: Callable[[], float] = time.monotonic) -> Iterator[Interrupts]:
    """Yield the handling of signals for one run. Outside the main thread nothing is installed."""
    interrupts = Interrupts(monotonic)
    with interrupts.restoring():
        yield interrupts
