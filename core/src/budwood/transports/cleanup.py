"""Close the sockets of a failed call: httpcore leaks those on which it was still talking to a proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_registered: Final[ContextVar[list[Callable[[], object]] | None]] = ContextVar("budwood_opened", default=None)


def register_opened(close: Callable[[], object]) -> None:
    """Register how to close the socket that this thread or task has just opened."""
    if (closers := _registered.get()) is not None:
        closers.append(close)


@contextmanager
def close_on_failure() -> Iterator[None]:
    """Close all sockets that this thread or task opens in the block if the block fails."""
    closers: list[Callable[[], object]] = []
    token = _registered.set(closers)
    try:
        yield
    except BaseException:
        for close in closers:
            close()
        raise
    finally:
        _registered.reset(token)
