"""
Decode streams of Responses.

Every event has a type. Deltas are emitted as they are received; the item at the end has the complete content and the
fields to return to the server. Events about the progress of the server's own tools are skipped, because their items
have the results.

Source: OpenAI's API description, ``ResponseStreamEvent``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import StreamInterruptedError
from budwood.providing import parse_count, parse_rate_limits
from budwood.types import (
    Finished,
    ImagePart,
    MediaClosed,
    MediaPart,
    MediaPreview,
    Part,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    ReplyHead,
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
from budwood.wire import ServerSentEvent
from budwood_openai_compatible.content import extract_text
from budwood_openai_compatible.decoding import is_unusual_error, parse_request_id
from budwood_openai_compatible.event_decoder import ConvertError, DecodeBody, JSONEventDecoder
from budwood_openai_compatible.responses.decoding import decode_metadata, decode_usage, finish_reason
from budwood_openai_compatible.responses.items import CALLS, decode_item
from budwood_openai_compatible.tool_calls import serialize_arguments

Event = Mapping[str, Any]

_FIRST_REUSED: Final = 1_000_000
"""The first place of items that have the index of an earlier item; larger than any index."""


class ResponsesStreamDecoder(JSONEventDecoder):
    """Decodes one streamed reply; the arguments are those of `JSONEventDecoder`."""

    def __init__(self, head: ReplyHead, *, vendor: str, decode_body: DecodeBody, convert_error: ConvertError) -> None:
        super().__init__(head, vendor=vendor, decode_body=decode_body, convert_error=convert_error)
        self._is_started = False
        self._is_finished = False
        self._parts: list[Part] = []
        self._closed: set[int] = set()
        self._ids: set[str] = set()
        self._streamed: set[int] = set()
        self._texts: set[tuple[int, int]] = set()
        self._places: dict[str, int] = {}
        self._reused: dict[int, int] = {}
        self._reasoning_items: set[int] = set()
        self._handlers: Final[Mapping[str, Callable[[Event], Iterator[StreamEvent]]]] = {
            "response.output_text.delta": self._text,
            "response.output_text.done": self._text_done,
            "response.refusal.delta": self._refusal,
            "response.reasoning_summary_part.added": self._summary,
            "response.reasoning_summary_text.delta": self._reasoning,
            "response.reasoning_text.delta": self._reasoning,
            "response.output_item.added": self._item_added,
            "response.function_call_arguments.delta": self._arguments,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.function_call_arguments.done": self._arguments_done,
            "response.custom_tool_call_input.done": self._arguments_done,
            "response.image_generation_call.partial_image": self._partial_image,
            "response.output_item.done": self._item_done,
            "response.completed": self._ended,
            "response.done": self._ended,
            "response.incomplete": self._ended,
            "response.failed": self._raise,
            "response.error": self._raise,
            "error": self._raise,
        }

    def _decode(self, frame: ServerSentEvent) -> Iterator[StreamEvent]:
        event = self._parse(frame.data, frame.event)
        if event is None:
            return
        kind = event.get("type") or ("error" if event.get("error") else frame.event)
        if kind not in self._handlers and "response" not in event and is_unusual_error(event):
            kind = "error"
        response = event.get("response")
        if not self._is_started and kind.startswith("response."):
            yield from self._start(response if isinstance(response, Mapping) else {})
        if handle := self._handlers.get(kind):
            yield from handle(event)

    def _end(self) -> list[StreamEvent]:
        if not self._is_finished:
            raise StreamInterruptedError("The stream ended before the response was complete.")
        return []

    def _start(self, response: Event) -> Iterator[StreamEvent]:
        self._is_started = True
        yield ResponseStarted(response.get("id") or None, response.get("model") or None)
        yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))

    def _index(self, event: Event) -> int:
        """Return the index of the item of an event. Some servers send only the id of the item."""
        index = parse_count(event.get("output_index"))
        if index is not None:
            return self._reused.get(index, index)
        item: Event = event.get("item") or {}
        return self._places.setdefault(str(event.get("item_id") or item.get("id")), len(self._places))

    def _text(self, event: Event) -> Iterator[StreamEvent]:
        self._streamed.add(self._index(event))
        self._texts.add(self._content_place(event))
        yield TextDelta(extract_text(event.get("delta")))

    def _text_done(self, event: Event) -> Iterator[StreamEvent]:
        """Emit a text without deltas."""
        if self._content_place(event) not in self._texts and (text := extract_text(event.get("text"))):
            yield from self._text({**event, "delta": text})

    def _content_place(self, event: Event) -> tuple[int, int]:
        return self._index(event), parse_count(event.get("content_index")) or 0

    def _refusal(self, event: Event) -> Iterator[StreamEvent]:
        self._streamed.add(self._index(event))
        yield RefusalDelta(extract_text(event.get("delta")))

    def _summary(self, event: Event) -> Iterator[StreamEvent]:
        """Start a summary, after an empty line if it is not the first."""
        if self._index(event) in self._reasoning_items:
            yield ReasoningDelta("\n\n")

    def _reasoning(self, event: Event) -> Iterator[StreamEvent]:
        self._reasoning_items.add(self._index(event))
        yield ReasoningDelta(extract_text(event.get("delta")))

    def _item_added(self, event: Event) -> Iterator[StreamEvent]:
        item: Event = event["item"]
        index = parse_count(event.get("output_index"))
        if index is not None and self._index(event) in self._closed:  # some servers send 0 for every item
            self._reused[index] = _FIRST_REUSED + len(self._closed)
        if item.get("type") in CALLS:
            yield ToolCallDelta(self._index(event), item.get("call_id"), item.get("name"))

    def _arguments(self, event: Event) -> Iterator[StreamEvent]:
        self._streamed.add(self._index(event))
        yield ToolCallDelta(self._index(event), arguments=extract_text(event.get("delta")))

    def _arguments_done(self, event: Event) -> Iterator[StreamEvent]:
        """Emit arguments without deltas."""
        arguments = event.get("arguments") or event.get("input")
        if arguments and self._index(event) not in self._streamed:
            yield from self._arguments({**event, "delta": serialize_arguments(arguments)})

    def _partial_image(self, event: Event) -> Iterator[StreamEvent]:
        from budwood_openai_compatible.responses.media import decode_image_call

        item = {"result": event.get("partial_image_b64"), "output_format": event.get("output_format")}
        image = decode_image_call(item, self._vendor)
        if image is not None:
            preview = ImagePart(data=image.data, media_type=image.media_type)
            yield MediaPreview(self._index(event), preview)

    def _item_done(self, event: Event) -> Iterator[StreamEvent]:
        yield from self._close(self._index(event), event["item"])

    def _close(self, index: int, item: Event) -> Iterator[StreamEvent]:
        """Emit a complete item once, and its text if no delta had it."""
        if index in self._closed:
            return
        self._closed.add(index)
        if item.get("id"):
            self._ids.add(item["id"])
        parts = decode_item(item, self._vendor)
        self._parts.extend(parts)
        if index not in self._streamed:
            yield from (
                _make_delta(part, index) for part in parts if isinstance(part, TextPart | RefusalPart | ToolCallPart)
            )
        yield from (_make_closing_event(part, index) for part in parts)

    def _ended(self, event: Event) -> Iterator[StreamEvent]:
        response: Event = event["response"]
        if response.get("status") == "failed":
            yield from self._raise(event)
        for index, item in enumerate(response.get("output") or ()):
            # Items without an end are emitted now. Some servers have other indexes in events than in the list of items.
            if index not in self._closed and item.get("id") not in self._ids:
                yield from self._close(index, item)
        if isinstance(response.get("usage"), Mapping):
            yield UsageReported(decode_usage(response["usage"]))
        if metadata := decode_metadata(response):
            yield ResponseMetadata(metadata)
        self._is_finished = True
        yield Finished(*finish_reason(response, self._parts))

    def _raise(self, event: Event) -> Iterator[StreamEvent]:
        """Raise the error of an event, which is the event, in its field ``error``, or in the response."""
        response: Event = event.get("response") or {}
        error = event.get("error") or response.get("error") or {name: event[name] for name in event if name != "type"}
        raise self._convert_error({**response, "error": error})  # Azure sends filter results beside the error


def _make_delta(part: TextPart | RefusalPart | ToolCallPart, index: int) -> StreamEvent:
    match part:
        case TextPart():
            return TextDelta(part.text)
        case RefusalPart():
            return RefusalDelta(part.text)
        case ToolCallPart():
            return ToolCallDelta(index, part.id, part.name, part.arguments)


def _make_closing_event(part: Part, index: int) -> StreamEvent:
    match part:
        case TextPart() | RefusalPart():
            return TextClosed(part)
        case ReasoningPart():
            return ReasoningClosed(part)
        case ToolCallPart():
            return ToolCallClosed(index, part)
        case VendorPart():
            return VendorContent(part)
        case MediaPart():
            return MediaClosed(index, part)
        case _:
            raise TypeError(f"an item cannot become a {type(part).__name__}")
