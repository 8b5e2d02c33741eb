"""Transports that pass calls to another transport and record requests and replies."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from budwood.clock import SystemClock
from budwood.contracts import AsyncExchange, AsyncTransport, Clock, Exchange, Transport
from budwood.errors import ProviderError
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood_testing.cassettes.cassette_file import CassetteWriter, RecordedFailure, RecordedReply, Recording
from budwood_testing.cassettes.scrubbing import Scrubber
from budwood_testing.cassettes.uploads import describe_files


class Recorder:
    """
    Records exchanges in a cassette.

    The arguments are those of `RecordingTransport`.
    """

    def __init__(
        self, path: str | os.PathLike[str], clock: Clock, secrets: Iterable[str], scrub: Iterable[str], *, times: bool
    ) -> None:
        self.clock = clock
        self.times = times
        self._writer = CassetteWriter(Path(path))
        self._scrubber = Scrubber(secrets, scrub)
        self._has_new_secrets = False
        self._lock = threading.Lock()

    def start(self, call: HTTPCall) -> ActiveRecording:
        """
        Start to record a call.

        Raises:
            PromptError: A file of its body cannot be read.
        """
        call = describe_files(call)
        with self._lock:
            self._has_new_secrets |= self._scrubber.learn_call(call)
            return ActiveRecording(self, call, self._writer.reserve_position())

    def write(self, active: ActiveRecording) -> None:
        """Add a call and its outcome to the cassette, without secrets."""
        with self._lock:
            if active.head is not None:
                self._has_new_secrets |= self._scrubber.learn_reply(active.head)
            if self._has_new_secrets:  # earlier recordings may contain them
                self._writer.update_all(self._scrubber.scrub_recording)
                self._has_new_secrets = False
            recording = Recording(
                call=self._scrubber.scrub_call(active.call), reply=active.reply(), failure=active.failure
            )
            self._writer.write(active.position, self._scrubber.scrub_recording(recording))


class ActiveRecording:
    """The recording of a call in progress."""

    def __init__(self, recorder: Recorder, call: HTTPCall, position: int) -> None:
        self.call = call
        self.position = position
        self.head: ReplyHead | None = None
        self.failure: RecordedFailure | None = None
        self._recorder = recorder
        self._started = recorder.clock.monotonic()
        self._chunks: list[bytes] = []
        self._seconds: list[float] = []
        self._is_complete = False
        self._is_written = False

    def set_head(self, head: ReplyHead) -> None:
        """Record status and headers."""
        self.head = head

    def add_chunk(self, chunk: bytes) -> bytes:
        """Record a chunk of the body; an empty one is its end."""
        if chunk:
            self._chunks.append(chunk)
            self._seconds.append(round(self._recorder.clock.monotonic() - self._started, 3))
        else:
            self._is_complete = True
        return chunk

    def set_failure(self, failure: ProviderError) -> None:
        """Record the failure of the call or of reading its reply."""
        self.failure = RecordedFailure.from_error(failure)

    def finish(self) -> None:
        """Write the recording once. An interrupted call without an outcome is not written."""
        if self._is_written or (self.head is None and self.failure is None):
            return
        self._is_written = True
        self._recorder.write(self)

    def reply(self) -> RecordedReply | None:
        """Return the recorded reply, or None if none arrived."""
        if self.head is None:
            return None
        return RecordedReply(
            status=self.head.status,
            headers=dict(self.head.headers),
            body=tuple(self._chunks),
            seconds=tuple(self._seconds) if self._recorder.times else None,
            complete=self._is_complete or self.failure is not None,
        )


class RecordingTransport:
    """
    Sends calls of `Client`, and records them in a cassette; see `budwood_testing.cassette`.

    The file is replaced atomically after each complete reply. Secrets are never written, not even temporarily.

    Args:
        path: The file of the cassette.
        transport: Sends the calls; the caller closes it. By default a new transport for each call.
        secrets: Texts that must not be recorded, in addition to the credentials of calls.
        scrub: Regular expressions for text that must not be recorded. If one has groups, only the groups are removed.
        times: Whether to record when each chunk arrived.
        clock: The clock of the client, if it is not the system clock.

    Raises:
        ConfigurationError: ``secrets`` or ``scrub`` is invalid. Closing an exchange raises it if the cassette cannot be
            written.
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
        self._own_transports: list[Transport] = []
        self._lock = threading.Lock()

    def open(self, call: HTTPCall, timing: Timing) -> RecordedExchange:
        """Send the call; see `budwood.contracts.Transport`."""
        recording = self._recorder.start(call)
        transport = self._transport
        own = None
        try:
            if transport is None:
                transport = own = self._connection()
            exchange = transport.open(call, timing)
        except BaseException as error:
            self.release(own)
            if isinstance(error, ProviderError):
                recording.set_failure(error)
                recording.finish()
            raise
        return RecordedExchange(exchange, recording, self, own)

    def _connection(self) -> Transport:
        """
        Create a transport for one call.

        It is closed after the call, because a cassette has no method to close it.
        """
        from budwood.transports.pooled import PooledTransport  # replaying does not need it

        transport = PooledTransport(monotonic=self._clock.monotonic)
        with self._lock:
            self._own_transports.append(transport)
        return transport

    def release(self, own: Transport | None) -> None:
        """Close a transport that was created for one call."""
        if own is None:
            return
        with self._lock:
            self._own_transports = [transport for transport in self._own_transports if transport is not own]
        own.close()

    def interrupt(self, thread: int) -> None:
        """End a blocked read of another thread."""
        with self._lock:
            active = tuple(self._own_transports) if self._transport is None else (self._transport,)
        for transport in active:
            transport.interrupt(thread)

    def close(self) -> None:
        """Do nothing: connections are closed and recordings written after each call."""


