"""Inject faults into calls of any transport, to test how a program handles them."""

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
    AsyncReplayExchange,
    ReadStep,
    ReplayExchange,
    collect,
    collect_async,
    wait,
    wait_async,
)

_HINT: Final = "The test injected this fault."
_PAGE: Final = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>Bad gateway</body></html>"
_FILLER: Final = b" " * 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """
    A fault of one call. The class methods create the usual ones.

    Attributes:
        name: The name of the fault.
        delay: Seconds before the reply starts, or before the failure.
        failure: How the call fails before there is a reply: a refused connection, or a timeout.
        status: The status of a reply that replaces the real one; then nothing is sent.
        headers: The headers of that reply.
        body: The body of that reply.
        size: The size of that body in bytes, padded with spaces.
        keep: The number of bytes of the real body that are delivered.
        disconnects: Whether the connection breaks after them; otherwise the body ends as if it were complete.
        chunk_size: The size of the chunks in which the body is delivered, in bytes.
        chunk_delay: Seconds before each chunk.
    """

    name: str
    delay: float = 0.0
    failure: Literal["refused", "connect", "deadline"] | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    body: bytes = b""
    size: int | None = None
    keep: int | None = None
    disconnects: bool = False
    chunk_size: int | None = None
    chunk_delay: float = 0.0

    def __post_init__(self) -> None:
        if self.chunk_size is not None and self.chunk_size < 1:
            raise ConfigurationError(f"Invalid chunk size {self.chunk_size}.", hint="Use 1 or more bytes.")
        if self.failure not in (None, "refused", "connect", "deadline"):
            raise ConfigurationError(f"Invalid phase {self.failure!r}.", hint='Use "connect" or "deadline".')
        if (self.keep or 0) < 0 or self.delay < 0 or self.chunk_delay < 0:
            raise ConfigurationError(f"The fault {self.name!r} has a negative size or delay.", hint="Use 0 or more.")

    @classmethod
    def refused(cls) -> Fault:
        """Refuse the connection."""
        return cls(name="refused", failure="refused")

    @classmethod
    def timed_out(cls, phase: Literal["connect", "deadline"] = "connect") -> Fault:
        """Time out while connecting, or at the deadline of the call."""
        return cls(name="timed out", failure=phase)

    @classmethod
    def error_reply(cls, status: int, body: bytes | None = None, *, retry_after: float | None = None) -> Fault:
        """
        Replace the reply by an error, such as 429 or 529 (overloaded) or 500 (internal error).

        Args:
            status: The HTTP status.
            body: The body; by default an error in JSON in a common format.
            retry_after: Seconds for the header ``retry-after``.
        """
        headers = {"content-type": "application/json"}
        if retry_after is not None:
            headers["retry-after"] = f"{retry_after:g}"
        default = b'{"type": "error", "error": {"type": "fault", "message": "The test injected this fault."}}'
        return cls(name=f"status {status}", status=status, headers=headers, body=default if body is None else body)

    @classmethod
    def garbage(cls, body: bytes = _PAGE, *, content_type: str = "text/html") -> Fault:
        """Replace the reply by another content with status 200, by default by the HTML page of a proxy."""
        return cls(name="garbage", status=200, headers={"content-type": content_type}, body=body)

    @classmethod
    def oversized(cls, size: int | None = None, *, content_type: str = "application/json") -> Fault:
        """Replace the reply by a body of ``size`` bytes, by default one more than the limit of the call."""
        return cls(
            name="oversized", status=200, headers={"content-type": content_type}, size=-1 if size is None else size
        )

    @classmethod
    def delayed(cls, seconds: float) -> Fault:
        """Delay the start of the reply."""
        return cls(name="delayed", delay=seconds)

    @classmethod
    def truncated(cls, after: int) -> Fault:
        """End the body after ``after`` bytes, as if it were complete."""
        return cls(name="truncated", keep=after)

    @classmethod
    def disconnected(cls, after: int) -> Fault:
        """Break the connection after ``after`` bytes of the body."""
        return cls(name="disconnected", keep=after, disconnects=True)

    @classmethod
    def slow(cls, size: int = 1, *, delay: float = 0.0) -> Fault:
        """Deliver the body in chunks of ``size`` bytes, with ``delay`` seconds before each."""
        return cls(name="slow", chunk_size=size, chunk_delay=delay)


