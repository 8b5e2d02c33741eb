"""
The effects that the engine yields to its drivers.

The engine consists of generators that yield these effects and receive their results. `budwood.engine.drivers.blocking`
performs them with blocking I/O, `budwood.engine.drivers.asynchronous` with async I/O; no other module of the engine
depends on which.

If an effect fails, its error is raised in the generator at the `yield`. Drivers never call ``generator.close()``: to
end a flow early, they throw in `Abandoned` or the cancellation, and then perform what its ``finally`` clauses yield,
for at most `CLEANUP_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Protocol, TypeVar

from budwood.contracts import AsyncExchange, Exchange
from budwood.engine.drivers.latch import Latch
from budwood.errors import BudwoodError
from budwood.types import HTTPCall, Timing

if TYPE_CHECKING:
    from pathlib import Path

    from budwood.types import JobState, MediaKind, PullProgress, StreamEvent, VideoDelta

T = TypeVar("T")

MAX_PARALLEL_FLOWS: Final = 32
"""How many flows of an `All` run at once by default."""

CLEANUP_SECONDS: Final = 5.0
"""How long the ``finally`` clauses of an abandoned flow may take. After that, their waits are ended too."""


class Abandoned(BaseException):
    """Thrown into a flow whose caller has left. Not an `Exception`, so that no policy treats it as a failure."""


class InvokeTimeout(BaseException):
    """Thrown into a flow whose `Invoke` timed out. Not a `TimeoutError`, which the function itself may raise."""


class Open(NamedTuple):
    """Send a call and wait for the head of its reply. Result: the exchange."""

    call: HTTPCall
    timing: Timing


class Read(NamedTuple):
    """Wait for the next bytes of a reply. Result: bytes, empty at its end."""

    exchange: Exchange | AsyncExchange


class ReadAll(NamedTuple):
    """Wait for a full reply of at most ``limit`` bytes. Result: bytes."""

    exchange: Exchange | AsyncExchange
    limit: int


class Save(NamedTuple):
    """
    Write a reply to a file of at most ``limit`` bytes, or of any size if that is None. Result: a `SavedReply`.

    The file is replaced once the reply is complete, and is media of ``kind`` if that is set. If anything fails, or the
    flow is abandoned, it is unchanged.
    """

    exchange: Exchange | AsyncExchange
    path: Path
    limit: int | None
    kind: MediaKind | None = None


class Close(NamedTuple):
    """End an exchange."""

    exchange: Exchange | AsyncExchange


class Sleep(NamedTuple):
    """Wait for a number of seconds."""

    seconds: float


class Invoke(NamedTuple):
    """
    Call a function of a user or a plugin: a tool, a cache, a model in the process. Result: what it returns.

    The async driver calls a blocking function in a thread, unless ``inline`` is set. ``awaitable`` means that it
    returns a coroutine. After ``timeout`` seconds the async driver raises `InvokeTimeout`; the blocking driver cannot
    stop a function, and waits for it.
    """

    function: Callable[[], Any]
    inline: bool = False
    awaitable: bool = False
    timeout: float | None = None


class Wait(NamedTuple):
    """Wait until ``latch`` is set, at most until the clock shows ``deadline``. Result: whether it is set."""

    latch: Latch
    deadline: float


class Running(Protocol):
    """A flow that runs in the background."""

    def is_alive(self) -> bool:
        """Tell whether it is performed: false if its event loop has stopped."""
        ...

    def cancel(self) -> None:
        """End the flow early, from any thread. It is abandoned, and cleans up. It is no error if it has ended."""
        ...


class Start(NamedTuple):
    """
    Run a flow in the background, beyond the end of the flow that starts it. Result: a `Running`.

    ``ended`` is called once when the flow has ended, also if it was cancelled before it began. Nobody receives the
    result or the error of the flow. It is abandoned when the client is closed.

    It raises `RuntimeError` if no thread can be started, and `BudwoodError` once the client is closed.
    """

    flow: Flow[None]
    ended: Callable[[], object]


class All(NamedTuple):
    """
    Run flows in parallel, at most ``limit`` at once. Result: their results, in the order of the flows.

    The first error is raised immediately. The other flows are abandoned: their requests end, and they clean up in the
    background.
    """

    flows: Iterable[Flow[Any]]
    limit: int = MAX_PARALLEL_FLOWS


class First(NamedTuple):
    """
    Run flows in parallel. Result: that of the first flow that succeeds.

    The caller owns the result, also if it is an open exchange. The other flows are abandoned and clean up in the
    background, without delaying the result. If one of them succeeds nevertheless, ``release`` creates the flow that
    releases its result, such as `close_exchange`; without ``release`` the result is dropped.

    An error is raised only if all flows fail: that of the first flow, with the others in its ``__notes__``. An error
    that is not an `Exception`, such as `KeyboardInterrupt`, is raised immediately.

    To start a flow later than the others, let it yield `Sleep` first.
    """

    flows: Iterable[Flow[Any]]
    release: Callable[[Any], Flow[None]] | None = None


class Emit(NamedTuple):
    """
    Pass events to the reader of the stream.

    Only a main flow may yield it. In a flow of `All` or `First` it raises `RuntimeError`.
    """

    events: Sequence[StreamEvent] | Sequence[PullProgress] | Sequence[JobState] | Sequence[VideoDelta]


class Ended(NamedTuple):
    """The end of a flow, with its result. Not an effect."""

    result: Any


Effect = Open | Read | ReadAll | Save | Close | Sleep | Wait | Invoke | Start | All | First | Emit

Flow = Generator[Effect, Any, T]
"""A generator that yields effects, receives their results, and returns a value."""


def close_exchange(exchange: Exchange | AsyncExchange) -> Flow[None]:
    """End an exchange that is not needed any more; for `First`."""
    yield Close(exchange)


def make_closed_error() -> BudwoodError:
    """Return the error for a flow that is started after the client was closed."""
    return BudwoodError("This client is closed.", hint="Create a new one.")


def reject_emit(_: Emit) -> NoReturn:
    """
    Reject `Emit` in a flow of `All` or `First`.

    Raises:
        RuntimeError: Always.
    """
    raise RuntimeError("A flow that All or First runs cannot emit events. Return them, and emit them in the main flow.")


def join_errors(errors: Sequence[Exception]) -> Exception:
    """
    Return the first error of a `First`, with the others in its notes.

    Raises:
        ValueError: There is none, because there was no flow.
    """
    if not errors:
        raise ValueError("First got no flows. Give it one or more.")
    first, *others = errors
    for other in others:
        if other is not first:
            first.add_note(f"Another attempt failed with {type(other).__name__}: {other}")
    return first
