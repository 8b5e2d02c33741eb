"""Read streamed replies of ``streamGenerateContent``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from budwood.errors import BadResponseError, StreamInterruptedError
from budwood.providing import BaseStreamDecoder, describe_body, parse_json, parse_rate_limits
from budwood.types import (
    JSON,
    Finished,
    HTTPReply,
    ReasoningClosed,
    ReasoningDelta,
    ReasoningPart,
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
from budwood.wire import ServerSentEvent, SSEDecoder
from budwood_gemini.content import VENDOR
from budwood_gemini.decoding import (
    about_the_reply,
    call_id,
    candidate_index,
    decode_part,
    decode_usage,
    finish_reason,
    notes_of,
    notes_of_candidate,
    parts_of,
    raw_finish_reason,
)
from budwood_gemini.errors import blocked_output, blocked_prompt, error_in, failed_output, failure
from budwood_gemini.headers import parse_request_id
from budwood_gemini.partial_arguments import add_piece


@dataclass(slots=True)
class _OpenCall:
    """A call whose arguments still come, piece by piece."""

    part: ToolCallPart
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Candidate:
    """What is known so far of one candidate: the text that is open, its calls, and whether it has ended."""

    index: int
    thoughts: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    calls: int = 0
    open_call: _OpenCall | None = None
    about: list[VendorPart] = field(default_factory=list)
    finished: str | None = None

    def take(self, written: Mapping[str, Any], own_id: str) -> Iterator[StreamEvent]:
        """Read one part."""
        call = written.get("functionCall")
        if self.open_call is not None and isinstance(call, Mapping) and "name" not in call:
            yield from self._grow(self.open_call, call)
            return
        part = decode_part(written, own_id)
        if part is None:
            return
        match part:
            case ReasoningPart():
                yield from self._think(part)
            case TextPart():
                yield from self._speak(part)
            case ToolCallPart():
                yield from self.close()
                yield from self._call(part, written["functionCall"])
            case VendorPart():
                yield from self.close()
                self.text.clear()
                yield VendorContent(part, self.index)

    def _think(self, part: ReasoningPart) -> Iterator[StreamEvent]:
        if part.data is not None:
            yield from self.close()
        self.text.clear()
        self.thoughts.append(part.text)
        yield ReasoningDelta(part.text, self.index)
        if part.data is not None:
            self.thoughts.clear()
            yield ReasoningClosed(part, self.index)

    def _speak(self, part: TextPart) -> Iterator[StreamEvent]:
        yield from self.close()
        if part.data is None:
            self.text.append(part.text)
            yield TextDelta(part.text, self.index)
            return
        if self.text:  # a signed text must not be joined to what came before it
            yield TextClosed(TextPart(text="".join(self.text)), self.index)
            self.text.clear()
        if part.text:
            yield TextDelta(part.text, self.index)
        yield TextClosed(part, self.index)

    def _call(self, part: ToolCallPart, call: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self.text.clear()
        self.calls += 1
        if call.get("willContinue") or call.get("partialArgs"):
            self.open_call = _OpenCall(part)
            yield ToolCallDelta(self.calls - 1, part.id, part.name, "", self.index)
            yield from self._grow(self.open_call, call)
            return
        yield ToolCallDelta(self.calls - 1, part.id, part.name, part.arguments, self.index)
        yield ToolCallClosed(self.calls - 1, part, self.index)

    def _grow(self, opened: _OpenCall, call: Mapping[str, Any]) -> Iterator[StreamEvent]:
        for piece in call.get("partialArgs") or ():
            add_piece(opened.arguments, piece)
        opened.arguments.update(call.get("args") or {})
        if not call.get("willContinue"):
            yield from self._close_call()

    def close(self) -> Iterator[StreamEvent]:
        """Close what cannot go on: thoughts, and a call whose arguments came in pieces."""
        if self.thoughts:
            whole = ReasoningPart(text="".join(self.thoughts), provider=VENDOR)
            self.thoughts.clear()
            yield ReasoningClosed(whole, self.index)
        yield from self._close_call()

    def _close_call(self) -> Iterator[StreamEvent]:
        opened, self.open_call = self.open_call, None
        if opened is not None:
            whole = opened.part.model_copy(update={"arguments": to_json(opened.arguments).decode()})
            yield ToolCallDelta(self.calls - 1, None, None, whole.arguments, self.index)
            yield ToolCallClosed(self.calls - 1, whole, self.index)


class GeminiStreamDecoder(BaseStreamDecoder[ServerSentEvent]):
    """
    Decodes one streamed reply: server-sent events, or the JSON list of chunks that comes without ``alt=sse``.

    Args:
        head: The reply's head.
        earlier: How many calls the conversation held before: they tell replies apart that have no id.
    """

    def __init__(self, head: ReplyHead, *, earlier: int = 0) -> None:
        super().__init__(head, SSEDecoder(), decode_body=self._list)
        self._earlier = earlier
        self._started = False
        self._spoken = False
        self._id: str | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._usage: dict[str, JSON] = {}
        self._said: dict[str, JSON] = {}

    def _end(self) -> list[StreamEvent]:
        if not self._candidates or any(one.finished is None for one in self._candidates.values()):
            raise StreamInterruptedError("The stream ended without a finish reason.")
        return []

    def _list(self, reply: HTTPReply) -> Iterator[StreamEvent]:
        """Decode the JSON list of all chunks."""
        try:
            chunks = parse_json(reply.body)
        except ValueError:
            chunks = None
        for chunk in chunks if isinstance(chunks, list) else [chunks]:
            if not isinstance(chunk, dict):
                raise BadResponseError(f"The reply is no stream but {describe_body(reply.body)}.")
            yield from self._decode_chunk(chunk)
        yield from self._end()

    def _decode(self, frame: ServerSentEvent) -> Iterable[StreamEvent]:
        chunk = self._parse(frame.data, frame.event)
        return () if chunk is None else self._decode_chunk(chunk)

    def _decode_chunk(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        if said := error_in(chunk):
            raise failure(self._head, said)
        if refusal := blocked_prompt(chunk):
            raise refusal
        if not self._started:
            yield from self._start(chunk)
        for candidate in chunk.get("candidates") or ():
            yield from self._decode_candidate(candidate)
        if usage := chunk.get("usageMetadata"):
            yield from self._report(usage)
        yield from self._describe(notes_of(chunk))

    def _start(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._started = True
        self._id = chunk.get("responseId") or None
        yield ResponseStarted(self._id, chunk.get("modelVersion") or None)
        yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))

    def _decode_candidate(self, candidate: Mapping[str, Any]) -> Iterator[StreamEvent]:
        index = candidate_index(candidate)
        state = self._candidates.setdefault(index, _Candidate(index))
        for written in parts_of(candidate):
            for event in state.take(written, call_id(self._id, candidate, self._earlier, state.calls)):
                self._spoken = True
                yield event
        state.about.extend(part for part in about_the_reply(candidate) if part not in state.about)
        if index == 0:  # metadata is of the response, whose message is the first candidate
            yield from self._describe(notes_of_candidate(candidate))
        raw = raw_finish_reason(candidate)
        if raw and raw != state.finished:
            yield from state.close()
            if not self._spoken and (error := blocked_output(candidate) or failed_output(candidate)):
                raise error
            state.finished = raw
            yield from (VendorContent(part, index) for part in state.about)  # sources of text that may come in between
            yield Finished(finish_reason(raw, called_tools=bool(state.calls)), raw, index)

    def _report(self, usage: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Report the latest counts, which replace all before them; some chunks hold none (``trafficType`` alone)."""
        latest = dict(usage) if "totalTokenCount" in usage else {**self._usage, **usage}
        if latest != self._usage:
            self._usage = latest
            yield UsageReported(decode_usage(latest))

    def _describe(self, notes: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Tell what is new: most chunks repeat the same notes."""
        new = {name: value for name, value in notes.items() if self._said.get(name) != value}
        if new:
            self._said.update(new)
            yield ResponseMetadata(new)
