"""Send a request once and emit the events of its streamed reply."""

from __future__ import annotations

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.engine.drivers.effects import Close, Emit, Flow, Read
from budwood.engine.pipeline.attempts import check_status, encode, opened, reading, remote_provider
from budwood.engine.pipeline.call import Call
from budwood.engine.pipeline.local import read_local
from budwood.errors import ProviderError, ResponseTooLargeError, StreamInterruptedError
from budwood.providing import calls_before
from budwood.types import CONTENT_EVENTS, ChatRequest, ChatResponse, StreamEvent


def ask_streamed(call: Call, request: ChatRequest) -> Flow[ChatResponse]:
    """Ask once, and emit the events of the reply as they come."""
    reader = _StreamReader(calls_before(request))
    local = call.endpoint.local
    try:
        if local is None:
            yield from _remote_events(call, request, reader)
        else:
            yield from read_local(call, local, request, reader.take)
            yield Emit(reader.release())
    except StreamInterruptedError as error:
        raise _interrupted(error, reader) from error.__cause__
    except ProviderError as error:
        if not reader.committed:
            raise
        raise _interrupted(error, reader) from error
    with reading():
        return reader.builder.build()


class _StreamReader:
    """
    Gathers the events of one streamed reply.

    What comes before the first content is held back: until then the attempt can fail unseen and be repeated.
    """

    def __init__(self, earlier: int) -> None:
        self.builder = ResponseBuilder(earlier)
        self.committed = False
        self._held: list[StreamEvent] = []

    def take(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Take events in; return those that may be shown now."""
        self.builder.add(events)
        if self.committed:
            return events
        self._held.extend(events)
        if any(isinstance(event, CONTENT_EVENTS) for event in events):
            self.committed = True
            return self.release()
        return []

    def release(self) -> list[StreamEvent]:
        """Return what was held back."""
        held, self._held = self._held, []
        return held


def _remote_events(call: Call, request: ChatRequest, reader: _StreamReader) -> Flow[None]:
    provider = remote_provider(call)
    prepared = encode(call, request, stream=True)
    exchange = yield from opened(call, prepared)
    try:
        yield from check_status(call, exchange)
        decoder = provider.decoder(request, exchange.head)
        left = prepared.max_reply_bytes
        more = Read(exchange)
        while data := (yield more):
            left -= len(data)
            if left < 0:
                raise ResponseTooLargeError(f"The stream is longer than {prepared.max_reply_bytes:,} bytes.")
            with reading():
                shown = reader.take(list(decoder.feed(data)))
            if shown:
                yield Emit(shown)
        with reading():
            shown = reader.take(list(decoder.close()))
    finally:
        yield Close(exchange)
    if not reader.builder.finished:
        raise StreamInterruptedError("The stream ended without saying why the reply is complete.")
    yield Emit(shown or reader.release())


def _interrupted(error: ProviderError, reader: _StreamReader) -> StreamInterruptedError:
    """Hand over what had arrived; a stream that the caller has seen part of is not repeated."""
    with reading():
        arrived = reader.builder.build() if reader.committed else None
    interrupted = StreamInterruptedError(
        f"The stream was interrupted: {error.message}" if type(error) is not StreamInterruptedError else error.message,
        response=arrived,
        hint=error.hint,
        code=error.code,
        retryable=error.retryable and not reader.committed,
    )
    interrupted.status = error.status
    interrupted.request_id = error.request_id
    return interrupted
