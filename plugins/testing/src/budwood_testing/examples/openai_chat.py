"""Chat Completions and its neighbours, as OpenAI and those who follow it write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from budwood.types import FinishReason, ToolCallPart, Usage
from budwood_testing.examples.frames import server_sent
from budwood_testing.examples.wire import Frames, WireBody, WireExamples, WireReply

_KINDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}
"""Types and codes of errors, where OpenAI gives both. Source: its guide to error codes."""


class OpenAIChatExamples(WireExamples):
    """
    For plugins of vendors who speak Chat Completions; what a vendor writes otherwise is overridden.

    Source: OpenAI's API description, ``CreateChatCompletionResponse`` and ``CreateChatCompletionStreamResponse``; the
    field ``reasoning`` is that of vLLM, Groq and OpenRouter.
    """

    absent: ClassVar[frozenset[str]] = frozenset({"signed_reasoning", "signed_calls"})
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
        """Write a whole reply."""
        return self._whole({"role": "assistant", "content": text}, usage, finish)

    def stream(self, pieces: Sequence[str], usage: Usage | None, finish: FinishReason = "stop") -> Frames | None:
        """Write a streamed reply."""
        return self._streamed([{"content": piece} for piece in pieces], usage, finish)

    def error(self, status: int, message: str) -> WireBody | None:
        """Write the body of an error."""
        kind, code = _KINDS.get(status, ("invalid_request_error" if status < 500 else "server_error", None))
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def tool_calls(self, calls: Sequence[ToolCallPart]) -> WireBody | None:
        """Write a reply that calls tools."""
        message = {"role": "assistant", "content": None, "tool_calls": [_call(call) for call in calls]}
        return self._whole(message, None, "tool_calls")

    def tool_call_stream(self, calls: Sequence[ToolCallPart]) -> Frames | None:
        """Write the same as a stream, the arguments of each call in two fragments."""
        deltas = [fragment for index, call in enumerate(calls) for fragment in _fragments(index, call)]
        return self._streamed([{"tool_calls": [fragment]} for fragment in deltas], None, "tool_calls")

    def reasoning(self, thought: str, text: str) -> WireBody | None:
        """Write a reply with what the model thought."""
        return self._whole({"role": "assistant", "content": text, "reasoning": thought}, None, "stop")

    def reasoning_stream(self, thought: str, text: str) -> Frames | None:
        """Write the same as a stream."""
        return self._streamed([{"reasoning": thought}, {"content": text}], None, "stop")

    def refusal(self, text: str) -> WireBody | None:
        """Write a reply in which the model refuses."""
        return self._whole({"role": "assistant", "content": None, "refusal": text}, None, "stop")

    def filtered(self, message: str) -> WireReply | None:
        """Write what comes where a filter refuses the prompt."""
        error = {"message": message, "type": "invalid_request_error", "param": "prompt", "code": "content_filter"}
        return WireReply(status=400, body={"error": error})

    def error_in_reply(self, message: str) -> WireBody | None:
        """Write an error that comes with the status 200."""
        return self.error(500, message)

    def error_in_stream(self, pieces: Sequence[str], message: str) -> Frames | None:
        """Write a stream that breaks off with an error."""
        chunks = [_chunk({"content": piece}, None) for piece in pieces]
        return server_sent(*chunks, self.error(500, message))

    def other_errors_in_stream(self, pieces: Sequence[str], message: str) -> Sequence[Frames]:
        """Write an error as a text, as older vLLM does, and as an event named ``error``."""
        chunks = server_sent(*(_chunk({"content": piece}, None) for piece in pieces))
        return [
            [*chunks, *server_sent({"error": message})],
            [*chunks, *server_sent({"object": "error", "message": message, "code": 500})],
            [*chunks, *server_sent({"message": message}, name="error")],
        ]

    def ended(self, word: str) -> WireBody | None:
        """Write a reply with any finish reason."""
        return self._whole({"role": "assistant", "content": "Hello."}, None, word)

    def ended_stream(self, word: str) -> Frames | None:
        """Write the same as a stream."""
        return self._streamed([{"content": "Hello."}], None, word)

    def own_content(self, text: str) -> WireBody | None:
        """Write OpenRouter's ``reasoning_details``, which it wants back."""
        return self._whole({"role": "assistant", "content": "Hello.", **_details(text)}, None, "stop")

    def own_content_stream(self, text: str) -> Frames | None:
        """Write the same as a stream."""
        return self._streamed([_details(text), {"content": "Hello."}], None, "stop")

    def refused_parameter(self, parameter: str) -> WireReply | None:
        """Write the error of a model that does not take a parameter."""
        said = f"Unsupported parameter: '{parameter}' is not supported with this model."
        error = {"message": said, "type": "invalid_request_error", "param": parameter, "code": "unsupported_parameter"}
        return WireReply(status=400, body={"error": error})

    def noise(self) -> Frames:
        """Write a comment, which keeps connections open, and a chunk without choices."""
        return [b": keep-alive\n\n", *server_sent({"id": "chatcmpl-1", "object": "a.later.kind", "choices": []})]

    def embeddings(self, vectors: Sequence[Sequence[float]]) -> WireBody | None:
        """Write a reply with vectors, the last first: their index tells their place."""
        rows = [{"object": "embedding", "index": index, "embedding": [*row]} for index, row in enumerate(vectors)]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return {"object": "list", "model": "conformance", "data": rows[::-1], "usage": usage}

    def models(self, names: Sequence[str]) -> WireBody | None:
        """Write a list of models."""
        rows = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "acme"} for name in names]
        return {"object": "list", "data": rows}

    def token_count(self, tokens: int) -> WireBody | None:
        """Write a count of tokens."""
        return {"object": "response.input_tokens", "input_tokens": tokens}

    def moderation(self, flagged: Sequence[bool]) -> WireBody | None:
        """Write verdicts."""
        rows = [{"flagged": flag, "categories": {"violence": flag}, "category_scores": {}} for flag in flagged]
        return {"id": "modr-1", "model": "conformance", "results": rows}

    def completion(self, text: str) -> WireBody | None:
        """Write a plain completion."""
        choice = {"index": 0, "text": text, "finish_reason": "stop"}
        return {"id": "cmpl-1", "object": "text_completion", "model": "conformance", "choices": [choice]}

    def _whole(self, message: Mapping[str, Any], usage: Usage | None, finish: str) -> dict[str, Any]:
        choice = {"index": 0, "message": message, "finish_reason": finish}
        reply = {"id": "chatcmpl-1", "object": "chat.completion", "model": "conformance", "choices": [choice]}
        return reply if usage is None else {**reply, "usage": _usage(usage)}

    def _streamed(self, deltas: Sequence[Mapping[str, Any]], usage: Usage | None, finish: str) -> Frames:
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
    read, thought = usage.cache_read_tokens, usage.reasoning_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        **({} if read is None else {"prompt_tokens_details": {"cached_tokens": read}}),
        **({} if thought is None else {"completion_tokens_details": {"reasoning_tokens": thought}}),
    }
