"""Ctrl-C: it cancels a run, and is not in the way of the cleaning up."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SECONDS_TO_CLEAN_UP: Final = 2.0
"""
Further interrupts within this time are taken for the same one: wrappers pass on what the terminal has sent already, and
people press twice. A later one ends the process at once, which the journal bears.
"""


@contextmanager
def patient(monotonic: Callable[[], float] = time.monotonic) -> Iterator[Callable[[], None]]:
    """
    Let one interrupt be one: give a function that the event loop calls once it is there.

    asyncio cancels the main task at the first SIGINT, and raises `KeyboardInterrupt` at the second, wherever the loop
    is: tasks that were about to end cleanly then fail, and tell so, or wait for ever for what will not come. Outside
    the main thread nothing is done.
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

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if first is None:
            first = monotonic()
            cancel(number, frame)
        elif monotonic() >= first + SECONDS_TO_CLEAN_UP:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGINT, interrupted)
