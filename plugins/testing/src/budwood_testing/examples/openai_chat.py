"""Example replies of Chat Completions and related APIs of OpenAI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from budwood.types import FinishReason, ToolCallPart, Usage
from budwood_testing.examples.frames import server_sent
from budwood_testing.examples.openai_media import OpenAIMediaExamples
from budwood_testing.examples.wire import Frames, WireBody, WireReply

_KINDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
"""Types and codes of errors that have both. Source: OpenAI's guide to error codes."""


class OpenAIChatExamples(OpenAIMediaExamples):
    """
    Replies of Chat Completions and, by the base class, of media, files and jobs. Subclasses override what differs.

    Source: OpenAI's API description, ``CreateChatCompletionResponse`` and ``CreateChatCompletionStreamResponse``; the
    field ``reasoning`` is that of vLLM, Groq and OpenRouter.
    """

    absent: ClassVar[frozenset[str]] = frozenset({"signed_reasoning", "signed_tool_calls"})
    rate_limit_headers: ClassVar[Mapping[str, str]] = {"x-ratelimit-remaining-requests": "9"}
    reply_id: ClassVar[str | None] = "chatcmpl-1"
    reply_model: ClassVar[str | None] = "conformance"
    counts: ClassVar[frozenset[str]] = frozenset(
        {"input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens"}
    )
    finish_reasons: ClassVar[Mapping[str, FinishReason]] = {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }

    def reply(self, text: str, usage: Usage | None, finish: FinishReason = "stop") -> WireBody | None:
        """Return a complete reply."""
        return self._reply({"role": "assistant", "content": text}, usage, finish)

    def stream(self, chunks: Sequence[str], usage: Usage | None, finish: FinishReason = "stop") -> Frames | None:
        """Return a streamed reply."""
        return self._stream([{"content": chunk} for chunk in chunks], usage, finish)

    def error(self, status: int, message: str) -> WireBody | None:
        """Return the body of an error."""
        kind, code = _KINDS.get(status, ("invalid_request_error" if status < 500 else "server_error", None))
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def tool_calls(self, calls: Sequence[ToolCallPart]) -> WireBody | None:
        """Return a reply with tool calls."""
        message = {"role": "assistant", "content": None, "tool_calls": [_call(call) for call in calls]}
        return self._reply(message, None, "tool_calls")

    def tool_call_stream(self, calls: Sequence[ToolCallPart]) -> Frames | None:
        """Return the same as a stream, with the arguments of each call in two fragments."""
        deltas = [fragment for index, call in enumerate(calls) for fragment in _fragments(index, call)]
        return self._stream([{"tool_calls": [fragment]} for fragment in deltas], None, "tool_calls")

    def reasoning(self, reasoning: str, text: str) -> WireBody | None:
        """Return a reply with reasoning."""
        return self._reply({"role": "assistant", "content": text, "reasoning": reasoning}, None, "stop")

    def reasoning_stream(self, reasoning: str, text: str) -> Frames | None:
        """Return the same as a stream."""
        return self._stream([{"reasoning": reasoning}, {"content": text}], None, "stop")

    def refusal(self, text: str) -> WireBody | None:
        """Return a refusal."""
        return self._reply({"role": "assistant", "content": None, "refusal": text}, None, "stop")

    def content_filter_error(self, message: str) -> WireReply | None:
        """Return the error of the content filter."""
        error = {"message": message, "type": "invalid_request_error", "param": "prompt", "code": "content_filter"}
        return WireReply(status=400, body={"error": error})

    def error_with_status_200(self, message: str) -> WireBody | None:
        """Return an error with status 200."""
        return self.error(500, message)

    def stream_error(self, chunks: Sequence[str], message: str) -> Frames | None:
        """Return a stream that ends with an error."""
        frames = [_chunk({"content": chunk}, None) for chunk in chunks]
        return server_sent(*frames, self.error(500, message))

    def other_stream_errors(self, chunks: Sequence[str], message: str) -> Sequence[Frames]:
        """Return streams with an error as text (older vLLM), as an object, and as an event named ``error``."""
        frames = server_sent(*(_chunk({"content": chunk}, None) for chunk in chunks))
        return [
            [*frames, *server_sent({"error": message})],
            [*frames, *server_sent({"object": "error", "message": message, "code": 500})],
            [*frames, *server_sent({"message": message}, name="error")],
        ]

    def reply_with_finish_reason(self, reason: str) -> WireBody | None:
        """Return a reply with this finish reason."""
        return self._reply({"role": "assistant", "content": "Hello."}, None, reason)

    def stream_with_finish_reason(self, reason: str) -> Frames | None:
        """Return the same as a stream."""
        return self._stream([{"content": "Hello."}], None, reason)

    def vendor_content(self, text: str) -> WireBody | None:
        """Return a reply with OpenRouter's ``reasoning_details``, which the next request must include."""
        return self._reply({"role": "assistant", "content": "Hello.", **_details(text)}, None, "stop")

    def vendor_content_stream(self, text: str) -> Frames | None:
        """Return the same as a stream."""
        return self._stream([_details(text), {"content": "Hello."}], None, "stop")

    def unsupported_parameter(self, parameter: str) -> WireReply | None:
        """Return the error for an unsupported parameter."""
        text = f"Unsupported parameter: '{parameter}' is not supported with this model."
        error = {"message": text, "type": "invalid_request_error", "param": parameter, "code": "unsupported_parameter"}
        return WireReply(status=400, body={"error": error})

    def ignored_events(self) -> Frames:
        """Return a keep-alive comment, and a chunk without choices."""
        return [b": keep-alive\n\n", *server_sent({"id": "chatcmpl-1", "object": "a.later.kind", "choices": []})]

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> WireBody | None:
        """Return embeddings in reverse order; their ``index`` gives the position."""
        rows = [{"object": "embedding", "index": index, "embedding": [*row]} for index, row in enumerate(vectors)]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return {"object": "list", "model": "conformance", "data": rows[::-1], "usage": usage}

    def models(self, names: Sequence[str]) -> WireBody | None:
        """Return a list of models."""
        rows = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "acme"} for name in names]
        return {"object": "list", "data": rows}

    def token_count(self, tokens: int) -> WireBody | None:
        """Return a token count."""
        return {"object": "response.input_tokens", "input_tokens": tokens}

    def moderation(self, flagged: Sequence[bool]) -> WireBody | None:
        """Return moderation results."""
        rows = [{"flagged": flag, "categories": {"violence": flag}, "category_scores": {}} for flag in flagged]
        return {"id": "modr-1", "model": "conformance", "results": rows}

    def completion(self, text: str) -> WireBody | None:
        """Return a completion."""
        choice = {"index": 0, "text": text, "finish_reason": "stop"}
        return {"id": "cmpl-1", "object": "text_completion", "model": "conformance", "choices": [choice]}

    def _reply(self, message: Mapping[str, Any], usage: Usage | None, finish: str) -> dict[str, Any]:
        choice = {"index": 0, "message": message, "finish_reason": finish}
        reply = {"id": "chatcmpl-1", "object": "chat.completion", "model": "conformance", "choices": [choice]}
        return reply if usage is None else {**reply, "usage": _usage(usage)}

    def _stream(self, deltas: Sequence[Mapping[str, Any]], usage: Usage | None, finish: str) -> Frames:
        chunks = [_chunk({"role": "assistant", "content": ""}, None), *(_chunk(delta, None) for delta in deltas)]
        chunks.append(_chunk({}, finish))
        if usage is not None:
            chunks.append({**_chunk({}, None), "choices": [], "usage": _usage(usage)})
        return [*server_sent(*chunks), b"data: [DONE]\n\n"]


def _chunk(delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "conformance", "choices": [choice]}


def _call(call: ToolCallPart) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _fragments(index: int, call: ToolCallPart) -> list[dict[str, Any]]:
    half = len(call.arguments) // 2
    first = {**_call(call), "index": index}
    first["function"] = {"name": call.name, "arguments": call.arguments[:half]}
    return [first, {"index": index, "function": {"arguments": call.arguments[half:]}}]


def _details(text: str) -> dict[str, Any]:
    return {"reasoning_details": [{"type": "reasoning.encrypted", "data": text}]}


def _usage(usage: Usage) -> dict[str, Any]:
    cached, reasoning = usage.cache_read_tokens, usage.reasoning_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        **({} if cached is None else {"prompt_tokens_details": {"cached_tokens": cached}}),
        **({} if reasoning is None else {"completion_tokens_details": {"reasoning_tokens": reasoning}}),
    }