class RecordedExchange:
    """The exchange of a call that is recorded; see `budwood.contracts.Exchange`."""

    def __init__(
        self, exchange: Exchange, recording: ActiveRecording, owner: RecordingTransport, own: Transport | None
    ) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._recording = recording
        self._owner = owner
        self._own = own
        recording.set_head(exchange.head)

    def read(self) -> bytes:
        """Read the next chunk of the body."""
        try:
            return self._recording.add_chunk(self._exchange.read())
        except ProviderError as error:
            self._recording.set_failure(error)
            raise

    def read_all(self, limit: int) -> bytes:
        """Read the complete body."""
        try:
            body = self._recording.add_chunk(self._exchange.read_all(limit))
        except ProviderError as error:
            self._recording.set_failure(error)
            raise
        self._recording.add_chunk(b"")
        return body

    def close(self) -> None:
        """Close the exchange, and write the cassette."""
        try:
            self._exchange.close()
        finally:
            self._owner.release(self._own)
            self._recording.finish()


class AsyncRecordingTransport:
    """Sends calls of `AsyncClient`, and records them in a cassette; see `RecordingTransport`."""

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
        recording = self._recorder.start(call)
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
                recording.set_failure(error)
                recording.finish()
            raise
        return AsyncRecordedExchange(exchange, recording, own)

    def _connection(self) -> AsyncTransport:
        """Create a transport for one call, which is closed after it."""
        from budwood.transports.pooled_async import AsyncPooledTransport

        return AsyncPooledTransport(monotonic=self._clock.monotonic)

    async def close(self) -> None:
        """Do nothing; see `RecordingTransport.close`."""


class AsyncRecordedExchange:
    """The exchange of a call that is recorded; see `budwood.contracts.AsyncExchange`."""

    def __init__(self, exchange: AsyncExchange, recording: ActiveRecording, own: AsyncTransport | None) -> None:
        self.head = exchange.head
        self._exchange = exchange
        self._recording = recording
        self._own = own
        recording.set_head(exchange.head)

    async def read(self) -> bytes:
        """Read the next chunk of the body."""
        try:
            return self._recording.add_chunk(await self._exchange.read())
        except ProviderError as error:
            self._recording.set_failure(error)
            raise

    async def read_all(self, limit: int) -> bytes:
        """Read the complete body."""
        try:
            body = self._recording.add_chunk(await self._exchange.read_all(limit))
        except ProviderError as error:
            self._recording.set_failure(error)
            raise
        self._recording.add_chunk(b"")
        return body

    async def close(self) -> None:
        """Close the exchange, and write the cassette."""
        try:
            await self._exchange.close()
        finally:
            if self._own is not None:
                await self._own.close()
            self._recording.finish()
