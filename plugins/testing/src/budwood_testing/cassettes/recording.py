"""Transports that carry calls over another one, and record what was sent and what came back."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from budwood.clock import SystemClock
from budwood.contracts import AsyncExchange, AsyncTransport, Clock, Exchange, Transport
from budwood.errors import ProviderError
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood_testing.cassettes.files import describe_files
from budwood_testing.cassettes.scrubbing import Scrubber
from budwood_testing.cassettes.tape import RecordedFailure, RecordedReply, Recording, Tape


class Recorder:
    """
    Writes down one exchange after the other, and does no other I/O.

    The arguments are those of `RecordingTransport`.
    """

    def __init__(
        self, path: str | os.PathLike[str], clock: Clock, secrets: Iterable[str], scrub: Iterable[str], *, times: bool
    ) -> None:
        self.clock = clock
        self.times = times
        self._tape = Tape(Path(path))
        self._scrubber = Scrubber(secrets, scrub)
        self._learnt = False
        self._lock = threading.Lock()

    def take(self, call: HTTPCall) -> Take:
        """
        Begin to record a call.

        Raises:
            PromptError: A file of its body cannot be read.
        """
        call = describe_files(call)
        with self._lock:
            self._learnt |= self._scrubber.learn_call(call)
            return Take(self, call, self._tape.place())

    def write(self, take: Take) -> None:
        """Add what became of a call to the cassette, without its secrets."""
        with self._lock:
            if take.head is not None:
                self._learnt |= self._scrubber.learn_reply(take.head)
            if self._learnt:  # what is already written may hold what is known for a secret only now
                self._tape.change(self._scrubber.recording)
                self._learnt = False
            recording = Recording(call=self._scrubber.call(take.call), reply=take.reply(), failure=take.failure)
            self._tape.write(take.place, self._scrubber.recording(recording))


class Take:
    """One call that is being recorded."""

    def __init__(self, recorder: Recorder, call: HTTPCall, place: int) -> None:
        self.call = call
        self.place = place
        self.head: ReplyHead | None = None
        self.failure: RecordedFailure | None = None
        self._recorder = recorder
        self._started = recorder.clock.monotonic()
        self._pieces: list[bytes] = []
        self._seconds: list[float] = []
        self._ended = False
        self._written = False

    def began(self, head: ReplyHead) -> None:
        """Note status and headers."""
        self.head = head

    def got(self, piece: bytes) -> bytes:
        """Note a piece of the body; an empty one is its end."""
        if piece:
            self._pieces.append(piece)
            self._seconds.append(round(self._recorder.clock.monotonic() - self._started, 3))
        else:
            self._ended = True
        return piece

    def failed(self, failure: ProviderError) -> None:
        """Note that the call, or the reading of its reply, failed."""
        self.failure = RecordedFailure.of(failure)

    def ended(self) -> None:
        """Write it, once. A call that nothing became of (it was interrupted) leaves nothing to write."""
        if self._written or (self.head is None and self.failure is None):
            return
        self._written = True
        self._recorder.write(self)

    def reply(self) -> RecordedReply | None:
        """Describe what came."""
        if self.head is None:
            return None
        return RecordedReply(
            status=self.head.status,
            headers=dict(self.head.headers),
            body=tuple(self._pieces),
            seconds=tuple(self._seconds) if self._recorder.times else None,
            complete=self._ended or self.failure is not None,
        )


class RecordingTransport:
    """
    Carries calls for `Client`, and records them in a cassette; see `budwood_testing.cassette`.

    The cassette is written anew, in one step, when the first reply was read, and again after each further one. No
    secret is ever written, not even for a moment.

    Args:
        path: The cassette's file.
        transport: Carries the calls; the caller closes it. By default a new default transport for each
            call, which ends with it.
        secrets: Texts that must not be recorded, besides what calls carry as credentials.
        scrub: Regular expressions of what else must not be recorded: where one has groups, the groups alone.
        times: Whether to record when each piece came.
        clock: The client's clock, where it has one of its own.

    Raises:
        ConfigurationError: ``secrets`` or ``scrub`` cannot be used. Closing an exchange raises it where the cassette
            cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        transport: Transport | None = None,
        *,
        secrets: Iterable[str] = (),
        scrub: Iterable[str] = (),
        times: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._recorder = Recorder(path, self._clock, secrets, scrub, times=times)
        self._transport = transport
        self._own: list[Transport] = []
        self._lock = threading.Lock()

    def open(self, call: HTTPCall, timing: Timing) -> RecordedExchange:
        """Send the call; see `budwood.contracts.Transport`."""
        take = self._recorder.take(call)
        transport = self._transport
        own = None
        try:
            if transport is None:
                transport = own = self._connection()
            exchange = transport.open(call, timing)
        except BaseException as error:
            self.release(own)
            if isinstance(error, ProviderError):
                take.failed(error)
                take.ended()
            raise
        return RecordedExchange(exchange, take, self, own)

    def _connection(self) -> Transport:
        """
        Make a transport for one call.

        It ends with the call: cassettes are never closed, and what they kept open would stay open.
        """
        from budwood.transports.pooled import PooledTransport  # not above: replaying needs no network

        made = PooledTransport(monotonic=self._clock.monotonic)
        with self._lock:
            self._own.append(made)
        return made

    def release(self, own: Transport | None) -> None:
        """Close a transport that was made for one call."""
        if own is None:
            return
        with self._lock:
            self._own = [transport for transport in self._own if transport is not own]
        own.close()

    def interrupt(self, thread: int) -> None:
        """End what another thread waits for."""
        with self._lock:
            carrying = tuple(self._own) if self._transport is None else (self._transport,)
        for transport in carrying:
            transport.interrupt(thread)

    def close(self) -> None:
        """Do nothing: connections end with their calls, and what was read is written."""


