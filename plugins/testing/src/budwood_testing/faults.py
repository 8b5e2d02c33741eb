"""Break calls on purpose, over any transport: to see what a program does when the network fails it."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from budwood.contracts import AsyncExchange, AsyncTransport, Clock, Exchange, Transport
from budwood.errors import ConfigurationError, ConnectionFailedError, RequestTimeoutError
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood_testing.exchanges import (
    AsyncPlayedExchange,
    Beat,
    PlayedExchange,
    gathered,
    gathered_async,
    wait,
    wait_async,
)

_HINT: Final = "The test asked for this fault."
_PAGE: Final = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad gateway</body></html>"
_FILLER: Final = b" " * 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    What goes wrong with one call. The class methods make the usual ones.

    Attributes:
        name: What it is called.
        pause: Seconds before the reply begins, or before it fails.
        failure: How the call fails before there is a reply: no connection, or a timeout.
        status: The status of a reply that takes the real one's place; nothing is sent then.
        headers: The headers of that reply.
        body: Its body.
        size: The size of that body, filled up with blanks.
        keep: How many bytes of the real reply's body pass.
        breaks: Whether the connection breaks after them; else the body ends as if it were whole.
        piece: The size of the pieces in which the body comes, in bytes,
        piece_pause: and the seconds before each.
    """

    name: str
    pause: float = 0.0
    failure: Literal["refused", "connect", "deadline"] | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    body: bytes = b""
    size: int | None = None
    keep: int | None = None
    breaks: bool = False
    piece: int | None = None
    piece_pause: float = 0.0

    def __post_init__(self) -> None:
        if self.piece is not None and self.piece < 1:
            raise ConfigurationError(f"Pieces of {self.piece} bytes are none.", hint="Give 1 or more.")
        if self.failure not in (None, "refused", "connect", "deadline"):
            raise ConfigurationError(f"{self.failure!r} is no phase.", hint='Phases are "connect" and "deadline".')
        if (self.keep or 0) < 0 or self.pause < 0 or self.piece_pause < 0:
            raise ConfigurationError(f"The fault {self.name!r} has a negative size or pause.", hint="Give 0 or more.")

    @classmethod
    def refused(cls) -> Fault:
        """Refuse the connection."""
        return cls(name="refused", failure="refused")

    @classmethod
    def timed_out(cls, phase: Literal["connect", "deadline"] = "connect") -> Fault:
        """Let no connection come about within its timeout, or no reply begin before the deadline."""
        return cls(name="timed out", failure=phase)

    @classmethod
    def replied(cls, status: int, body: bytes | None = None, *, retry_after: float | None = None) -> Fault:
        """
        Reply in the place of the server, as a server does that is overloaded (429, 529) or broken (500).

        Args:
            status: The HTTP status.
            body: By default an error in JSON, in the form on which most vendors agree.
            retry_after: Seconds, for the header ``retry-after``.
        """
        headers = {"content-type": "application/json"}
        if retry_after is not None:
            headers["retry-after"] = f"{retry_after:g}"
        said = b'{"type": "error", "error": {"type": "fault", "message": "The test asked for this fault."}}'
        return cls(name=f"status {status}", status=status, headers=headers, body=said if body is None else body)

    @classmethod
    def garbage(cls, body: bytes = _PAGE, *, content_type: str = "text/html") -> Fault:
        """Reply with something else under status 200, by default with the page of a proxy."""
        return cls(name="garbage", status=200, headers={"content-type": content_type}, body=body)

    @classmethod
    def oversized(cls, size: int | None = None, *, content_type: str = "application/json") -> Fault:
        """Reply with a body of ``size`` bytes, by default one more than is kept in memory."""
        return cls(
            name="oversized", status=200, headers={"content-type": content_type}, size=-1 if size is None else size
        )

    @classmethod
    def delayed(cls, seconds: float) -> Fault:
        """Delay the beginning of the reply by a number of seconds."""
        return cls(name="delayed", pause=seconds)

    @classmethod
    def truncated(cls, after: int) -> Fault:
        """End the body after a number of bytes, as if it were complete."""
        return cls(name="truncated", keep=after)

    @classmethod
    def cut(cls, after: int) -> Fault:
        """Break the connection after a number of bytes of the body."""
        return cls(name="cut", keep=after, breaks=True)

    @classmethod
    def dripping(cls, size: int = 1, *, pause: float = 0.0) -> Fault:
        """Send the body in pieces of a number of bytes, with a delay in seconds before each."""
        return cls(name="dripping", piece=size, piece_pause=pause)


def random_faults(faults: Sequence[Fault], *, rate: float, seed: int) -> Iterator[Fault | None]:
    """
    Yield random faults, without an end.

    Args:
        faults: What may happen, all as likely.
        rate: The share of calls that are struck, from 0 to 1.
        seed: Equal seeds strike equally.

    Raises:
        ConfigurationError: There are no faults, or the rate is no share.
    """
    if not faults:
        raise ConfigurationError("There are no faults to choose from.", hint="Give at least one.")
    if not 0 <= rate <= 1:
        raise ConfigurationError(f"rate={rate} is no share of the calls.", hint="Give 0 to 1.")
    return _struck(faults, rate, random.Random(seed))


def _struck(faults: Sequence[Fault], rate: float, chance: random.Random) -> Iterator[Fault | None]:
    while True:
        yield chance.choice(faults) if chance.random() < rate else None


class _Plan:
    """Tells what happens to each call. Safe to use from several threads."""

    def __init__(self, faults: Iterable[Fault | None], clock: Clock | None) -> None:
        self.clock = clock
        self.struck: list[Fault | None] = []
        self._faults = iter(faults)
        self._lock = threading.Lock()

    def next(self) -> Fault | None:
        with self._lock:
            self.struck.append(next(self._faults, None))
            return self.struck[-1]