def random_faults(faults: Sequence[Fault], *, rate: float, seed: int) -> Iterator[Fault | None]:
    """
    Return an infinite iterator of random faults.

    Args:
        faults: The faults to choose from, with equal probability.
        rate: The probability that a call has a fault, from 0 to 1.
        seed: Equal seeds give equal sequences.

    Raises:
        ConfigurationError: ``faults`` is empty, or ``rate`` is not between 0 and 1.
    """
    if not faults:
        raise ConfigurationError("random_faults() got no faults.", hint="Pass at least one.")
    if not 0 <= rate <= 1:
        raise ConfigurationError(f"Invalid rate {rate}.", hint="Use a probability from 0 to 1.")
    return _choose_faults(faults, rate, random.Random(seed))


def _choose_faults(faults: Sequence[Fault], rate: float, generator: random.Random) -> Iterator[Fault | None]:
    while True:
        yield generator.choice(faults) if generator.random() < rate else None


class _Plan:
    """The faults of the next calls, and those applied so far. Thread-safe."""

    def __init__(self, faults: Iterable[Fault | None], clock: Clock | None) -> None:
        self.clock = clock
        self.applied: list[Fault | None] = []
        self._faults = iter(faults)
        self._lock = threading.Lock()

    def next(self) -> Fault | None:
        with self._lock:
            self.applied.append(next(self._faults, None))
            return self.applied[-1]


class FaultyTransport:
    """
    Injects faults into calls of `Client`; other calls are passed to another transport.

    Args:
        transport: The other transport: real, recorded or scripted. The caller closes it.
        faults: The fault of the first call, of the second, and so on; None for a call without a fault. Calls after the
            last one have no faults.
        clock: The clock of the client, for delays and timeouts. By default there are no delays.
    """

    def __init__(self, transport: Transport, faults: Iterable[Fault | None], *, clock: Clock | None = None) -> None:
        self._transport = transport
        self._plan = _Plan(faults, clock)

    @property
    def applied(self) -> tuple[Fault | None, ...]:
        """The fault of each call so far; None for calls without one."""
        return tuple(self._plan.applied)

    def open(self, call: HTTPCall, timing: Timing) -> Exchange:
        """Send the call, with its fault if it has one; see `budwood.contracts.Transport`."""
        fault = self._plan.next()
        if fault is None:
            return self._transport.open(call, timing)
        clock = self._plan.clock
        wait(_step_before_reply(fault, timing), timing, clock, started=False)
        if fault.status is not None:
            return ReplayExchange(_head(fault), _reply(fault, call), timing, clock)
        return _FaultyExchange(self._transport.open(call, timing), fault, timing, clock)

    def interrupt(self, thread: int) -> None:
        """End a blocked read of another thread."""
        self._transport.interrupt(thread)

    def close(self) -> None:
        """Do nothing: the caller closes the other transport."""


class AsyncFaultyTransport:
    """Injects faults into calls of `AsyncClient`; see `FaultyTransport`."""

    def __init__(
        self, transport: AsyncTransport, faults: Iterable[Fault | None], *, clock: Clock | None = None
    ) -> None:
        self._transport = transport
        self._plan = _Plan(faults, clock)

    @property
    def applied(self) -> tuple[Fault | None, ...]:
        """The fault of each call so far; None for calls without one."""
        return tuple(self._plan.applied)

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncExchange:
        """Send the call, with its fault if it has one; see `budwood.contracts.AsyncTransport`."""
        fault = self._plan.next()
        if fault is None:
            return await self._transport.open(call, timing)
        clock = self._plan.clock
        await wait_async(_step_before_reply(fault, timing), timing, clock, started=False)
        if fault.status is not None:
            return AsyncReplayExchange(_head(fault), _reply(fault, call), timing, clock)
        return _AsyncFaultyExchange(await self._transport.open(call, timing), fault, timing, clock)

    async def close(self) -> None:
        """Do nothing: the caller closes the other transport."""


