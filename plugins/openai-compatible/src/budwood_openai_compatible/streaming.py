"""Read streamed replies in the form of Chat Completions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from budwood.errors import StreamInterruptedError
from budwood.providing import parse_chunk, parse_rate_limits
from budwood.types import (
    JSON,
    Finished,
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
from budwood.wire import ServerSentEvent
from budwood_openai_compatible.decoding import (
    arguments_text,
    content_piece,
    decode_metadata,
    decode_usage,
    finish_reason,
    holds_error,
    message_of,
    parse_request_id,
    pieces_of,
    reasoning_text,
    unknown_fields,
)
from budwood_openai_compatible.framing import DecodeBody, Failure, JSONEventDecoder

DONE: Final = b"[DONE]"

Standard = Callable[[dict[str, Any]], dict[str, Any]]
"""Brings a chunk into OpenAI's form."""


@dataclass(slots=True)
class _BegunCall:
    """What tells a tool call from another."""

    id: str
    name: str

    def is_other(self, call_id: str, name: str, *, numbered: bool) -> bool:
        """
        Whether a fragment belongs to another call than this one.

        Ids tell where there are some; else a name begins a call, but a repeated one with the same number does not.
        """
        if call_id and self.id:
            return call_id != self.id
        return bool(name and self.name) and not (numbered and name == self.name)


@dataclass(slots=True)
class _Choice:
    """What is known so far of one choice: which tool calls it has begun, and whether it has ended."""

    calls: list[_BegunCall] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    logprobs: dict[str, JSON] = field(default_factory=dict)
    channel: JSON = None
    finished: bool = False

    def place(self, call: Mapping[str, Any]) -> int:
        """
        Tell which call a fragment belongs to.

        Some servers leave ``index`` out, or send several whole calls under one.
        """
        given: Any = call.get("index")
        call_id, name = call.get("id") or "", _function(call).get("name") or ""
        numbered = isinstance(given, int)
        known = self.places.get(given, -1) if numbered else len(self.calls) - 1
        if known < 0 or self.calls[known].is_other(call_id, name, numbered=numbered):
            known = len(self.calls)
            self.calls.append(_BegunCall(call_id, name))
            if numbered:
                self.places[given] = known
        begun = self.calls[known]
        begun.id, begun.name = begun.id or call_id, begun.name or name
        return known

    def news(self, delta: Mapping[str, Any]) -> Iterator[tuple[str, JSON]]:
        """List fields that Budwood does not model. Every delta of gpt-oss names its channel: only changes count."""
        for kind, data in unknown_fields(delta):
            if kind != "channel" or data != self.channel:
                yield kind, data
        self.channel = delta.get("channel", self.channel)

    def add_logprobs(self, logprobs: Mapping[str, JSON]) -> None:
        """Gather what each chunk says of its own tokens alone."""
        for name, tokens in logprobs.items():
            gathered = self.logprobs.setdefault(name, [])
            if isinstance(gathered, list) and isinstance(tokens, list):
                gathered.extend(tokens)