class RecordedExchange:
    """One call under way that is recorded; see `budwood.contracts.Exchange`."""

    def __init__(self, exchange: Exchange, take: Take, recording: RecordingTransport, own: Transport | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._take = take
        self._recording = recording
        self._own = own
        take.began(exchange.head)

    def read(self) -> bytes:
        """Wait for more of the body."""
        try:
            return self._take.got(self._exchange.read())
        except ProviderError as error:
            self._take.failed(error)
            raise

    def read_all(self, limit: int) -> bytes:
        """Wait for the whole body."""
        try:
            body = self._take.got(self._exchange.read_all(limit))
        except ProviderError as error:
            self._take.failed(error)
            raise
        self._take.got(b"")
        return body

    def close(self) -> None:
        """End it, and write the cassette."""
        try:
            self._exchange.close()
        finally:
            self._recording.release(self._own)
            self._take.ended()


class AsyncRecordingTransport:
    """Carries calls for `AsyncClient`, and records them in a cassette; see `RecordingTransport`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        transport: AsyncTransport | None = None,
        *,
        secrets: Iterable[str] = (),
        scrub: Iterable[str] = (),
        times: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._recorder = Recorder(path, self._clock, secrets, scrub, times=times)
        self._transport = transport

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncRecordedExchange:
        """Send the call; see `budwood.contracts.AsyncTransport`."""
        take = self._recorder.take(call)
        transport = self._transport
        own = None
        try:
            if transport is None:
                transport = own = self._connection()
            exchange = await transport.open(call, timing)
        except BaseException as error:
            if own is not None:
                await own.close()
            if isinstance(error, ProviderError):
                take.failed(error)
                take.ended()
            raise
        return AsyncRecordedExchange(exchange, take, own)

    def _connection(self) -> AsyncTransport:
        """Make a transport for one call; it ends with the call."""
        from budwood.transports.pooled_async import AsyncPooledTransport

        return AsyncPooledTransport(monotonic=self._clock.monotonic)

    async def close(self) -> None:
        """Do nothing; see `RecordingTransport.close`."""


class AsyncRecordedExchange:
    """One call under way that is recorded; see `budwood.contracts.AsyncExchange`."""

    def __init__(self, exchange: AsyncExchange, take: Take, own: AsyncTransport | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._take = take
        self._own = own
        take.began(exchange.head)

    async def read(self) -> bytes:
        """Wait for more of the body."""
        try:
            return self._take.got(await self._exchange.read())
        except ProviderError as error:
            self._take.failed(error)
            raise

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body."""
        try:
            body = self._take.got(await self._exchange.read_all(limit))
        except ProviderError as error:
            self._take.failed(error)
            raise
        self._take.got(b"")
        return body

    async def close(self) -> None:
        """End it, and write the cassette."""
        try:
            await self._exchange.close()
        finally:
            if self._own is not None:
                await self._own.close()
            self._take.ended()
