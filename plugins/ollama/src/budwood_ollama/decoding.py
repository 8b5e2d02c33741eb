"""
Read replies of Ollama's ``/api/chat``.

Source: Ollama's API description, ``ChatResponse``, and recorded replies for what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import parse_count, require_text
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


def finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Bring the server's word into our form. It says ``stop`` after tool calls too; ``load`` is no answer at all."""
    reason = _FINISH_REASONS.get(raw or "", "other")
    return "tool_calls" if called_tools and reason != "length" else reason


def done_reason(reply: Mapping[str, Any]) -> str | None:
    """Return the server's own finish reason; None if there is none."""
    reason = reply.get("done_reason")
    return str(reason) if reason else None


def decode_message(message: Mapping[str, Any], numbers: Iterator[int]) -> Message:
    """Read a model's message; ``numbers`` gives ids to calls that have none."""
    return Message(role="assistant", parts=tuple(_parts(message, numbers)))


def _parts(message: Mapping[str, Any], numbers: Iterator[int]) -> Iterator[Part]:
    if thinking := require_text(message.get("thinking"), "thinking"):
        yield ReasoningPart(text=thinking)
    if content := require_text(message.get("content"), "content"):
        yield TextPart(text=content)
    for call in message.get("tool_calls") or ():
        yield decode_call(call, next(numbers))
    yield from unknown_parts(message)


def decode_call(call: Mapping[str, Any], number: int) -> ToolCallPart:
    """Read a tool call, whose arguments are an object; older servers give it no id."""
    function = call.get("function") or {}
    arguments = function.get("arguments")
    more = _besides(call)
    return ToolCallPart(
        id=call.get("id") or f"call_{number}",
        name=function.get("name") or "",
        arguments=arguments if isinstance(arguments, str) else to_json(arguments or {}).decode(),
        provider=VENDOR if more else None,
        data=more or None,
    )


def _besides(call: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what a call holds that Budwood does not model; its index is its place among the calls."""
    function = {name: value for name, value in (call.get("function") or {}).items() if name not in _FUNCTION_FIELDS}
    more = {name: value for name, value in call.items() if name not in ("id", "type", "function")}
    return more | ({"function": function} if function else {})


def unknown_parts(message: Mapping[str, Any]) -> Iterator[VendorPart]:
    """Keep what a message holds besides what Budwood models; empty values say nothing."""
    return (
        VendorPart(provider=VENDOR, kind=kind, data=data)
        for kind, data in message.items()
        if kind not in _MESSAGE_FIELDS and data not in (None, "", [], {})
    )


def decode_usage(reply: Mapping[str, Any]) -> Usage:
    """
    Bring usage into our form.

    ``eval_count`` includes what the model thought. Older servers leave ``prompt_eval_count`` out where they had the
    whole prompt in their cache: then it is unknown, not 0.
    """
    counts = {name: reply[name] for name in ("prompt_eval_count", "eval_count") if reply.get(name) is not None}
    return Usage(
        input_tokens=parse_count(counts.get("prompt_eval_count")),
        output_tokens=parse_count(counts.get("eval_count")),
        raw=counts or None,
    )


def decode_metadata(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a reply says besides: when it was made, and the durations, in nanoseconds."""
    return {name: value for name, value in reply.items() if name not in _REPLY_FIELDS and value is not None}
