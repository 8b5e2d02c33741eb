"""Ctrl-C: cancels a run, without interrupting the cleanup."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

CLEANUP_SECONDS: Final = 2.0
"""
Further interrupts within this time are ignored: wrappers forward a signal that the terminal also sends, and people
press Ctrl-C twice. A later one ends the process at once; the journal is safe.
"""


@contextmanager
def graceful_interrupts(monotonic: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], None]]:
    """
    Yield a function that installs the handler; call it from the running event loop.

    asyncio cancels the main task at the first SIGINT. At the second it raises `KeyboardInterrupt` wherever the loop
    is, so that tasks fail or hang during their cleanup. Outside the main thread nothing is installed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield lambda: _install(monotonic)
    finally:
        signal.signal(signal.SIGINT, before)


def _install(monotonic: Callable[[], float]) -> None:
    cancel = signal.getsignal(signal.SIGINT)
    if not callable(cancel):
        return
    first: float | None = None

    def handle_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = monotonic()
            cancel(number, frame)
        elif monotonic() >= first + CLEANUP_SECONDS:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, handle_interrupt)
