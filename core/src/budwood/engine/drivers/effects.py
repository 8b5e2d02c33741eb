"""
What the engine asks of its drivers.

The engine is generators that yield these effects and receive their results. `budwood.engine.drivers.blocking` performs
them with blocking I/O, `budwood.engine.drivers.asynchronous` with async I/O; no other module of the engine knows which.

A failed effect is raised inside the generator, at its `yield`. Drivers never call ``generator.close()``: to end a flow
early they throw `Abandoned` (or the cancellation) in and then perform what its ``finally`` clauses yield, for at most
`CLEANUP_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from budwood.contracts import AsyncExchange, Exchange
from budwood.engine.drivers.latch import Latch
from budwood.types import HTTPCall, Timing

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.types import PullProgress, StreamEvent

T = TypeVar("T")

SIDE_BY_SIDE: Final = 32
"""How many flows of an `All` run at once unless it says otherwise, under both drivers."""

CLEANUP_SECONDS: Final = 5.0
"""How long the ``finally`` clauses of an abandoned flow may take. After that, what they wait for is ended as well."""


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
    """Wait for a number of seconds."""

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


class Wait(NamedTuple):
    """Wait until ``latch`` is set, at most until the clock shows ``deadline``. Result: whether it is set."""

    latch: Latch
    deadline: float


class All(NamedTuple):
    """
    Run flows side by side, at most ``limit`` at once. Result: their results, in the order of the flows.

    The first error is raised at once. The other flows are abandoned: they clean up in the background, and their
    requests end.
    """

    flows: Iterable[Flow[Any]]
    limit: int = SIDE_BY_SIDE


class First(NamedTuple):
    """
    Run flows side by side. Result: that of the first flow that succeeds.

    The result belongs to the caller, also if it is an open exchange. The other flows are abandoned and clean up in the
    background; the winner does not wait for them. Of a flow that succeeds all the same, ``release`` makes the flow that
    gives its result back, such as `close_exchange`; without it the result is dropped.

    Only if all flows fail is an error raised: that of the first flow, with the others in its ``__notes__``. An error
    that is no `Exception`, such as `KeyboardInterrupt`, does not count as a failure and is raised at once.

    To start a flow later than the others, let it yield `Sleep` first.
    """

    flows: Iterable[Flow[Any]]
    release: Callable[[Any], Flow[None]] | None = None


class Emit(NamedTuple):
    """
    Hand events to the reader of the stream.

    Only a main flow can. In a flow of `All` or `First` it raises `RuntimeError`.
    """

    events: Sequence[StreamEvent] | Sequence[PullProgress]


class Ended(NamedTuple):
    """What a driver finds at the end of a flow: its result. Not an effect."""

    result: Any


Effect = Open | Read | ReadAll | Save | Close | Sleep | Wait | Invoke | All | First | Emit

Flow = Generator[Effect, Any, T]
"""A generator that yields effects, receives their results, and returns a value."""


def close_exchange(exchange: Exchange | AsyncExchange) -> Flow[None]:
    """End an exchange that was won too late; for `First`."""
    yield Close(exchange)


def refuse_emit(_: Emit) -> NoReturn:
    """
    Perform `Emit` in a flow of `All` or `First`.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError("A flow that All or First runs cannot emit events. Return them, and emit them in the main flow.")


def join_errors(errors: Sequence[Exception]) -> Exception:
    """
    Return the first error of a `First`, with the others in its notes.

    Raises:
        ValueError: There is none, for there was no flow.
    """
    if not errors:
        raise ValueError("First got no flows. Give it one or more.")
    first, *others = errors
    for other in others:
        if other is not first:
            first.add_note(f"Another attempt failed with {type(other).__name__}: {other}")
    return first
