"""
What a call does, one step after the other, without doing it.

A flow yields these effects and receives their results. `Sender` performs them with blocking I/O, `AsyncSender` with
async I/O, so that each rule exists once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, TypeVar

from budwood.types import HTTPCall, Timing

T = TypeVar("T")


class Fetch(NamedTuple):
    """Send a call. The result is an `HTTPReply` with the complete body."""

    call: HTTPCall
    timing: Timing


class Open(NamedTuple):
    """Send a call. The result is the head of the reply, whose body is then read; it replaces one that is open."""

    call: HTTPCall
    timing: Timing


class Read(NamedTuple):
    """Read the next bytes of the open reply; empty bytes at its end."""


class Sleep(NamedTuple):
    """Wait for some seconds."""

    seconds: float


class Invoke(NamedTuple):
    """Call a blocking function, in another thread if the program is async."""

    function: Callable[[], Any]


class Emit(NamedTuple):
    """Give items to who reads a stream."""

    items: Sequence[Any]


IOEffect = Fetch | Open | Read | Sleep | Invoke
Flow = Generator[IOEffect | Emit, Any, T]
