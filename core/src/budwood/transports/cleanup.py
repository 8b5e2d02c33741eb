"""Close what a call has opened, where the call fails: httpcore forgets sockets on which it was talking to a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_closers: Final[ContextVar[list[Callable[[], object]] | None]] = ContextVar("budwood_opened", default=None)


def note_opened(close: Callable[[], object]) -> None:
    """Note how the socket that this thread or task has just opened is closed."""
    if (closers := _closers.get()) is not None:
        closers.append(close)


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Close all sockets that this thread or task opens in the block, where the block fails."""
    closers: list[Callable[[], object]] = []
    token = _closers.set(closers)
    try:
        yield
    except BaseException:
        for close in closers:
            close()
        raise
    finally:
        _closers.reset(token)
