"""Send one attempt at a service of media, and emit the events of its reply as they arrive."""

from __future__ import annotations

from typing import Any

from budwood.engine.drivers.effects import Emit, Flow, Invoke
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.offers import streams
from budwood.engine.pipeline.sending import send
from budwood.engine.pipeline.streaming import read_stream
from budwood.errors import ProviderError, StreamInterruptedError
from budwood.types import (
    AudioDelta,
    ImageArrived,
    ImageResponse,
    MediaCompleted,
    SegmentArrived,
    SpeechResponse,
    TranscriptDelta,
    TranscriptionResponse,
)


def send_media_stream(attempt: Attempt) -> Flow[Any]:
    """
    Send one request, emit the events of its stream, and return the complete reply.

    Without streams, as from a model inside the process, the reply arrives as one event.

    Raises:
        StreamInterruptedError: The stream ended early. After the first event it is not retried.
    """
    if attempt.endpoint.local is not None or not streams(attempt.target, attempt.round.service):
        return (yield from _emit_reply(attempt))
    reader = _MediaReader()
    try:
        ready = yield from read_stream(attempt, reader.collect)
    except ProviderError as error:
        if reader.has_emitted:
            error.retryable = False
        raise
    if ready:
        yield Emit(ready)
    if reader.response is None:
        raise StreamInterruptedError(
            "The stream ended before the reply was complete.", retryable=not reader.has_emitted
        )
    return reader.response


class _MediaReader:
    """Separates the complete reply from the events before it."""

    def __init__(self) -> None:
        self.response: Any = None
        self.has_emitted = False

    def collect(self, events: list[Any]) -> list[Any]:
        shown = []
        for event in events:
            if isinstance(event, MediaCompleted):
                self.response = event.response
            else:
                shown.append(event)
        self.has_emitted = self.has_emitted or bool(shown)
        return shown


def _emit_reply(attempt: Attempt) -> Flow[Any]:
    """Emit a reply that arrives at once."""
    response = yield from send(attempt)
    events: list[Any] = []
    if isinstance(response, SpeechResponse):
        events = [AudioDelta((yield Invoke(response.audio.read)))]
    elif isinstance(response, ImageResponse):
        events = [ImageArrived(image, index) for index, image in enumerate(response.images)]
    elif isinstance(response, TranscriptionResponse):
        events = [TranscriptDelta(response.text), *map(SegmentArrived, response.segments)]
    yield Emit(events)
    return response
