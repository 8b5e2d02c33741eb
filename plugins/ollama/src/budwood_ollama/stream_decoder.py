"""Decode streamed replies of ``/api/chat``: one JSON object a line, whatever the bytes are cut into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final

from budwood.errors import BadResponseError, ProviderError, StreamInterruptedError
from budwood.providing import (
    BaseStreamDecoder,
    count_tool_calls,
    describe_body,
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
    decode_call,
    decode_metadata,
    decode_usage,
    done_reason,
    finish_reason,
    unknown_parts,
)

_USUAL: Final = ("model", "created_at", "message", "done")
"""What every line of a stream holds; each has a time of its own, of which only the last is told."""

Failure = Callable[[Mapping[str, Any]], ProviderError]
"""Makes the error of a line that holds one."""


class ChatStreamDecoder(BaseStreamDecoder[bytes]):
    """
    Decodes one streamed reply.

    Args:
        request: What was asked: ids of calls go on from those that it holds.
        head: The reply's head.
        failure: Makes the error of an error inside the stream.
    """

    def __init__(self, request: ChatRequest, head: ReplyHead, *, failure: Failure) -> None:
        super().__init__(head, NDJSONDecoder())
        self._failure = failure
        self._numbers = count(count_tool_calls(request))
        self._calls = 0
        self._started = False
        self._finished = False
        self._notes: dict[str, JSON] = {}
        self._logprobs: list[JSON] = []

    def _end(self) -> list[StreamEvent]:
        if not self._finished:
            raise StreamInterruptedError("The stream ended before its last line.")
        return []

    def _decode(self, frame: bytes) -> Iterator[StreamEvent]:
        chunk = self._parse(frame)
        if chunk is None:
            return
        if chunk.get("error"):
            raise self._failure(chunk)
        if not self._started:
            self._started = True
            yield ResponseStarted(None, chunk.get("model") or None)
            yield ResponseMetadata({}, parse_rate_limits(self._head.headers), parse_request_id(self._head.headers))
        yield from self._message(chunk.get("message") or {})
        if len(chunk) > len(_USUAL):
            self._logprobs.extend(chunk.get("logprobs") or ())
            self._notes.update(decode_metadata(chunk))
        if chunk.get("done"):
            yield from self._finish(chunk)

    def _message(self, message: Mapping[str, Any]) -> Iterator[StreamEvent]:
        thinking, content = message.get("thinking"), message.get("content")
        if thinking or thinking in (0, False):
            yield ReasoningDelta(require_text(thinking, "thinking"))
        if content or content in (0, False):
            yield TextDelta(content if isinstance(content, str) else require_text(content, "content"))
        if len(message) == 2 and "role" in message and "content" in message:  # nearly every line
            return
        for call in message.get("tool_calls") or ():
            whole = decode_call(call, next(self._numbers))
            yield ToolCallDelta(self._calls, whole.id, whole.name, whole.arguments)
            if whole.provider:
                yield ToolCallClosed(self._calls, whole)
            self._calls += 1
        yield from map(VendorContent, unknown_parts(message))

    def _finish(self, chunk: Mapping[str, Any]) -> Iterator[StreamEvent]:
        self._finished = True
        raw = done_reason(chunk)
        yield Finished(finish_reason(raw, called_tools=self._calls > 0), raw)
        yield UsageReported(decode_usage(chunk))
        said = {"logprobs": self._logprobs} if self._logprobs else {}
        yield ResponseMetadata(self._notes | decode_metadata(chunk) | said)


def parsed(line: bytes) -> dict[str, Any]:
    """
    Parse a line.

    Raises:
        BadResponseError: It is no JSON object.
    """
    try:
        chunk = parse_json(line)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise BadResponseError(f"The stream holds a line that is no JSON object but {describe_body(line)}.")
    return chunk
