"""
Decode messages of Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/content_block.py``, ``types/usage.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.errors import BadResponseError
from budwood.providing import parse_count, parse_id, require_text
from budwood.types import (
    JSON,
    FinishReason,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
    VendorPart,
)

VENDOR: Final = "anthropic"

FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
}
"""``pause_turn`` has no counterpart: if the reply is sent back unchanged, the model continues."""

THINKING: Final = frozenset({"thinking", "redacted_thinking"})

_MESSAGE_FIELDS: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "usage"})
_DIRECT: Final = {"type": "direct"}
_TEXT_FIELDS: Final = frozenset({"type", "text"})
_CALL_FIELDS: Final = frozenset({"type", "id", "name", "input"})


def convert_finish_reason(raw: str | None) -> FinishReason:
    """Convert the vendor's stop reason."""
    return FINISH_REASONS.get(raw or "", "other")


def parse_stop_reason(value: object) -> str | None:
    """Return the vendor's reason as a text; None if there is none."""
    return str(value) if value else None


def list_blocks(content: object) -> list[Mapping[str, Any]]:
    """
    Return the blocks of a message. Gateways send a text or an object alone, texts in the list, and null.

    Raises:
        BadResponseError: The content contains anything else.
    """
    items = content if isinstance(content, list) else [content]
    blocks = [{"type": "text", "text": item} if isinstance(item, str) else item for item in items if item is not None]
    objects = [block for block in blocks if isinstance(block, Mapping)]
    if len(objects) < len(blocks):
        raise BadResponseError("The reply's content is not a list of blocks.")
    return objects


def decode_content(blocks: Iterable[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Decode the blocks of a message, without empty texts."""
    parts = (decode_block(block) for block in blocks)
    return tuple(part for part in parts if not isinstance(part, TextPart) or part.text)


def decode_block(block: Mapping[str, Any]) -> Part:
    """Decode a block; one of a kind that Budwood does not model becomes a vendor part."""
    kind = block.get("type") if isinstance(block.get("type"), str) else None
    if kind == "text" or (kind is None and "text" in block):
        return decode_text(block)
    if kind in THINKING:
        return decode_thinking(block)
    if kind == "tool_use":
        return decode_call(block, encode_arguments(block.get("input")))
    return VendorPart(provider=VENDOR, kind=str(kind or "content"), data=dict(block))


def decode_text(block: Mapping[str, Any]) -> TextPart:
    """Decode a text; its citations are in ``data``."""
    others = _other_fields(block, _TEXT_FIELDS)
    return TextPart(text=require_text(block.get("text"), "text"), provider=VENDOR if others else None, data=others)


def decode_call(block: Mapping[str, Any], arguments: str) -> ToolCallPart:
    """Decode a tool call; a caller other than the model, such as its code, is in ``data``."""
    others = _other_fields(block, _CALL_FIELDS)
    return ToolCallPart(
        id=parse_id(block.get("id")) or "",
        name=parse_id(block.get("name")) or "",
        arguments=arguments,
        provider=VENDOR if others else None,
        data=others,
    )


def _other_fields(block: Mapping[str, Any], known: frozenset[str]) -> dict[str, JSON] | None:
    """Return the fields of a block that Budwood does not model, without empty values and the default caller."""
    others = {name: value for name, value in block.items() if name not in known and value not in (None, [], _DIRECT)}
    return others or None


def decode_thinking(block: Mapping[str, Any]) -> ReasoningPart:
    """Decode thinking. ``data`` is the rest of its block, which the API requires back unchanged."""
    data = {name: value for name, value in block.items() if name != "thinking"}
    return ReasoningPart(text=require_text(block.get("thinking"), "thinking"), provider=VENDOR, data=data)


def encode_arguments(arguments: object) -> str:
    """Return the JSON text of a tool's input, which some gateways send as it is."""
    if isinstance(arguments, str) and arguments:
        return arguments
    return to_json(arguments).decode() if arguments is not None else "{}"


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Convert usage. The vendor's ``input_tokens`` do not include tokens read from or written to the cache."""
    uncached = parse_count(usage.get("input_tokens"))
    cache_read = parse_count(usage.get("cache_read_input_tokens"))
    cache_write = parse_count(usage.get("cache_creation_input_tokens"))
    creation, details = usage.get("cache_creation"), usage.get("output_tokens_details")
    return Usage(
        input_tokens=None if uncached is None else uncached + (cache_read or 0) + (cache_write or 0),
        uncached_input_tokens=uncached,
        cache_read_tokens=cache_read,
        cache_write_tokens=cache_write,
        cache_write_1h_tokens=parse_count(creation.get("ephemeral_1h_input_tokens"))
        if isinstance(creation, Mapping)
        else None,
        output_tokens=parse_count(usage.get("output_tokens")),
        reasoning_tokens=parse_count(details.get("thinking_tokens")) if isinstance(details, Mapping) else None,
        raw=dict(usage),
    )


def decode_metadata(message: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the fields of a message that have no field of ours, such as the container or the details of a refusal."""
    return {name: value for name, value in message.items() if name not in _MESSAGE_FIELDS and value is not None}
