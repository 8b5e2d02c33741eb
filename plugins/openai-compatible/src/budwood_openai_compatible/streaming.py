"""Read streamed replies in the form of Chat Completions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from budwood.errors import StreamInterruptedError
from budwood.providing import count_tool_calls, is_end_mark, parse_count, parse_rate_limits
from budwood.types import (
    JSON,
    ChatRequest,
    Finished,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    TextPart,
    UsageReported,
    VendorContent,
    VendorPart,
)
from budwood.wire import ServerSentEvent
from budwood_openai_compatible.call_fragments import CallFragments
from budwood_openai_compatible.content import (
    REASONING_DETAILS,
    content_pieces,
    decode_piece,
    reasoning_in,
    text_in,
    unknown_fields,
)
from budwood_openai_compatible.decoding import (
    asks_for_one,
    decode_metadata,
    decode_usage,
    finish_reason,
    holds_error,
    merged_usage,
    message_of,
    parse_request_id,
    reason_of,
    reports_error,
    word,
)
from budwood_openai_compatible.framing import DecodeBody, Failure, JSONEventDecoder
from budwood_openai_compatible.tool_calls import calls_in

Standard = Callable[[dict[str, Any]], dict[str, Any]]
"""Brings a chunk into OpenAI's form."""


@dataclass(slots=True)
class _Choice:
    """
    What came so far of one choice.

    Attributes:
        calls: Its tool calls.
        reasoning: Reasoning that no other content followed yet.
        origin: The field or the piece of content that the reasoning came in.
        logprobs: The log probabilities of all tokens.
        channel: The channel that was named last.
        is_started: Whether any of its content came.
        reason: Why it ended, in the server's word.
        is_finished: Whether it ended.
    """

    calls: CallFragments
    reasoning: list[str] = field(default_factory=list)
    origin: JSON = None
    logprobs: dict[str, JSON] = field(default_factory=dict)
    channel: JSON = None
    is_started: bool = False
    reason: str | None = None
    is_finished: bool = False

    def news(self, delta: Mapping[str, Any]) -> Iterator[tuple[str, JSON]]:
        """List fields that Budwood does not model. Every delta of gpt-oss names its channel: only changes count."""
        for kind, data in unknown_fields(delta):
            if kind != "channel" or data != self.channel:
                yield kind, data
        self.channel = delta.get("channel", self.channel)

    def add_reasoning(self, text: str, origin: JSON) -> None:
        """Gather reasoning, of which the vendor wants the complete text back."""
        self.reasoning.append(text)
        self.origin = origin

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
        request: The chat request that the stream answers. Several choices are one reply if it did not ask for several;
            None for a plain completion.
    """

    def __init__(
        self,
        head: ReplyHead,
        *,
        vendor: str,
        decode_body: DecodeBody,
        failure: Failure,
        standard: Standard | None = None,
        request: ChatRequest | None = None,
    ) -> None:
        super().__init__(head, vendor=vendor, decode_body=decode_body, failure=failure)
        self._standard = standard
        self._request = request
        self._is_one_reply = asks_for_one(request)
        self._started = False
        self._done = False
        self._id: str | None = None
        self._choices: dict[int, _Choice] = {}
        self._finished: set[int] = set()
        self._sources: set[int] = set()
        self._usage: Mapping[str, JSON] = {}
        self._early: dict[str, JSON] = {}
        self._notes: Mapping[str, JSON] = {}
        self._said: dict[str, JSON] = {}

    def _end(self) -> Iterator[StreamEvent]:
        unfinished = self._sources - self._finished
        if self._sources and not unfinished:
            return
        if not self._done:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        if not self._started:
            raise StreamInterruptedError("The stream ended before the reply had begun.")
        # [DONE] alone: complete, but the server did not say why
        for index, choice in sorted(self._choices.items()):
            if not choice.is_finished:
                yield from self._finish(choice, None, index)
        if not self._choices:
            yield Finished("other")

    def _decode(self, frame: ServerSentEvent) -> Iterator[StreamEvent]:
        chunk = self._parse(frame.data, frame.event)
        if chunk is None:
            self._done = self._done or is_end_mark(frame.data)
            return
        if self._standard is not None:
            chunk = self._standard(chunk)
        choices = chunk.get("choices")
        if holds_error(chunk) or frame.event == "error" or (not choices and reports_error(chunk)):
            raise self._failure(chunk)
        if not self._started:
            if not (chunk.get("id") or choices or chunk.get("usage")):
                self._early.update(decode_metadata(chunk))  # Azure's verdict on the prompt comes before id and model
                return
            yield from self._start(chunk)
        for choice in choices if isinstance(choices, list) else (choices,):
            if choice:
                yield from self._decode_choice(choice, chunk)
        if chunk.get("usage"):
            yield from self._report(chunk["usage"])
        yield from self._describe(decode_metadata(chunk))

    def _start(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._started = True
        self._id = word(chunk.get("id"))
        yield ResponseStarted(self._id, word(chunk.get("model")))
        yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))
        yield from self._describe(self._early)

    def _report(self, usage: JSON) -> Iterator[StreamEvent]:
        if isinstance(usage, dict):
            self._usage = merged_usage(self._usage, usage)
            yield UsageReported(decode_usage(self._usage))

    def _describe(self, notes: Mapping[str, JSON]) -> Iterable[StreamEvent]:
        """Tell what is new: most servers repeat the same notes in every chunk, and some add to them later."""
        if not notes or notes == self._notes:
            return ()
        self._notes = notes
        whole = {name: _added(self._said.get(name), value) for name, value in notes.items()}
        new = {name: value for name, value in whole.items() if name not in self._said or self._said[name] != value}
        self._said.update(new)
        return (ResponseMetadata(new),) if new else ()

    def _decode_choice(self, choice: Mapping[str, Any], chunk: Mapping[str, Any]) -> Iterable[StreamEvent]:
        source = choice.get("index")
        if type(source) is not int:
            source = parse_count(source) or 0
        self._sources.add(source)
        index = 0 if self._is_one_reply else source
        state = self._choices.get(index)
        if state is None:
            tools = self._request.tools if self._request is not None else ()
            state = self._choices[index] = _Choice(CallFragments(frozenset(tool.name for tool in tools)))
        if (text := _mere_text(choice)) and not state.reasoning:
            state.is_started = True
            return (TextDelta(text, index),)
        return self._decode_full_choice(choice, state, index, source, chunk)

    def _decode_full_choice(
        self, choice: Mapping[str, Any], state: _Choice, index: int, source: int, chunk: Mapping[str, Any]
    ) -> Iterator[StreamEvent]:
        if choice.get("delta") or not (state.is_started and choice.get("message")):  # some end with the whole message
            yield from self._decode_delta(message_of(choice), state, index, source)
        if isinstance(choice.get("logprobs"), dict):
            state.add_logprobs(choice["logprobs"])
        raw = reason_of(choice, chunk)
        if index == 0:  # metadata is of the response, whose message is the first choice
            notes = {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and value}
            if raw and state.logprobs:
                notes["logprobs"] = state.logprobs
            yield from self._describe(notes)
        if choice.get("usage"):
            yield from self._report(choice["usage"])
        if raw:
            self._finished.add(source)
            yield from self._finish(state, raw, index)

    def _finish(self, state: _Choice, raw: str | None, index: int) -> Iterator[StreamEvent]:
        yield from self._close_reasoning(state, index)
        earlier = count_tool_calls(self._request) if self._request is not None else 0
        yield from state.calls.close(self._id, earlier, self._vendor, index)
        state.is_finished = True
        if state.reason in (None, "stop"):  # of two choices that are one reply, one may say "stop"
            state.reason = raw
        yield Finished(finish_reason(state.reason, called_tools=bool(state.calls.calls)), state.reason, index)

    def _decode_delta(self, delta: Mapping[str, Any], state: _Choice, index: int, source: int) -> Iterator[StreamEvent]:
        for kind, data in state.news(delta):
            if kind != REASONING_DETAILS:
                yield from self._close_reasoning(state, index)
            yield VendorContent(VendorPart(provider=self._vendor, kind=kind, data=data), index)
        name, reasoning = reasoning_in(delta)
        if reasoning:
            yield ReasoningDelta(reasoning, index)
            if REASONING_DETAILS not in delta:
                state.add_reasoning(reasoning, name)
        for piece in content_pieces(delta.get("content")):
            yield from self._decode_piece(piece, state, index)
        if refusal := text_in(delta.get("refusal")):
            yield from self._close_reasoning(state, index)
            yield RefusalDelta(refusal, index)
        for call in calls_in(delta):
            yield from self._close_reasoning(state, index)
            yield state.calls.add(call, source, index)
        state.is_started = state.is_started or bool(delta)

    def _decode_piece(self, piece: JSON, state: _Choice, index: int) -> Iterator[StreamEvent]:
        part = TextPart(text=piece) if isinstance(piece, str) and piece else decode_piece(piece, self._vendor)
        if isinstance(part, ReasoningPart):
            state.add_reasoning(part.text, part.data)
            yield ReasoningDelta(part.text, index)
        elif part is not None:
            yield from self._close_reasoning(state, index)
            match part:
                case TextPart():
                    yield TextDelta(part.text, index)
                case RefusalPart():
                    yield RefusalDelta(part.text, index)
                case _:
                    yield VendorContent(part, index)

    def _close_reasoning(self, state: _Choice, index: int) -> Iterator[StreamEvent]:
        """Complete reasoning with the place that it came in, to which it goes back."""
        if state.reasoning:
            part = ReasoningPart(text="".join(state.reasoning), provider=self._vendor, data=state.origin)
            state.reasoning.clear()
            yield ReasoningClosed(part, index)


_CHOICE_FIELDS: Final = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs", "usage"})

_TEXT_FIELDS: Final = frozenset({"index", "delta", "finish_reason", "logprobs"})


def _mere_text(choice: Mapping[str, Any]) -> str:
    """Return the text of a choice that says nothing else, as nearly all of a stream do."""
    delta = choice.get("delta")
    if not isinstance(delta, dict) or choice.get("finish_reason") or choice.get("logprobs"):
        return ""
    if not choice.keys() <= _TEXT_FIELDS:
        return ""
    content = delta.get("content")
    alone = len(delta) == 1 or (len(delta) == 2 and "role" in delta)
    return content if alone and isinstance(content, str) else ""


def _added(said: JSON, more: JSON) -> JSON:
    return {**said, **more} if isinstance(said, dict) and isinstance(more, dict) else more