class ChatStreamDecoder(JSONEventDecoder):
    """
    Decodes one streamed reply.

    Args:
        head: The reply's head.
        vendor: To whom vendor parts belong.
        decode_body: Reads what a server sends that answers a request for a stream with a whole reply, as some do.
        failure: Makes the error of an error inside the stream.
        standard: Brings each chunk into OpenAI's form, where the vendor says some things in another place.
    """

    def __init__(
        self,
        head: ReplyHead,
        *,
        vendor: str,
        decode_body: DecodeBody,
        failure: Failure,
        standard: Standard | None = None,
    ) -> None:
        super().__init__(head, vendor=vendor, decode_body=decode_body, failure=failure)
        self._standard = standard
        self._started = False
        self._done = False
        self._choices: defaultdict[int, _Choice] = defaultdict(_Choice)
        self._early: dict[str, JSON] = {}
        self._notes: Mapping[str, JSON] = {}
        self._said: dict[str, JSON] = {}

    def _end(self) -> list[StreamEvent]:
        unfinished = [index for index, choice in self._choices.items() if not choice.finished]
        if self._choices and not unfinished:
            return []
        if not self._done:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        if not self._started:
            raise StreamInterruptedError("The stream ended before the reply had begun.")
        # [DONE] alone: complete, but the server did not say why
        return [Finished("other", None, index) for index in unfinished or [0]]

    def _decode(self, frame: ServerSentEvent) -> Iterator[StreamEvent]:
        if frame.data == DONE:
            self._done = True
            return
        chunk = parse_chunk(frame.data)
        if self._standard is not None:
            chunk = self._standard(chunk)
        if holds_error(chunk) or frame.event == "error":
            raise self._failure(chunk)
        if not self._started:
            if not (chunk.get("id") or chunk.get("choices") or chunk.get("usage")):
                self._early.update(decode_metadata(chunk))  # Azure's verdict on the prompt comes before id and model
                return
            yield from self._start(chunk)
        for choice in chunk.get("choices") or ():
            yield from self._decode_choice(choice)
        if chunk.get("usage"):
            yield UsageReported(decode_usage(chunk["usage"]))
        yield from self._describe(decode_metadata(chunk))

    def _start(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._started = True
        yield ResponseStarted(chunk.get("id") or None, chunk.get("model") or None)
        yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))
        yield from self._describe(self._early)

    def _describe(self, notes: Mapping[str, JSON]) -> Iterable[StreamEvent]:
        """Tell what is new: most servers repeat the same notes in every chunk, and some add to them later."""
        if not notes or notes == self._notes:
            return ()
        self._notes = notes
        whole = {name: _added(self._said.get(name), value) for name, value in notes.items()}
        new = {name: value for name, value in whole.items() if name not in self._said or self._said[name] != value}
        self._said.update(new)
        return (ResponseMetadata(new),) if new else ()

    def _decode_choice(self, choice: Mapping[str, Any]) -> Iterable[StreamEvent]:
        index = choice.get("index") or 0
        state = self._choices[index]
        if text := _mere_text(choice):
            return (TextDelta(text, index),)
        return self._decode_full_choice(choice, state, index)

    def _decode_full_choice(self, choice: Mapping[str, Any], state: _Choice, index: int) -> Iterator[StreamEvent]:
        yield from self._decode_delta(message_of(choice), state, index)
        if choice.get("logprobs"):
            state.add_logprobs(choice["logprobs"])
        raw = choice.get("finish_reason")
        if index == 0:  # metadata is of the response, whose message is the first choice
            notes = {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and value}
            if raw and state.logprobs:
                notes["logprobs"] = state.logprobs
            yield from self._describe(notes)
        if raw:
            state.finished = True
            yield Finished(finish_reason(raw, called_tools=bool(state.calls)), raw, index)

    def _decode_delta(self, delta: Mapping[str, Any], state: _Choice, index: int) -> Iterator[StreamEvent]:
        yield from (self._vendor_content(kind, data, index) for kind, data in state.news(delta))
        if reasoning := reasoning_text(delta):
            yield ReasoningDelta(reasoning, index)
        for piece in pieces_of(delta.get("content")):
            yield TextDelta(piece, index) if isinstance(piece, str) else self._decode_piece(piece, index)
        if delta.get("refusal"):
            yield RefusalDelta(delta["refusal"], index)
        for call in delta.get("tool_calls") or ():
            yield _decode_call(call, state, index)
        if delta.get("function_call"):
            yield _decode_call({"index": 0, "function": delta["function_call"]}, state, index)

    def _vendor_content(self, kind: str, data: JSON, index: int) -> VendorContent:
        return VendorContent(VendorPart(provider=self._vendor, kind=kind, data=data), index)

    def _decode_piece(self, piece: JSON, index: int) -> StreamEvent:
        part = content_piece(piece, self._vendor)
        if isinstance(part, TextPart):
            return TextDelta(part.text, index)
        if isinstance(part, ReasoningPart):
            return ReasoningDelta(part.text, index)
        return VendorContent(part, index)


_CHOICE_FIELDS: Final = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs"})


_TEXT_FIELDS: Final = frozenset({"index", "delta", "finish_reason", "logprobs"})


def _mere_text(choice: Mapping[str, Any]) -> str:
    """Return the text of a choice that says nothing else, as nearly all of a stream do."""
    delta = choice.get("delta")
    if not delta or choice.get("finish_reason") or choice.get("logprobs") or not choice.keys() <= _TEXT_FIELDS:
        return ""
    content = delta.get("content")
    alone = len(delta) == 1 or (len(delta) == 2 and "role" in delta)
    return content if alone and isinstance(content, str) else ""


def _added(said: JSON, more: JSON) -> JSON:
    return {**said, **more} if isinstance(said, dict) and isinstance(more, dict) else more


def _function(call: Mapping[str, Any]) -> Mapping[str, Any]:
    return call.get("function") or call.get("custom") or {}


def _decode_call(call: Mapping[str, Any], state: _Choice, choice: int) -> ToolCallDelta:
    function = _function(call)
    return ToolCallDelta(
        index=state.place(call),
        id=call.get("id") or None,
        name=function.get("name") or None,
        arguments=arguments_text(function.get("arguments", function.get("input"))),
        choice=choice,
    )
