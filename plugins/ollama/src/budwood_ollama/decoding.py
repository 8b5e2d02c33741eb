"""
Decode replies of Ollama's ``/api/chat``.

Source: Ollama's API description, ``ChatResponse``, and recorded replies for what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import parse_count, parse_id, require_text
from budwood.types import (
    FinishReason,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
    VendorPart,
)

VENDOR: Final = "ollama"

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {"stop": "stop", "length": "length"}
_MESSAGE_FIELDS: Final = frozenset({"role", "content", "thinking", "tool_calls"})
_FUNCTION_FIELDS: Final = frozenset({"index", "name", "arguments"})
_REPLY_FIELDS: Final = frozenset({"model", "message", "done", "done_reason", "prompt_eval_count", "eval_count"})


def convert_finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Convert the finish reason, which is ``stop`` also after tool calls; ``load`` means that nothing was generated."""
    reason = _FINISH_REASONS.get(raw or "", "other")
    return "tool_calls" if called_tools and reason != "length" else reason


def parse_done_reason(reply: Mapping[str, Any]) -> str | None:
    """Return the server's own finish reason; None if there is none."""
    reason = reply.get("done_reason")
    return str(reason) if reason else None


def decode_message(message: Mapping[str, Any], numbers: Iterator[int]) -> Message:
    """Decode a message; `numbers` are for the ids of calls that have none."""
    return Message(role="assistant", parts=tuple(_decode_parts(message, numbers)))


def _decode_parts(message: Mapping[str, Any], numbers: Iterator[int]) -> Iterator[Part]:
    if thinking := require_text(message.get("thinking"), "thinking"):
        yield ReasoningPart(text=thinking)
    if content := require_text(message.get("content"), "content"):
        yield TextPart(text=content)
    for call in message.get("tool_calls") or ():
        yield decode_call(call, next(numbers))
    yield from unknown_parts(message)


def decode_call(call: Mapping[str, Any], number: int) -> ToolCallPart:
    """Decode a tool call, whose arguments are an object; calls of older servers have no id."""
    function = call.get("function") or {}
    arguments = function.get("arguments")
    others = _other_fields(call)
    return ToolCallPart(
        id=parse_id(call.get("id")) or f"call_{number}",
        name=parse_id(function.get("name")) or "",
        arguments=arguments if isinstance(arguments, str) else to_json(arguments or {}).decode(),
        provider=VENDOR if others else None,
        data=others or None,
    )


def _other_fields(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a call that Budwood does not model, without its index among the calls."""
    function = {name: value for name, value in (call.get("function") or {}).items() if name not in _FUNCTION_FIELDS}
    others = {name: value for name, value in call.items() if name not in ("id", "type", "function")}
    return others | ({"function": function} if function else {})


def unknown_parts(message: Mapping[str, Any]) -> Iterator[VendorPart]:
    """Yield the fields of a message that Budwood does not model as vendor parts, without empty values."""
    return (
        VendorPart(provider=VENDOR, kind=kind, data=data)
        for kind, data in message.items()
        if kind not in _MESSAGE_FIELDS and data not in (None, "", [], {})
    )


def decode_usage(reply: Mapping[str, Any]) -> Usage:
    """
    Convert usage.

    ``eval_count`` includes thinking. Older servers leave ``prompt_eval_count`` out if the complete prompt was in their
    cache; it is then unknown, not 0.
    """
    counts = {name: reply[name] for name in ("prompt_eval_count", "eval_count") if reply.get(name) is not None}
    return Usage(
        input_tokens=parse_count(counts.get("prompt_eval_count")),
        output_tokens=parse_count(counts.get("eval_count")),
        raw=counts or None,
    )


def decode_metadata(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return the other fields of a reply: its time, and durations in nanoseconds."""
    return {name: value for name, value in reply.items() if name not in _REPLY_FIELDS and value is not None}
