"""
Read replies in the form of Chat Completions, and in the forms that servers give it.

Source: OpenAI's API description, ``CreateChatCompletionResponse``; what compatible servers do otherwise is noted where
it is tolerated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.types import (
    FinishReason,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
    VendorPart,
)
from budwood.types.record import JSON

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "length": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",  # OpenRouter, Mistral
}

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""DeepSeek and older vLLM write the first; Ollama, newer vLLM, Groq and OpenRouter the second."""

_MESSAGE_FIELDS: Final = frozenset({"role", "content", "refusal", "tool_calls", "function_call", *REASONING_FIELDS})
_REPLY_FIELDS: Final = frozenset({"id", "object", "created", "model", "choices", "usage", "obfuscation"})


def finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Bring the server's word into our form. Some servers say ``stop`` after tool calls."""
    reason = _FINISH_REASONS.get(raw or "", "other")
    return "tool_calls" if reason == "stop" and called_tools else reason


def decode_message(message: Mapping[str, Any], *, vendor: str) -> Message:
    """Read a model's message; fields that Budwood does not model become vendor parts."""
    return Message(role="assistant", parts=tuple(_parts(message, vendor)))


def _parts(message: Mapping[str, Any], vendor: str) -> Iterator[Part]:
    reasoning = next((message[name] for name in REASONING_FIELDS if message.get(name)), None)
    if isinstance(reasoning, str):
        yield ReasoningPart(text=reasoning)
    yield from _content(message.get("content"), vendor)
    if message.get("refusal"):
        yield RefusalPart(text=message["refusal"])
    for number, call in enumerate(message.get("tool_calls") or ()):
        yield decode_call(call, number)
    if message.get("function_call"):
        yield decode_call({"function": message["function_call"]}, 0)
    yield from (VendorPart(provider=vendor, kind=kind, data=data) for kind, data in unknown_fields(message))


def unknown_fields(message: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """List what a message or a delta holds besides what Budwood models; empty values say nothing."""
    return (
        (kind, data) for kind, data in message.items() if kind not in _MESSAGE_FIELDS and data not in (None, [], {})
    )


def _content(content: JSON, vendor: str) -> Iterator[Part]:
    """Read content: a text, or a list of typed pieces (Mistral)."""
    if isinstance(content, str):
        if content:
            yield TextPart(text=content)
        return
    for piece in content if isinstance(content, list) else ():
        yield content_piece(piece, vendor)


def content_piece(piece: JSON, vendor: str) -> TextPart | ReasoningPart | VendorPart:
    """Read one typed piece of content."""
    if isinstance(piece, str):
        return TextPart(text=piece)
    kind = piece.get("type", "") if isinstance(piece, Mapping) else type(piece).__name__
    if isinstance(piece, Mapping) and kind == "text":
        return TextPart(text=piece.get("text") or "")
    if isinstance(piece, Mapping) and kind == "thinking":
        thoughts = piece.get("thinking")
        inner = [thoughts] if isinstance(thoughts, str) else [part.get("text", "") for part in thoughts or ()]
        return ReasoningPart(text="".join(inner))
    return VendorPart(provider=vendor, kind=str(kind), data=piece)


def decode_call(call: Mapping[str, Any], number: int) -> ToolCallPart:
    """Read a tool call; a server that gives none an id gets one by its number."""
    function = call.get("function") or call.get("custom") or {}
    arguments = function.get("arguments", function.get("input"))
    return ToolCallPart(
        id=call.get("id") or f"call_{number}",
        name=function.get("name") or "",
        arguments=arguments_text(arguments),
    )


def arguments_text(arguments: object) -> str:
    """Return arguments as the JSON text that they should be; some servers send the object itself."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else to_json(arguments).decode()


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Bring usage into our form. OpenAI's totals include cached input and reasoning."""
    read = _detail(usage, "prompt_tokens_details", "cached_tokens")
    if read is None:
        read = _count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    total = _count(usage.get("prompt_tokens"))
    return Usage(
        input_tokens=total,
        uncached_input_tokens=total - read if total is not None and read is not None else None,
        cache_read_tokens=read,
        cache_write_tokens=_detail(usage, "prompt_tokens_details", "cache_write_tokens"),
        output_tokens=_count(usage.get("completion_tokens")),
        reasoning_tokens=_detail(usage, "completion_tokens_details", "reasoning_tokens"),
        raw=dict(usage),
    )


def _detail(usage: Mapping[str, Any], details: str, name: str) -> int | None:
    inner = usage.get(details)
    return _count(inner.get(name)) if isinstance(inner, Mapping) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None


def decode_metadata(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reply or a chunk says besides what has a field of its own."""
    return {name: value for name, value in reply.items() if name not in _REPLY_FIELDS and value is not None}
