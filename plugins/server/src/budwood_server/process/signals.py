"""Signals, as calls in an event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

STOP: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
)  # SIGBREAK: Ctrl-Break of Windows
RELOAD: Final = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()


@contextmanager
def handle_signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """
    Call functions in the running loop when signals arrive.

    SIGHUP also arrives when a terminal is closed. It then means stop.

    Args:
        stop: What SIGINT and SIGTERM call.
        reload: What SIGHUP calls.
    """
    has_terminal = _is_terminal()

    def hang_up() -> None:
        (stop if has_terminal and not _is_terminal() else reload)()

    calls = {**dict.fromkeys(STOP, stop), **dict.fromkeys(RELOAD, hang_up)}
    with _replace_handlers(calls, asyncio.get_running_loop()):
        yield


@contextmanager
def _replace_handlers(calls: Mapping[int, Callable[[], None]], loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    def handle(number: int, _frame: Any) -> None:  # noqa: ANN401 - a frame
        loop.call_soon_threadsafe(calls[number])

    previous = {number: signal.signal(number, handle) for number in calls}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _is_terminal() -> bool:
    try:
        return os.isatty(0)
    except OSError:
        return False
