"""Values that replies and chunks of Chat Completions have in common."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from budwood.types import ImagePart, ToolCallPart, Usage

FINISH_REASONS: Final[Mapping[str, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "refusal": "content_filter",
    "error": "length",  # the reply is not complete
    "other": "stop",
}
"""OpenAI's finish reasons, by those of Budwood."""

CHOICE_FIELDS: Final = frozenset({"content_filter_results", "logprobs"})
"""Metadata of a reply that belong to a choice."""


def make_id(prefix: str = "chatcmpl") -> str:
    """Return an id for a reply whose vendor gave none."""
    return f"{prefix}-{secrets.token_hex(16)}"


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Return usage with its details; further counts of a vendor of the same API are passed on."""
    raw = usage.raw or {}
    further: dict[str, Any] = dict(raw) if "prompt_tokens" in raw else {}
    given, taken = usage.input_tokens or 0, usage.output_tokens or 0
    encoded = further | {"prompt_tokens": given, "completion_tokens": taken, "total_tokens": given + taken}
    if usage.cache_read_tokens is not None:
        encoded["prompt_tokens_details"] = _add(
            further, "prompt_tokens_details", "cached_tokens", usage.cache_read_tokens
        )
    if usage.reasoning_tokens is not None:
        encoded["completion_tokens_details"] = _add(
            further, "completion_tokens_details", "reasoning_tokens", usage.reasoning_tokens
        )
    return encoded


def _add(usage: Mapping[str, Any], details: str, name: str, count: int) -> dict[str, Any]:
    inner = usage.get(details)
    return {**inner, name: count} if isinstance(inner, dict) else {name: count}


def encode_call(part: ToolCallPart) -> dict[str, Any]:
    """Return a tool call, with the fields that its vendor needs back."""
    data = part.data if isinstance(part.data, dict) else {}
    kind = data.get("type", "function")
    if kind == "custom":
        return {"id": part.id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    call = {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": part.arguments}}
    return call if kind != "function" or "type" in data else call | list_call_fields(part)


def list_call_fields(part: ToolCallPart) -> dict[str, Any]:
    """Return further fields of a call of a function, in a form that its vendor takes back."""
    data = part.data if isinstance(part.data, dict) else {}
    if "type" in data:  # an item of another API
        return {}
    return {name: value for name, value in data.items() if name not in ("id", "index", "function")}


def encode_image(part: ImagePart) -> dict[str, Any]:
    """Return an image that a model made, in the form of OpenRouter: OpenAI's chat returns none."""
    return {"type": "image_url", "image_url": {"url": part.url or part.data_url}}
