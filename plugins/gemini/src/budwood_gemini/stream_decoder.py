"""Decode streamed replies of ``streamGenerateContent``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from budwood.errors import BadResponseError, StreamInterruptedError
from budwood.providing import BaseStreamDecoder, describe_body, parse_id, parse_json, parse_rate_limits
from budwood.types import (
    JSON,
    MAX_REPLY_BYTES,
    Finished,
    HTTPReply,
    ImagePart,
    MediaClosed,
    MediaDelta,
    MediaPart,
    MediaPreview,
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
from budwood_gemini.decoding import (
    convert_finish_reason,
    decode_candidate_metadata,
    decode_metadata,
    decode_part,
    decode_usage,
    list_parts,
    list_sources,
    make_call_id,
    parse_finish_reason,
    parse_index,
    select_other_fields,
)
from budwood_gemini.errors import (
    find_error,
    make_error_in_success,
    make_failure_error,
    make_output_error,
    make_prompt_error,
)
from budwood_gemini.headers import parse_request_id
from budwood_gemini.media import VENDOR, decode_inline, decode_media, is_audio, make_audio, parse_raw_audio
from budwood_gemini.partial_arguments import add_partial_argument


@dataclass(slots=True)
class _OpenCall:
    """A call whose arguments arrive in parts."""

    part: ToolCallPart
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _OpenAudio:
    """Audio that arrives in parts, with the other fields of these parts."""

    media_type: str
    chunks: list[bytes] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Candidate:
    """
    The state of one candidate.

    Attributes:
        index: Its place among the candidates.
        thoughts: The thoughts since the last part of another kind.
        text: The text since the last part of another kind.
        calls: The number of its calls.
        open_call: The call whose arguments are not complete.
        media: The number of its media.
        open_audio: The audio whose samples are not complete.
        sources: Vendor parts about the reply, reported at its end.
        finish_reason: Gemini's finish reason, once it has arrived.
    """

    index: int
    thoughts: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    calls: int = 0
    open_call: _OpenCall | None = None
    media: int = 0
    open_audio: _OpenAudio | None = None
    sources: list[VendorPart] = field(default_factory=list)
    finish_reason: str | None = None

    def add_part(self, fields: Mapping[str, Any], new_id: str) -> Iterator[StreamEvent]:
        """Decode a part; `new_id` is the id of a call that has none."""
        call = fields.get("functionCall")
        if self.open_call is not None and isinstance(call, Mapping) and "name" not in call:
            yield from self._add_arguments(self.open_call, call)
            return
        if is_audio(fields):
            yield from self._add_audio(fields)
            return
        part = decode_part(fields, new_id)
        match part:
            case ReasoningPart():
                yield from self._add_thought(part)
            case TextPart():
                yield from self._add_text(part)
            case ToolCallPart():
                yield from self.close()
                yield from self._add_call(part, fields["functionCall"])
            case MediaPart():
                yield from self.close()
                self.text.clear()
                self.media += 1
                yield MediaClosed(self.media - 1, part, self.index)
            case VendorPart():
                yield from self.close()
                self.text.clear()
                yield VendorContent(part, self.index)
                yield from self._preview(fields)
            case None:
                pass

    def _add_thought(self, part: ReasoningPart) -> Iterator[StreamEvent]:
        if part.data is not None:
            yield from self.close()
        self.text.clear()
        self.thoughts.append(part.text)
        yield ReasoningDelta(part.text, self.index)
        if part.data is not None:
            self.thoughts.clear()
            yield ReasoningClosed(part, self.index)

    def _add_text(self, part: TextPart) -> Iterator[StreamEvent]:
        yield from self.close()
        if part.data is None:
            self.text.append(part.text)
            yield TextDelta(part.text, self.index)
            return
        if self.text:  # a signed text must not be joined to the text before it
            yield TextClosed(TextPart(text="".join(self.text)), self.index)
            self.text.clear()
        if part.text:
            yield TextDelta(part.text, self.index)
        yield TextClosed(part, self.index)

    def _add_call(self, part: ToolCallPart, call: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self.text.clear()
        self.calls += 1
        if call.get("willContinue") or call.get("partialArgs"):
            self.open_call = _OpenCall(part)
            yield ToolCallDelta(self.calls - 1, part.id, part.name, "", self.index)
            yield from self._add_arguments(self.open_call, call)
            return
        yield ToolCallDelta(self.calls - 1, part.id, part.name, part.arguments, self.index)
        yield ToolCallClosed(self.calls - 1, part, self.index)

    def _add_arguments(self, open_call: _OpenCall, call: Mapping[str, Any]) -> Iterator[StreamEvent]:
        for partial in call.get("partialArgs") or ():
            add_partial_argument(open_call.arguments, partial)
        open_call.arguments.update(call.get("args") or {})
        if not call.get("willContinue"):
            yield from self._close_call()

    def _add_audio(self, fields: Mapping[str, Any]) -> Iterator[StreamEvent]:
        media_type, data = decode_inline(fields)
        if self.open_audio is None or self.open_audio.media_type != media_type:
            yield from self.close()
            self.text.clear()
            self.media += 1
            self.open_audio = _OpenAudio(media_type)
        self.open_audio.chunks.append(data)
        self.open_audio.own.update(select_other_fields(fields, "inlineData") or {})
        raw = parse_raw_audio(media_type)
        yield MediaDelta(self.media - 1, data, "", media_type if raw is None else raw.media_type, self.index)

    def _preview(self, fields: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Report an image among the thoughts, a draft of the next image of the reply."""
        draft = decode_media(fields) if "inlineData" in fields else None
        if isinstance(draft, ImagePart):
            yield MediaPreview(self.media, draft, self.index)

    def close(self) -> Iterator[StreamEvent]:
        """Report the end of thoughts, and of calls and audio that arrived in parts."""
        audio, self.open_audio = self.open_audio, None
        if audio is not None:
            complete_audio = make_audio(audio.media_type, b"".join(audio.chunks), audio.own or None)
            yield MediaClosed(self.media - 1, complete_audio, self.index)
        if self.thoughts:
            complete = ReasoningPart(text="".join(self.thoughts), provider=VENDOR)
            self.thoughts.clear()
            yield ReasoningClosed(complete, self.index)
        yield from self._close_call()

    def _close_call(self) -> Iterator[StreamEvent]:
        open_call, self.open_call = self.open_call, None
        if open_call is not None:
            complete = open_call.part.model_copy(update={"arguments": to_json(open_call.arguments).decode()})
            yield ToolCallDelta(self.calls - 1, None, None, complete.arguments, self.index)
            yield ToolCallClosed(self.calls - 1, complete, self.index)


