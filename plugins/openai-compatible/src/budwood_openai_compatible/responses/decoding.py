"""
Decode replies of Responses.

Source: OpenAI's API description, ``Response``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from budwood.errors import BadResponseError
from budwood.providing import parse_count, parse_rate_limits
from budwood.types import (
    ChatResponse,
    FinishReason,
    HTTPReply,
    Message,
    Part,
    RefusalPart,
    ToolCallPart,
    Usage,
)
from budwood_openai_compatible.decoding import count_uncached, decode_cost, find_detail, parse_request_id
from budwood_openai_compatible.responses.items import decode_item

_INCOMPLETE: Final[Mapping[str, FinishReason]] = {"max_output_tokens": "length", "content_filter": "content_filter"}

_COMPLETE: Final = ("completed", "complete")

ECHOES: Final = frozenset(
    {
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "max_tool_calls",
        "temperature",
        "top_p",
        "top_logprobs",
        "frequency_penalty",
        "presence_penalty",
        "text",
        "truncation",
        "store",
        "user",
        "safety_identifier",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
    }
)
"""Fields of a reply that repeat the request."""

_DECODED_FIELDS: Final = frozenset(
    {"id", "object", "created_at", "model", "status", "output", "output_text", "usage", "error"}
)


def decode_response(body: Mapping[str, Any], reply: HTTPReply, *, vendor: str) -> ChatResponse:
    """
    Decode a complete reply that is not an error.

    Raises:
        BadResponseError: The reply has no output.
    """
    items = body.get("output")
    if not isinstance(items, list):
        raise BadResponseError("The reply has no output.", request_id=parse_request_id(reply.headers))
    parts = tuple(part for item in items for part in decode_item(item, vendor))
    reason, raw = finish_reason(body, parts)
    usage = body.get("usage")
    return ChatResponse(
        message=Message(role="assistant", parts=parts),
        finish_reason=reason,
        raw_finish_reason=raw,
        usage=decode_usage(usage) if isinstance(usage, Mapping) else Usage(),
        id=body.get("id") or None,
        model=body.get("model") or "",
        request_id=parse_request_id(reply.headers),
        rate_limits=parse_rate_limits(reply.headers),
        metadata=decode_metadata(body),
        raw=dict(body),
    )


def finish_reason(body: Mapping[str, Any], parts: Iterable[Part]) -> tuple[FinishReason, str | None]:
    """Return the finish reason, and the server's value: the status, or the reason why the reply is incomplete."""
    status = body.get("status")
    if status == "incomplete":
        raw = (body.get("incomplete_details") or {}).get("reason") or status
        return _INCOMPLETE.get(raw, "other"), raw
    if status not in _COMPLETE:
        return "other", status
    kinds = {type(part) for part in parts}
    if ToolCallPart in kinds:
        return "tool_calls", status
    return ("refusal" if RefusalPart in kinds else "stop"), status


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Convert usage. The totals include cached input and reasoning, as in Budwood."""
    total = parse_count(usage.get("input_tokens"))
    read = find_detail(usage, "input_tokens_details", "cached_tokens")
    return Usage(
        input_tokens=total,
        uncached_input_tokens=count_uncached(total, read),
        cache_read_tokens=read,
        cache_write_tokens=find_detail(usage, "input_tokens_details", "cache_write_tokens"),
        output_tokens=parse_count(usage.get("output_tokens")),
        reasoning_tokens=find_detail(usage, "output_tokens_details", "reasoning_tokens"),
        reported_cost=decode_cost(usage),
        raw=dict(usage),
    )


def decode_metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a reply that `ChatResponse` has no field for, and that do not repeat the request."""
    return {
        name: value
        for name, value in body.items()
        if name not in _DECODED_FIELDS and name not in ECHOES and value not in (None, [], {})
    }
