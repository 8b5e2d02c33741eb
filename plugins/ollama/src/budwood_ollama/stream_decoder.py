"""Decode streamed replies of ``/api/chat``: one JSON object per line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final

from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError
from budwood.providing import (
    BaseStreamDecoder,
    count_tool_calls,
    describe_body,
    parse_id,
    parse_json,
    parse_rate_limits,
    parse_request_id,
    require_text,
)
from budwood.types import (
    JSON,
    ChatRequest,
    Finished,
    ReasoningDelta,
    ReplyHead,
    ResponseMetadata,
    ResponseStarted,
    StreamEvent,
    TextDelta,
    ToolCallClosed,
    ToolCallDelta,
    UsageReported,
    VendorContent,
)
from budwood.wire import NDJSONDecoder
from budwood_ollama.decoding import (
    convert_finish_reason,
    decode_call,
    decode_metadata,
    decode_usage,
    parse_done_reason,
    unknown_parts,
)

_COMMON_FIELDS: Final = ("model", "created_at", "message", "done")
"""The fields of every line. The time of each line differs; only the last one is reported."""

MakeError = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error that a line reports."""


class ChatStreamDecoder(BaseStreamDecoder[bytes]):
    """
    Decodes one streamed reply.

    Args:
        request: The request; ids of new calls continue those of its conversation.
        head: The status and headers of the reply.
        make_error: Makes the error that a line reports.
    """

    def __init__(self, request: ChatRequest, head: ReplyHead, *, make_error: MakeError) -> None:
        super().__init__(head, NDJSONDecoder())
        self._make_error = make_error
        self._numbers = count(count_tool_calls(request))
        self._calls = 0
        self._has_started = False
        self._is_finished = False
        self._metadata: dict[str, JSON] = {}
        self._logprobs: list[JSON] = []

    def _end(self) -> list[StreamEvent]:
        if not self._is_finished:
            raise StreamInterruptedError("The stream ended before its last line.")
        return []

    def _decode(self, frame: bytes) -> Iterator[StreamEvent]:
        chunk = self._parse(frame)
        if chunk is None:
            return
        if chunk.get("error"):
            raise self._make_error(chunk)
        if isinstance(message := chunk.get("message"), str) and message:  # the error of a gateway
            raise self._make_error({"error": message})
        if not self._has_started:
            self._has_started = True
            yield ResponseStarted(None, parse_id(chunk.get("model")))
            yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))
        yield from self._decode_message(chunk.get("message") or {})
        if len(chunk) > len(_COMMON_FIELDS):
            self._logprobs.extend(chunk.get("logprobs") or ())
            self._metadata.update(decode_metadata(chunk))
        if chunk.get("done"):
            yield from self._finish(chunk)

    def _decode_message(self, message: Mapping[str, Any]) -> Iterator[StreamEvent]:
        thinking, content = message.get("thinking"), message.get("content")
        if thinking or thinking in (0, False):
            yield ReasoningDelta(require_text(thinking, "thinking"))
        if content or content in (0, False):
            yield TextDelta(content if isinstance(content, str) else require_text(content, "content"))
        if len(message) == 2 and "role" in message and "content" in message:  # nearly every line
            return
        for call in message.get("tool_calls") or ():
            complete = decode_call(call, next(self._numbers))
            yield ToolCallDelta(self._calls, complete.id, complete.name, complete.arguments)
            if complete.provider:
                yield ToolCallClosed(self._calls, complete)
            self._calls += 1
        yield from map(VendorContent, unknown_parts(message))

    def _finish(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._is_finished = True
        raw = parse_done_reason(chunk)
        yield Finished(convert_finish_reason(raw, called_tools=self._calls > 0), raw)
        yield UsageReported(decode_usage(chunk))
        logprobs = {"logprobs": self._logprobs} if self._logprobs else {}
        yield ResponseMetadata(self._metadata | decode_metadata(chunk) | logprobs)


def parse_line(line: bytes) -> dict[str, Any]:
    """
    Parse a line.

    Raises:
        BadResponseError: The line is not a JSON object.
    """
    try:
        chunk = parse_json(line)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise BadResponseError(f"The stream contains a line that is not a JSON object but {describe_body(line)}.")
    return chunk
