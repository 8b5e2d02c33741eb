"""Send one attempt, and emit the events of its reply as they arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from budwood.contracts import StreamDecoder
from budwood.engine.chat.assembly import ResponseBuilder
from budwood.engine.drivers.effects import Close, Emit, Flow, Read
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.local import read_local
from budwood.engine.pipeline.observing import complete
from budwood.engine.pipeline.sending import encode, open_exchange, raise_for_status
from budwood.errors import ProviderError, ResponseTooLargeError, StreamInterruptedError
from budwood.plugins import faults
from budwood.plugins.faults import PluginSource
from budwood.providing import count_tool_calls
from budwood.types import CONTENT_EVENTS, ChatResponse, StreamEvent

if TYPE_CHECKING:
    from budwood.engine.caching.events import TimedEvent


def send_streamed(attempt: Attempt) -> Flow[ChatResponse | None]:
    """
    Send one request and emit the events of its stream.

    Returns:
        The complete reply; None for a service whose stream reports progress only.
    """
    if not attempt.round.service.decode:
        yield from _emit_progress(attempt)
        return None
    reader = EventReader(attempt)
    try:
        if attempt.endpoint.local is None:
            yield from _emit_events(attempt, reader)
        else:
            yield from read_local(attempt, attempt.endpoint.local, reader.collect)
            yield Emit(reader.release())
    except StreamInterruptedError as error:
        raise _make_interruption(error, reader) from error.__cause__
    except ProviderError as error:
        if not reader.is_committed:
            raise
        raise _make_interruption(error, reader) from error
    return reader.build()


class EventReader:
    """
    Collects the events of one streamed reply.

    Events before the first content are buffered, so that the attempt can be retried without the caller noticing.
    """

    def __init__(self, attempt: Attempt) -> None:
        self.builder = ResponseBuilder(count_tool_calls(attempt.request))
        self.is_committed = False
        self._attempt = attempt
        self._buffer: list[StreamEvent] = []
        self._recorded: list[TimedEvent] | None = [] if attempt.round.call.cache is not None else None
        attempt.round.events = self._recorded

    def collect(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Collect events; return those that can be emitted now."""
        self.builder.add(events)
        if self._recorded is not None:
            seconds = self._attempt.round.call.clock.monotonic() - self._attempt.started
            self._recorded.extend((seconds, event) for event in events)
        if self.is_committed:
            return events
        self._buffer.extend(events)
        if any(isinstance(event, CONTENT_EVENTS) for event in events):
            self._commit()
            return self.release()
        return []

    def release(self) -> list[StreamEvent]:
        """Return the buffered events."""
        buffered, self._buffer = self._buffer, []
        return buffered

    def build(self) -> ChatResponse:
        """Return the reply of all events so far."""
        endpoint, service = self._attempt.endpoint, self._attempt.round.service
        if endpoint.local is not None:
            boundary = faults.call_boundary(endpoint.source, "stream")
        else:
            boundary = faults.decoding_boundary(endpoint.source, service.decoder)
        with boundary:
            return self.builder.build()

    def snapshot(self) -> ChatResponse:
        """Return the partial reply, for a caller that left the stream or still reads it."""
        attempt, call = self._attempt, self._attempt.round.call
        response: ChatResponse = complete(call, self.build())
        adaptations = tuple((call.adaptations | attempt.adaptations).values())
        partial = {"partial": True, "adaptations": adaptations}
        return response.model_copy(update=partial)

    def _commit(self) -> None:
        self.is_committed = True
        call = self._attempt.round.call
        contender = self._attempt.round.contender
        if contender is None:
            call.partial = self.snapshot
        else:
            contender.partial = self.snapshot
        seconds = call.clock.monotonic() - self._attempt.started
        if self._attempt.endpoint.health.record_first_token(seconds):
            self._attempt.report_breaker("closed")
        if call.observers is not None:
            call.observers.report_first_token(call, self._attempt.target, seconds)


def _emit_events(attempt: Attempt, reader: EventReader) -> Flow[None]:
    ready = yield from read_stream(attempt, reader.collect)
    if not reader.builder.finished:
        raise StreamInterruptedError("The stream ended without a finish reason.")
    yield Emit(ready or reader.release())


def _emit_progress(attempt: Attempt) -> Flow[None]:
    if ready := (yield from read_stream(attempt, list)):
        yield Emit(ready)


def read_stream(attempt: Attempt, collect: Callable[[Any], Sequence[Any]]) -> Flow[Sequence[Any]]:
    """Read a stream to its end and emit what `collect` returns; return what is left to emit after the end."""
    service, source = attempt.round.service, attempt.endpoint.source
    encoded = encode(attempt)
    exchange = yield from open_exchange(attempt, encoded)
    try:
        if not exchange.head.ok:
            yield from raise_for_status(attempt, exchange)
        with faults.decoding_boundary(source, service.decoder):
            decoder = getattr(attempt.endpoint.remote, service.decoder)(attempt.request, exchange.head)
        if not hasattr(decoder, "feed"):
            raise faults.wrong_result(source, service.decoder, decoder, StreamDecoder)
        bytes_left = encoded.max_reply_bytes if service.decode else None  # progress is not collected
        more = Read(exchange)
        while data := (yield more):
            if bytes_left is not None and (bytes_left := bytes_left - len(data)) < 0:
                raise ResponseTooLargeError(f"The stream is longer than {encoded.max_reply_bytes:,} bytes.")
            try:
                events = decoder.feed(data)
                ready = collect(events if type(events) is list else _list_events(source, "feed", events))
            except BaseException as error:
                faults.decoding_boundary(source, "feed").convert(error)
                raise
            if ready:
                yield Emit(ready)
        with faults.decoding_boundary(source, "close"):
            return collect(_list_events(source, "close", decoder.close()))
    finally:
        yield Close(exchange)


def _list_events(source: PluginSource, method: str, events: object) -> list[Any]:
    """
    Return the events that a decoder returned as a list.

    Raises:
        PluginFaultError: It returned something else.
    """
    if not isinstance(events, Iterable) or isinstance(events, str | bytes | Mapping):
        raise faults.wrong_result(source, method, events, list)
    return list(events)


def _make_interruption(error: ProviderError, reader: EventReader) -> StreamInterruptedError:
    """Return the error of an interrupted stream with the partial reply. After the first content it is not retried."""
    arrived = reader.build().model_copy(update={"partial": True}) if reader.is_committed else None
    interrupted = StreamInterruptedError(
        f"The stream was interrupted: {error.message}" if type(error) is not StreamInterruptedError else error.message,
        response=arrived,
        hint=error.hint,
        code=error.code,
        retryable=error.retryable and not reader.is_committed,
    )
    interrupted.status = error.status
    interrupted.request_id = error.request_id
    return interrupted
