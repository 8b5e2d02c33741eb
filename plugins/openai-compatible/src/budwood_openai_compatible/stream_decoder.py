"""Decode streams of Chat Completions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BadResponseError, StreamInterruptedError
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
    decode_content_part,
    extract_text,
    find_reasoning,
    find_unknown_fields,
    list_content_parts,
)
from budwood_openai_compatible.decoding import (
    ReadLimits,
    decode_metadata,
    decode_usage,
    expects_one_reply,
    get_finish_reason,
    get_message,
    is_error,
    is_unusual_error,
    map_finish_reason,
    merge_usage,
    parse_request_id,
    text_or_none,
)
from budwood_openai_compatible.event_decoder import ConvertError, DecodeBody, JSONEventDecoder
from budwood_openai_compatible.tool_calls import list_calls

if TYPE_CHECKING:
    from budwood_openai_compatible.chat_media import StreamedMedia

Normalize = Callable[[dict[str, Any]], dict[str, Any]]
"""Converts a chunk to OpenAI's form."""


@dataclass(slots=True)
class _Choice:
    """
    The state of one choice.

    Attributes:
        calls: The tool calls.
        reasoning: Reasoning that is not followed by other content yet.
        origin: The field or the content part with the reasoning, for `ReasoningPart.data`.
        media: The audio and images; None before the first.
        logprobs: The log probabilities of all tokens.
        channel: The channel of the last delta.
        has_messages: Whether the server sends ``message`` in place of ``delta``.
        is_started: Whether content was received.
        reason: The server's finish reason.
        is_finished: Whether the choice is complete.
    """

    calls: CallFragments
    reasoning: list[str] = field(default_factory=list)
    origin: JSON = None
    media: StreamedMedia | None = None
    logprobs: dict[str, JSON] = field(default_factory=dict)
    channel: JSON = None
    has_messages: bool = False
    is_started: bool = False
    reason: str | None = None
    is_finished: bool = False

    def find_changes(self, delta: Mapping[str, Any]) -> Iterator[tuple[str, JSON]]:
        """Return the fields that Budwood does not model. gpt-oss repeats its channel, so only changes count."""
        for kind, data in find_unknown_fields(delta):
            if kind != "channel" or data != self.channel:
                yield kind, data
        self.channel = delta.get("channel", self.channel)

    def add_reasoning(self, text: str, origin: JSON) -> None:
        """Collect reasoning, which is returned to the server as one text."""
        self.reasoning.append(text)
        self.origin = origin

    def add_logprobs(self, logprobs: Mapping[str, JSON]) -> None:
        """Collect log probabilities. Each chunk has those of its own tokens."""
        for name, tokens in logprobs.items():
            collected = self.logprobs.setdefault(name, [])
            if isinstance(collected, list) and isinstance(tokens, list):
                collected.extend(tokens)


