"""Read streamed replies in the form of Chat Completions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError
from budwood.providing import describe_body, events_of, rate_limits, request_id
from budwood.types import (
    ChatResponse,
    Finished,
    HTTPReply,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCallDelta,
    UsageReported,
    VendorContent,
    VendorPart,
)
from budwood.types.record import JSON
from budwood.wire import ServerSentEvent, SSEDecoder
from budwood_openai_compatible.decoding import (
    REASONING_FIELDS,
    arguments_text,
    content_piece,
    decode_metadata,
    decode_usage,
    finish_reason,
    unknown_fields,
)

DONE: Final = b"[DONE]"

Whole = Callable[[HTTPReply], ChatResponse]
"""Reads a whole reply."""

Failure = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error of a chunk that holds one."""


@dataclass(slots=True)
class _Choice:
    """What is known so far of one choice: which tool calls it has begun, and whether it has ended."""

    ids: list[str] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    finished: bool = False

    def place(self, call: Mapping[str, Any]) -> int:
        """
        Tell which call a fragment belongs to.

        Some servers leave ``index`` out, or send several whole calls under one: an id that is new begins a new call.
        """
        given, call_id = call.get("index"), call.get("id")
        known = self.places.get(given, -1) if isinstance(given, int) else len(self.ids) - 1
        if known < 0 or (call_id and self.ids[known] and self.ids[known] != call_id):
            known = len(self.ids)
            self.ids.append(call_id or "")
            if isinstance(given, int):
                self.places[given] = known
        return known


class ChatStreamDecoder:
    """
    Decodes one streamed reply.

    Args:
        head: The reply's head.
        vendor: The plugin's name, for vendor parts.
        whole: Reads what a server sends that answers a request for a stream with a whole reply, as some do.
        failure: Makes the error of an error inside the stream.
    """

    def __init__(self, head: ReplyHead, *, vendor: str, whole: Whole, failure: Failure) -> None:
        self._head = head
        self._vendor = vendor
        self._whole = whole
        self._failure = failure
        self._sse = SSEDecoder()
        self._not_a_stream: list[bytes] | None = None
        self._begun = False
        self._started = False
        self._done = False
        self._choices: dict[int, _Choice] = {}

    def feed(self, data: bytes) -> list[StreamEvent]:
        """Decode what came; see `budwood.contracts.StreamDecoder`."""
        if not self._begun and (data := data.lstrip()):
            self._begun = True
            if data[:1] in (b"{", b"[", b"<"):
                self._not_a_stream = []
        if self._not_a_stream is not None:
            self._not_a_stream.append(data)
            return []
        return [event for sent in self._sse.feed(data) for event in self._decode(sent)]

    def close(self) -> list[StreamEvent]:
        """Decode what is left; see `budwood.contracts.StreamDecoder`."""
        if self._not_a_stream is not None:
            return events_of(self._whole(HTTPReply(self._head, b"".join(self._not_a_stream))))
        events = [event for sent in self._sse.close() for event in self._decode(sent)]
        if any(choice.finished for choice in self._choices.values()):
            return events
        if not self._done:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        events.append(Finished("other"))  # [DONE] alone: complete, but the server did not say why
        return events

    def _decode(self, sent: ServerSentEvent) -> Iterator[StreamEvent]:
        if sent.data == DONE:
            self._done = True
            return
        chunk = self._parse(sent.data)
        if chunk.get("error"):
            raise self._failure(chunk)
        if not self._started:
            self._started = True
            yield ResponseStarted(chunk.get("id") or None, chunk.get("model") or None)
            yield ResponseMetadata({}, rate_limits(self._head.headers), request_id(self._head.headers))
        for choice in chunk.get("choices") or ():
            yield from self._decode_choice(choice)
        if chunk.get("usage"):
            yield UsageReported(decode_usage(chunk["usage"]))
        metadata = decode_metadata(chunk)
        if metadata:
            yield ResponseMetadata(metadata)

    def _parse(self, data: bytes) -> dict[str, Any]:
        try:
            chunk = from_json(data)
        except ValueError:
            chunk = None
        if not isinstance(chunk, dict):
            raise BadResponseError(f"The stream holds an event that is no JSON object but {describe_body(data)}.")
        return chunk

    def _decode_choice(self, choice: Mapping[str, Any]) -> Iterator[StreamEvent]:
        index = choice.get("index") or 0
        state = self._choices.setdefault(index, _Choice())
        delta = choice.get("delta") or choice.get("message") or {}
        yield from self._decode_delta(delta, state, index)
        notes = {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and value}
        if notes:
            yield ResponseMetadata(notes)
        raw = choice.get("finish_reason")
        if raw:
            state.finished = True
            yield Finished(finish_reason(raw, called_tools=bool(state.ids)), raw, index)

    def _decode_delta(self, delta: Mapping[str, Any], state: _Choice, index: int) -> Iterator[StreamEvent]:
        content = delta.get("content")
        if content and isinstance(content, str):
            yield TextDelta(content, index)
            if len(delta) <= 2:  # content and role: nearly every chunk of a stream
                return
        for name in REASONING_FIELDS:
            if delta.get(name):
                yield ReasoningDelta(delta[name], index)
                break
        if isinstance(content, list):
            yield from (self._decode_piece(piece, index) for piece in content)
        if delta.get("refusal"):
            yield RefusalDelta(delta["refusal"], index)
        for call in delta.get("tool_calls") or ():
            yield _decode_call(call, state, index)
        if delta.get("function_call"):
            yield _decode_call({"index": 0, "function": delta["function_call"]}, state, index)
        for kind, data in unknown_fields(delta):
            yield VendorContent(VendorPart(provider=self._vendor, kind=kind, data=data), index)

    def _decode_piece(self, piece: JSON, index: int) -> StreamEvent:
        part = content_piece(piece, self._vendor)
        if isinstance(part, TextPart):
            return TextDelta(part.text, index)
        if isinstance(part, ReasoningPart):
            return ReasoningDelta(part.text, index)
        return VendorContent(part, index)


_CHOICE_FIELDS: Final = frozenset({"index", "delta", "message", "finish_reason", "native_finish_reason"})


def _decode_call(call: Mapping[str, Any], state: _Choice, choice: int) -> ToolCallDelta:
    function = call.get("function") or call.get("custom") or {}
    return ToolCallDelta(
        index=state.place(call),
        id=call.get("id") or None,
        name=function.get("name") or None,
        arguments=arguments_text(function.get("arguments", function.get("input"))),
        choice=choice,
    )
