"""
Read streamed replies in the form of Responses.

Every event names its type. Deltas are told on as they come; the item that ends each of them holds the whole, and what
the server wants back. Progress of the server's own tools is passed over: their items say what came of it.

Source: OpenAI's API description, ``ResponseStreamEvent``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from budwood.errors import StreamInterruptedError
from budwood.providing import parse_count, parse_rate_limits
from budwood.types import (
    Finished,
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
from budwood_openai_compatible.content import text_in
from budwood_openai_compatible.decoding import parse_request_id, reports_error
from budwood_openai_compatible.framing import DecodeBody, Failure, JSONEventDecoder
from budwood_openai_compatible.responses.decoding import decode_metadata, decode_usage, finish_reason
from budwood_openai_compatible.responses.items import CALLS, decode_item

Event = Mapping[str, Any]


class ResponsesStreamDecoder(JSONEventDecoder):
    """Decodes one streamed reply; the arguments are those of `JSONEventDecoder`."""

    def __init__(self, head: ReplyHead, *, vendor: str, decode_body: DecodeBody, failure: Failure) -> None:
        super().__init__(head, vendor=vendor, decode_body=decode_body, failure=failure)
        self._started = False
        self._finished = False
        self._parts: list[Part] = []
        self._closed: set[int] = set()
        self._ids: set[str] = set()
        self._told: set[int] = set()
        self._places: dict[str, int] = {}
        self._reasoned: set[int] = set()
        self._take: Final[Mapping[str, Callable[[Event], Iterator[StreamEvent]]]] = {
            "response.output_text.delta": self._text,
            "response.refusal.delta": self._refusal,
            "response.reasoning_summary_part.added": self._summary,
            "response.reasoning_summary_text.delta": self._reasoning,
            "response.reasoning_text.delta": self._reasoning,
            "response.output_item.added": self._item_added,
            "response.function_call_arguments.delta": self._arguments,
            "response.custom_tool_call_input.delta": self._arguments,
            "response.output_item.done": self._item_done,
            "response.completed": self._ended,
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
        if kind not in self._take and "response" not in event and reports_error(event):
            kind = "error"
        response = event.get("response")
        if not self._started and kind.startswith("response."):
            yield from self._start(response if isinstance(response, Mapping) else {})
        if take := self._take.get(kind):
            yield from take(event)

    def _end(self) -> list[StreamEvent]:
        if not self._finished:
            raise StreamInterruptedError("The stream ended before the response was complete.")
        return []

    def _start(self, response: Event) -> Iterator[StreamEvent]:
        self._started = True
        yield ResponseStarted(response.get("id") or None, response.get("model") or None)
        yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))

    def _index(self, event: Event) -> int:
        """Return the place of the item that an event is about. A server that does not number them names them."""
        index = parse_count(event.get("output_index"))
        if index is not None:
            return index
        item: Event = event.get("item") or {}
        return self._places.setdefault(str(event.get("item_id") or item.get("id")), len(self._places))

    def _text(self, event: Event) -> Iterator[StreamEvent]:
        self._told.add(self._index(event))
        yield TextDelta(text_in(event.get("delta")))

    def _refusal(self, event: Event) -> Iterator[StreamEvent]:
        self._told.add(self._index(event))
        yield RefusalDelta(text_in(event.get("delta")))

    def _summary(self, event: Event) -> Iterator[StreamEvent]:
        """Begin a summary; between two there is an empty line."""
        if self._index(event) in self._reasoned:
            yield ReasoningDelta("\n\n")

    def _reasoning(self, event: Event) -> Iterator[StreamEvent]:
        self._reasoned.add(self._index(event))
        yield ReasoningDelta(text_in(event.get("delta")))

    def _item_added(self, event: Event) -> Iterator[StreamEvent]:
        item: Event = event["item"]
        if item.get("type") in CALLS:
            yield ToolCallDelta(self._index(event), item.get("call_id"), item.get("name"))

    def _arguments(self, event: Event) -> Iterator[StreamEvent]:
        self._told.add(self._index(event))
        yield ToolCallDelta(self._index(event), arguments=text_in(event.get("delta")))

    def _item_done(self, event: Event) -> Iterator[StreamEvent]:
        yield from self._close(self._index(event), event["item"])

    def _close(self, index: int, item: Event) -> Iterator[StreamEvent]:
        """Tell the whole of an item, once; of what no delta told before also its text."""
        if index in self._closed:
            return
        self._closed.add(index)
        if item.get("id"):
            self._ids.add(item["id"])
        parts = decode_item(item, self._vendor)
        self._parts.extend(parts)
        if index not in self._told:
            yield from (
                _delta(part, index) for part in parts if isinstance(part, TextPart | RefusalPart | ToolCallPart)
            )
        yield from (_closed(part, index) for part in parts)

    def _ended(self, event: Event) -> Iterator[StreamEvent]:
        response: Event = event["response"]
        for index, item in enumerate(response.get("output") or ()):
            # What was cut off in the middle is told now. Some servers number events otherwise than they list items.
            if index not in self._closed and item.get("id") not in self._ids:
                yield from self._close(index, item)
        if isinstance(response.get("usage"), Mapping):
            yield UsageReported(decode_usage(response["usage"]))
        if notes := decode_metadata(response):
            yield ResponseMetadata(notes)
        self._finished = True
        yield Finished(*finish_reason(response, self._parts))

    def _raise(self, event: Event) -> Iterator[StreamEvent]:
        """Raise the error of an event, which stands at its top, in an envelope, or in the response that failed."""
        response: Event = event.get("response") or {}
        said = event.get("error") or response.get("error") or {name: event[name] for name in event if name != "type"}
        raise self._failure({**response, "error": said})  # Azure's verdicts stand in the response, beside the error


def _delta(part: TextPart | RefusalPart | ToolCallPart, index: int) -> StreamEvent:
    match part:
        case TextPart():
            return TextDelta(part.text)
        case RefusalPart():
            return RefusalDelta(part.text)
        case ToolCallPart():
            return ToolCallDelta(index, part.id, part.name, part.arguments)


def _closed(part: Part, index: int) -> StreamEvent:
    match part:
        case TextPart() | RefusalPart():
            return TextClosed(part)
        case ReasoningPart():
            return ReasoningClosed(part)
        case ToolCallPart():
            return ToolCallClosed(index, part)
        case VendorPart():
            return VendorContent(part)
        case _:
            raise TypeError(f"a model does not write {type(part).__name__}")