class ChatStreamDecoder(JSONEventDecoder):
    """
    Decodes one streamed reply.

    Args:
        head: Status and headers of the reply.
        vendor: The provider to which vendor parts are attributed.
        decode_body: Decodes a complete reply, which some servers send in response to a streaming request.
        convert_error: Converts an error inside the stream.
        normalize: Converts each chunk to OpenAI's form, for vendors with fields in other places.
        request: The chat request, or None for a completion. Several choices are joined unless it asks for several.
        read_limits: Parses the rate limits in the headers.
    """

    def __init__(
        self,
        head: ReplyHead,
        *,
        vendor: str,
        decode_body: DecodeBody,
        convert_error: ConvertError,
        normalize: Normalize | None = None,
        request: ChatRequest | None = None,
        read_limits: ReadLimits = parse_rate_limits,
    ) -> None:
        super().__init__(head, vendor=vendor, decode_body=decode_body, convert_error=convert_error)
        self._normalize = normalize
        self._request = request
        self._read_limits = read_limits
        self._is_one_reply = expects_one_reply(request)
        self._is_started = False
        self._has_end_mark = False
        self._id: str | None = None
        self._choices: dict[int, _Choice] = {}
        self._finished: set[int] = set()
        self._sources: set[int] = set()
        self._usage: Mapping[str, JSON] = {}
        self._early_metadata: dict[str, JSON] = {}
        self._last_metadata: Mapping[str, JSON] = {}
        self._sent_metadata: dict[str, JSON] = {}

    def _end(self) -> Iterator[StreamEvent]:
        unfinished = self._sources - self._finished
        if self._sources and not unfinished:
            return
        if not self._has_end_mark:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        if not self._is_started:
            raise StreamInterruptedError("The stream ended before the reply started.")
        # [DONE] without a finish reason: the reply is complete
        for index, choice in sorted(self._choices.items()):
            if not choice.is_finished:
                yield from self._finish(choice, None, index)
        if not self._choices:
            yield Finished("other")

    def _decode(self, frame: ServerSentEvent) -> Iterator[StreamEvent]:
        chunk = self._parse_chunk(frame)
        if chunk is None:
            return
        if self._normalize is not None:
            chunk = self._normalize(chunk)
        choices = chunk.get("choices")
        if is_error(chunk) or frame.event == "error" or (not choices and is_unusual_error(chunk)):
            raise self._convert_error(chunk)
        if not self._is_started:
            if not (chunk.get("id") or choices or chunk.get("usage")):
                # Azure sends the filter results of the prompt before id and model.
                self._early_metadata.update(decode_metadata(chunk))
                return
            yield from self._start(chunk)
        for choice in choices if isinstance(choices, list) else (choices,):
            if choice:
                yield from self._decode_choice(choice, chunk)
        if chunk.get("usage"):
            yield from self._report_usage(chunk["usage"])
        yield from self._report_metadata(decode_metadata(chunk))

    def _parse_chunk(self, frame: ServerSentEvent) -> dict[str, Any] | None:
        """Parse a chunk; return None for a keep-alive, the end mark, and text after it, which is not of the reply."""
        try:
            chunk = self._parse(frame.data, frame.event)
        except BadResponseError:
            if not self._has_end_mark:
                raise
            return None
        self._has_end_mark = self._has_end_mark or (chunk is None and is_end_mark(frame.data))
        return chunk

    def _start(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._is_started = True
        self._id = text_or_none(chunk.get("id"))
        yield ResponseStarted(self._id, text_or_none(chunk.get("model")))
        yield ResponseMetadata({}, self._read_limits(self._head.headers), parse_request_id(self._head.headers))
        yield from self._report_metadata(self._early_metadata)

    def _report_usage(self, usage: JSON) -> Iterator[StreamEvent]:
        if isinstance(usage, dict):
            self._usage = merge_usage(self._usage, usage)
            yield UsageReported(decode_usage(self._usage))

    def _report_metadata(self, metadata: Mapping[str, JSON]) -> Iterable[StreamEvent]:
        """Return an event with new metadata. Most servers repeat it in every chunk, and some extend it later."""
        if not metadata or metadata == self._last_metadata:
            return ()
        self._last_metadata = metadata
        merged = {name: _merge(self._sent_metadata.get(name), value) for name, value in metadata.items()}
        sent = self._sent_metadata
        new = {name: value for name, value in merged.items() if name not in sent or sent[name] != value}
        sent.update(new)
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
        if (text := _get_plain_text(choice)) and not state.reasoning:
            state.is_started = True
            return (TextDelta(text, index),)
        return self._decode_full_choice(choice, state, index, source, chunk)

    def _decode_full_choice(
        self, choice: Mapping[str, Any], state: _Choice, index: int, source: int, chunk: Mapping[str, Any]
    ) -> Iterator[StreamEvent]:
        is_message = bool(choice.get("message")) and not choice.get("delta")
        state.has_messages = state.has_messages or (is_message and not state.is_started)
        # Some servers end with the complete message.
        if not is_message or state.has_messages:
            yield from self._decode_delta(get_message(choice), state, index, source)
        if isinstance(choice.get("logprobs"), dict):
            state.add_logprobs(choice["logprobs"])
        if choice.get("error"):
            raise self._convert_error({"error": choice["error"]})
        raw = get_finish_reason(choice, chunk)
        if index == 0:  # the metadata of the response is that of the first choice
            metadata = {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and value}
            if raw and state.logprobs:
                metadata["logprobs"] = state.logprobs
            yield from self._report_metadata(metadata)
        if choice.get("usage"):
            yield from self._report_usage(choice["usage"])
        if raw:
            self._finished.add(source)
            yield from self._finish(state, raw, index)

    def _finish(self, state: _Choice, raw: str | None, index: int) -> Iterator[StreamEvent]:
        yield from self._close_reasoning(state, index)
        earlier = count_tool_calls(self._request) if self._request is not None else 0
        if state.media is not None:
            yield from state.media.close(index)
        yield from state.calls.close(self._id, earlier, self._vendor, index)
        state.is_finished = True
        if state.reason in (None, "stop"):  # of joined choices, one may have "stop"
            state.reason = raw
        yield Finished(map_finish_reason(state.reason, called_tools=bool(state.calls.calls)), state.reason, index)

    def _decode_delta(self, delta: Mapping[str, Any], state: _Choice, index: int, source: int) -> Iterator[StreamEvent]:
        for kind, data in state.find_changes(delta):
            if kind != REASONING_DETAILS:
                yield from self._close_reasoning(state, index)
            yield VendorContent(VendorPart(provider=self._vendor, kind=kind, data=data), index)
        name, reasoning = find_reasoning(delta)
        if reasoning:
            yield ReasoningDelta(reasoning, index)
            if REASONING_DETAILS not in delta:
                state.add_reasoning(reasoning, name)
        for part in list_content_parts(delta.get("content")):
            yield from self._decode_content_part(part, state, index)
        if refusal := extract_text(delta.get("refusal")):
            yield from self._close_reasoning(state, index)
            yield RefusalDelta(refusal, index)
        if delta.get("audio") or delta.get("images"):
            yield from self._decode_media(delta, state, index)
        for call in list_calls(delta):
            yield from self._close_reasoning(state, index)
            yield state.calls.add(call, source, index)
        state.is_started = state.is_started or bool(delta)

    def _decode_content_part(self, raw: JSON, state: _Choice, index: int) -> Iterator[StreamEvent]:
        part = TextPart(text=raw) if isinstance(raw, str) and raw else decode_content_part(raw, self._vendor)
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

    def _decode_media(self, delta: Mapping[str, Any], state: _Choice, index: int) -> Iterator[StreamEvent]:
        from budwood_openai_compatible.chat_media import StreamedMedia

        yield from self._close_reasoning(state, index)
        if state.media is None:
            state.media = StreamedMedia(self._vendor, self._request)
        yield from state.media.add(delta, index)

    def _close_reasoning(self, state: _Choice, index: int) -> Iterator[StreamEvent]:
        """Complete reasoning, with the place where it was received, so that it can be returned there."""
        if state.reasoning:
            part = ReasoningPart(text="".join(state.reasoning), provider=self._vendor, data=state.origin)
            state.reasoning.clear()
            yield ReasoningClosed(part, index)


_CHOICE_FIELDS: Final = frozenset({"index", "delta", "message", "text", "finish_reason", "logprobs", "usage"})

_TEXT_FIELDS: Final = frozenset({"index", "delta", "finish_reason", "logprobs"})


def _get_plain_text(choice: Mapping[str, Any]) -> str:
    """Return the text of a choice without other content, which is the usual case."""
    delta = choice.get("delta")
    if not isinstance(delta, dict) or choice.get("finish_reason") or choice.get("logprobs"):
        return ""
    if not choice.keys() <= _TEXT_FIELDS:
        return ""
    content = delta.get("content")
    is_plain = len(delta) == 1 or (len(delta) == 2 and "role" in delta)
    return content if is_plain and isinstance(content, str) else ""


def _merge(earlier: JSON, later: JSON) -> JSON:
    return {**earlier, **later} if isinstance(earlier, dict) and isinstance(later, dict) else later