class FaultyTransport:
    """
    Breaks calls of `Client` on purpose; those that are spared are carried by another transport.

    Args:
        transport: The other one: real, recorded or scripted. The caller closes it.
        faults: What happens to the first call, the second, and so on; None spares one. After the last all are spared.
        clock: The client's clock, for delays and timeouts. By default there are no delays.
    """

    def __init__(self, transport: Transport, faults: Iterable[Fault | None], *, clock: Clock | None = None) -> None:
        self._transport = transport
        self._plan = _Plan(faults, clock)

    @property
    def struck(self) -> tuple[Fault | None, ...]:
        """What happened to each call so far; None to those that were spared."""
        return tuple(self._plan.struck)

    def open(self, call: HTTPCall, timing: Timing) -> Exchange:
        """Carry the call, or let it fail; see `budwood.contracts.Transport`."""
        fault = self._plan.next()
        if fault is None:
            return self._transport.open(call, timing)
        clock = self._plan.clock
        wait(_before(fault, timing), timing, clock, begun=False)
        if fault.status is not None:
            return PlayedExchange(_head(fault), _reply(fault, call), timing, clock)
        return _FaultyExchange(self._transport.open(call, timing), fault, timing, clock)

    def interrupt(self, thread: int) -> None:
        """End what another thread waits for."""
        self._transport.interrupt(thread)

    def close(self) -> None:
        """Do nothing: the caller closes the other transport."""


class AsyncFaultyTransport:
    """Breaks calls of `AsyncClient` on purpose; see `FaultyTransport`."""

    def __init__(
        self, transport: AsyncTransport, faults: Iterable[Fault | None], *, clock: Clock | None = None
    ) -> None:
        self._transport = transport
        self._plan = _Plan(faults, clock)

    @property
    def struck(self) -> tuple[Fault | None, ...]:
        """What happened to each call so far; None to those that were spared."""
        return tuple(self._plan.struck)

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncExchange:
        """Carry the call, or let it fail; see `budwood.contracts.AsyncTransport`."""
        fault = self._plan.next()
        if fault is None:
            return await self._transport.open(call, timing)
        clock = self._plan.clock
        await wait_async(_before(fault, timing), timing, clock, begun=False)
        if fault.status is not None:
            return AsyncPlayedExchange(_head(fault), _reply(fault, call), timing, clock)
        return _AsyncFaultyExchange(await self._transport.open(call, timing), fault, timing, clock)

    async def close(self) -> None:
        """Do nothing: the caller closes the other transport."""


class _Body:
    """What a fault leaves of a body, and in which pieces it comes."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._left = fault.keep
        self._waiting = b""
        self._ended = False

    @property
    def is_hungry(self) -> bool:
        """Whether it needs more of the real body to continue."""
        return not self._waiting and not self._ended and self._left != 0

    def feed(self, data: bytes) -> None:
        """Take a piece in; an empty one is the end."""
        self._ended = not data
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        self._waiting = data

    def beat(self) -> Beat:
        """Give what is next."""
        size = self._fault.piece or len(self._waiting)
        piece, self._waiting = self._waiting[:size], self._waiting[size:]
        if not piece and self._fault.breaks:
            return Beat(ConnectionFailedError("The connection broke.", hint=_HINT))
        return Beat(piece, self._fault.piece_pause if piece else 0.0)


class _FaultyExchange:
    """A real reply that comes out worse."""

    def __init__(self, exchange: Exchange, fault: Fault, timing: Timing, clock: Clock | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._body = _Body(fault)
        self._timing = timing
        self._clock = clock

    def read(self) -> bytes:
        if self._body.is_hungry:
            self._body.feed(self._exchange.read())
        return wait(self._body.beat(), self._timing, self._clock)

    def read_all(self, limit: int) -> bytes:
        return gathered(self.read, limit)

    def close(self) -> None:
        self._exchange.close()


class _AsyncFaultyExchange:
    """A real reply that comes out worse."""

    def __init__(self, exchange: AsyncExchange, fault: Fault, timing: Timing, clock: Clock | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._body = _Body(fault)
        self._timing = timing
        self._clock = clock

    async def read(self) -> bytes:
        if self._body.is_hungry:
            self._body.feed(await self._exchange.read())
        return await wait_async(self._body.beat(), self._timing, self._clock)

    async def read_all(self, limit: int) -> bytes:
        return await gathered_async(self.read, limit)

    async def close(self) -> None:
        await self._exchange.close()


def _before(fault: Fault, timing: Timing) -> Beat:
    """Tell what comes before the reply, or in its place."""
    match fault.failure:
        case None:
            return Beat(b"", fault.pause)
        case "refused":
            return Beat(ConnectionFailedError("No connection: it was refused.", hint=_HINT), fault.pause)
        case "connect":
            late = f"No connection within {timing.connect_timeout:g} s."
            return Beat(RequestTimeoutError(late, phase="connect", hint=_HINT), fault.pause + timing.connect_timeout)
        case "deadline":
            late = "The call took longer than its timeout."
            return Beat(RequestTimeoutError(late, phase="deadline", hint=_HINT), math.inf)


def _head(fault: Fault) -> ReplyHead:
    return ReplyHead(fault.status or 200, fault.headers)


def _reply(fault: Fault, call: HTTPCall) -> Iterator[Beat]:
    """Give the body of a reply that takes the real one's place."""
    if fault.body:
        yield Beat(fault.body)
    left = (fault.size or 0) - len(fault.body) if fault.size != -1 else call.max_reply_bytes + 1
    while left > 0:
        yield Beat(_FILLER[:left])
        left -= len(_FILLER)