class GeminiStreamDecoder(BaseStreamDecoder[ServerSentEvent]):
    """
    Decodes one streamed reply: server-sent events, or a JSON list of chunks, which the API sends without ``alt=sse``.

    Args:
        head: The status and headers of the reply.
        earlier: The number of calls before this reply, which distinguishes replies without ids.
    """

    def __init__(self, head: ReplyHead, *, earlier: int = 0) -> None:
        super().__init__(head, SSEDecoder(MAX_REPLY_BYTES), decode_body=self._decode_list)
        self._earlier = earlier
        self._has_started = False
        self._has_content = False
        self._id: str | None = None
        self._candidates: dict[int, _Candidate] = {}
        self._usage: dict[str, JSON] = {}
        self._metadata: dict[str, JSON] = {}

    def _end(self) -> list[StreamEvent]:
        if not self._candidates or any(one.finish_reason is None for one in self._candidates.values()):
            raise StreamInterruptedError("The stream ended without a finish reason.")
        return []

    def _decode_list(self, reply: HTTPReply) -> Iterator[StreamEvent]:
        """Decode the JSON list of all chunks."""
        try:
            chunks = parse_json(reply.body)
        except ValueError:
            chunks = None
        for chunk in chunks if isinstance(chunks, list) else [chunks]:
            if not isinstance(chunk, dict):
                raise BadResponseError(f"The reply is not a stream but {describe_body(reply.body)}.")
            yield from self._decode_chunk(chunk)
        yield from self._end()

    def _decode(self, frame: ServerSentEvent) -> Iterable[StreamEvent]:
        chunk = self._parse(frame.data, frame.event)
        if chunk is not None and frame.event == "error" and "error" not in chunk:
            chunk = {"error": chunk}
        return () if chunk is None else self._decode_chunk(chunk)

    def _decode_chunk(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        if fields := find_error(chunk):
            raise make_error_in_success(self._head, fields)
        if error := make_prompt_error(chunk):
            raise error
        if not self._has_started:
            yield from self._start_reply(chunk)
        for candidate in chunk.get("candidates") or ():
            yield from self._decode_candidate(candidate)
        if usage := chunk.get("usageMetadata"):
            yield from self._report_usage(usage)
        yield from self._report_metadata(decode_metadata(chunk))

    def _start_reply(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._has_started = True
        self._id = parse_id(chunk.get("responseId"))
        yield ResponseStarted(self._id, parse_id(chunk.get("modelVersion")))
        yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))

    def _decode_candidate(self, candidate: Mapping[str, Any]) -> Iterator[StreamEvent]:
        index = parse_index(candidate)
        state = self._candidates.setdefault(index, _Candidate(index))
        for fields in list_parts(candidate):
            for event in state.add_part(fields, make_call_id(self._id, candidate, self._earlier, state.calls)):
                self._has_content = True
                yield event
        state.sources.extend(part for part in list_sources(candidate) if part not in state.sources)
        if index == 0:  # metadata describes the response, whose message is the first candidate
            yield from self._report_metadata(decode_candidate_metadata(candidate))
        raw = parse_finish_reason(candidate)
        if raw and raw != state.finish_reason:
            yield from state.close()
            if not self._has_content and (error := make_output_error(candidate) or make_failure_error(candidate)):
                raise error
            state.finish_reason = raw
            yield from (VendorContent(part, index) for part in state.sources)
            yield Finished(convert_finish_reason(raw, called_tools=bool(state.calls)), raw, index)

    def _report_usage(self, usage: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """
        Report the latest counts, which replace earlier ones.

        Some chunks have only ``trafficType``. Some servers end with zeros, which do not replace other counts.
        """
        known = {name: value for name, value in usage.items() if value not in (0, None) or not self._usage.get(name)}
        latest = dict(usage) if "totalTokenCount" in known else {**self._usage, **known}
        if latest != self._usage:
            self._usage = latest
            yield UsageReported(decode_usage(latest))

    def _report_metadata(self, fields: Mapping[str, Any]) -> Iterator[StreamEvent]:
        """Report new metadata: most chunks repeat the same fields."""
        new = {name: value for name, value in fields.items() if self._metadata.get(name) != value}
        if new:
            self._metadata.update(new)
            yield ResponseMetadata(new)