class _Body:
    """Applies a fault to a body."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._remaining = fault.keep
        self._buffer = b""
        self._ended = False

    @property
    def needs_data(self) -> bool:
        """Whether the next step needs more of the real body."""
        return not self._buffer and not self._ended and self._remaining != 0

    def feed(self, data: bytes) -> None:
        """Add a chunk of the real body; an empty one is its end."""
        self._ended = not data
        if self._remaining is not None:
            data = data[: self._remaining]
            self._remaining -= len(data)
        self._buffer = data

    def next_step(self) -> ReadStep:
        """Return the result of the next read."""
        size = self._fault.chunk_size or len(self._buffer)
        chunk, self._buffer = self._buffer[:size], self._buffer[size:]
        if not chunk and self._fault.disconnects:
            return ReadStep(ConnectionFailedError("The connection broke.", hint=_HINT))
        return ReadStep(chunk, self._fault.chunk_delay if chunk else 0.0)


class _FaultyExchange:
    """A real reply with a fault."""

    def __init__(self, exchange: Exchange, fault: Fault, timing: Timing, clock: Clock | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._body = _Body(fault)
        self._timing = timing
        self._clock = clock

    def read(self) -> bytes:
        if self._body.needs_data:
            self._body.feed(self._exchange.read())
        return wait(self._body.next_step(), self._timing, self._clock)

    def read_all(self, limit: int) -> bytes:
        return collect(self.read, limit)

    def close(self) -> None:
        self._exchange.close()


class _AsyncFaultyExchange:
    """A real reply with a fault."""

    def __init__(self, exchange: AsyncExchange, fault: Fault, timing: Timing, clock: Clock | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._body = _Body(fault)
        self._timing = timing
        self._clock = clock

    async def read(self) -> bytes:
        if self._body.needs_data:
            self._body.feed(await self._exchange.read())
        return await wait_async(self._body.next_step(), self._timing, self._clock)

    async def read_all(self, limit: int) -> bytes:
        return await collect_async(self.read, limit)

    async def close(self) -> None:
        await self._exchange.close()


def _step_before_reply(fault: Fault, timing: Timing) -> ReadStep:
    """Return the delay before the reply, or the failure that replaces it."""
    match fault.failure:
        case None:
            return ReadStep(b"", fault.delay)
        case "refused":
            return ReadStep(ConnectionFailedError("Connection refused.", hint=_HINT), fault.delay)
        case "connect":
            message = f"No connection within {timing.connect_timeout:g} s."
            return ReadStep(
                RequestTimeoutError(message, phase="connect", hint=_HINT), fault.delay + timing.connect_timeout
            )
        case "deadline":
            message = "The call took longer than its timeout."
            return ReadStep(RequestTimeoutError(message, phase="deadline", hint=_HINT), math.inf)


def _head(fault: Fault) -> ReplyHead:
    return ReplyHead(fault.status or 200, fault.headers)


def _reply(fault: Fault, call: HTTPCall) -> Iterator[ReadStep]:
    """Yield the body of a reply that replaces the real one."""
    if fault.body:
        yield ReadStep(fault.body)
    remaining = (fault.size or 0) - len(fault.body) if fault.size != -1 else call.max_reply_bytes + 1
    while remaining > 0:
        yield ReadStep(_FILLER[:remaining])
        remaining -= len(_FILLER)
