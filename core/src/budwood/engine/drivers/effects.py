"""
What the engine asks of whoever drives it.

The engine is generators that yield these effects and receive their results. `budwood.engine.drivers.blocking` performs
them with blocking I/O, `budwood.engine.drivers.asynchronous` with async I/O; no other module of the engine knows which.

A failed effect is raised inside the generator, where it stands. Drivers never call ``generator.close()``: to end a flow
early they throw `Abandoned` (or the cancellation) in and then perform what its ``finally`` clauses yield.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from budwood.contracts import AsyncExchange, Exchange
from budwood.types import HTTPCall, Timing

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.types import PullProgress, StreamEvent

T = TypeVar("T")


class Abandoned(BaseException):
    """Thrown into a flow whose caller has left. Not an `Exception`, so that no policy takes it for a failure."""


class Overdue(BaseException):
    """Thrown into a flow whose `Invoke` was not done in time. Not a `TimeoutError`, which functions may raise."""


class Open(NamedTuple):
    """Send a call and wait for the head of its reply. Result: the exchange."""

    call: HTTPCall
    timing: Timing


class Read(NamedTuple):
    """Wait for more of a reply. Result: bytes, empty at its end."""

    exchange: Exchange | AsyncExchange


class ReadAll(NamedTuple):
    """Wait for a whole reply of at most ``limit`` bytes. Result: bytes."""

    exchange: Exchange | AsyncExchange
    limit: int


class Save(NamedTuple):
    """
    Write a reply to a file of at most ``limit`` bytes, or of any size if that is None. Result: a `SavedReply`.

    The file is replaced once the reply is complete. If anything fails, or the flow is abandoned, it stays as it was.
    """

    exchange: Exchange | AsyncExchange
    path: Path
    limit: int | None


class Close(NamedTuple):
    """End an exchange."""

    exchange: Exchange | AsyncExchange


class Sleep(NamedTuple):
    """Let so many seconds pass."""

    seconds: float


class Invoke(NamedTuple):
    """
    Call a function that is not ours: a tool, a cache, a model in the process. Result: what it returns.

    Unless ``inline``, async code gives a blocking function a thread. ``awaitable`` says that it returns a coroutine.
    After ``timeout`` seconds async code raises `Overdue`; blocking code cannot stop a function, and waits for it.
    """

    function: Callable[[], Any]
    inline: bool = False
    awaitable: bool = False
    timeout: float | None = None


class All(NamedTuple):
    """
    Run flows side by side, at most ``limit`` at once. Result: their results, in their order.

    Where one raises, the others are abandoned and its error is raised.
    """

    flows: Iterable[Flow[Any]]
    limit: int | None = None


class Emit(NamedTuple):
    """Hand events to the reader of the stream."""

    events: Sequence[StreamEvent] | Sequence[PullProgress]


class Ended(NamedTuple):
    """What a driver finds at the end of a flow: its result. Not an effect."""

    result: Any


Effect = Open | Read | ReadAll | Save | Close | Sleep | Invoke | All | Emit

Flow = Generator[Effect, Any, T]
"""A generator that yields effects, receives their results, and returns a value."""
