"""Convert a complete response to the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from budwood.types import (
    ChatResponse,
    Finished,
    MediaClosed,
    MediaPart,
    Message,
    Part,
    ReasoningClosed,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextClosed,
    TextDelta,
    TextPart,
    ToolCallClosed,
    ToolCallDelta,
    ToolCallPart,
    UsageReported,
    VendorContent,
    VendorPart,
)


def make_events(response: ChatResponse) -> list[StreamEvent]:
    """Return the stream events from which a response could have been assembled."""
    events: list[StreamEvent] = [ResponseStarted(response.id, response.model or None)]
    for choice, message in enumerate((response.message, *response.alternatives)):
        events.extend(_events_of_message(message, choice))
    events.append(Finished(response.finish_reason, response.raw_finish_reason))
    # The finish reasons of alternatives are unknown. Without an event, empty alternatives would be lost.
    events.extend(Finished("other", None, choice + 1) for choice in range(len(response.alternatives)))
    events.append(UsageReported(response.usage))
    if response.metadata or response.rate_limits or response.request_id:
        events.append(ResponseMetadata(dict(response.metadata), response.rate_limits, response.request_id))
    return events


def _events_of_message(message: Message, choice: int) -> Iterator[StreamEvent]:
    """Yield the events of a message. If one text is closed, all are, since it replaces all open texts before it."""
    texts = [part for part in message.parts if isinstance(part, TextPart | RefusalPart)]
    closes = any(part.provider for part in texts)
    for index, part in enumerate(message.parts):
        yield from _events_of_part(part, index, choice)
        if closes and isinstance(part, TextPart | RefusalPart):
            yield TextClosed(part, choice)


def _events_of_part(part: Part, index: int, choice: int) -> list[StreamEvent]:
    match part:
        case TextPart():
            return [TextDelta(part.text, choice)]
        case ReasoningPart():
            return [ReasoningClosed(part, choice)]
        case RefusalPart():
            return [RefusalDelta(part.text, choice)]
        case ToolCallPart():
            called = ToolCallDelta(index, part.id, part.name, part.arguments, choice)
            return [called, *([ToolCallClosed(index, part, choice)] if part.provider else ())]
        case VendorPart():
            return [VendorContent(part, choice)]
        case MediaPart():
            return [MediaClosed(index, part, choice)]
        case _:
            raise TypeError(f"a model does not return {type(part).__name__}")
