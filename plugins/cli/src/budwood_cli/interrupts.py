"""Interrupts during a request that must not be lost."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from budwood_cli import terminal


@contextmanager
def hold_interrupts() -> Iterator[Callable[[], None]]:
    """
    Hold Ctrl-C back until the block calls the function that it gets, which then raises KeyboardInterrupt.

    A vendor may have received the request for a job before its reply arrives, and only the reply has the id of the job.
    Pressed twice, Ctrl-C interrupts at once.
    """
    is_pressed = False

    def press(*_: object) -> None:
        nonlocal is_pressed
        if is_pressed:
            raise KeyboardInterrupt
        is_pressed = True
        terminal.note("Waiting for the id of the job. Press Ctrl-C again to stop at once; the vendor may have the job.")

    def release() -> None:
        signal.signal(signal.SIGINT, previous)
        if is_pressed:
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, press)
    try:
        yield release
    finally:
        signal.signal(signal.SIGINT, previous)
