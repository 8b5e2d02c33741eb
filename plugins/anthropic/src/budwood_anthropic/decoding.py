"""
Read messages of Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/content_block.py``, ``types/usage.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.errors import BadResponseError
from budwood.providing import parse_count, require_text
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
"""``pause_turn`` has no counterpart: the reply is sent back as it is, and the model goes on."""

THINKING: Final = frozenset({"thinking", "redacted_thinking"})

_OF_A_MESSAGE: Final = frozenset({"id", "type", "role", "model", "content", "stop_reason", "usage"})
_DIRECT: Final = {"type": "direct"}
_OF_A_TEXT: Final = frozenset({"type", "text"})
_OF_A_CALL: Final = frozenset({"type", "id", "name", "input"})


def finish_reason(raw: str | None) -> FinishReason:
    """Bring the vendor's word into our form."""
    return FINISH_REASONS.get(raw or "", "other")


def stop_reason(value: object) -> str | None:
    """Return the vendor's reason as a text; None if there is none."""
    return str(value) if value else None


def content_blocks(content: object) -> list[Mapping[str, Any]]:
    """
    Return the blocks of a message; a text alone counts as one.

    Raises:
        BadResponseError: The content is neither a text nor a list of objects.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(block, Mapping) for block in content):
        raise BadResponseError("The reply's content is not a list of blocks.")
    return content


def decode_content(blocks: Iterable[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Read the blocks of a message; an empty text says nothing."""
    parts = (decode_block(block) for block in blocks)
    return tuple(part for part in parts if not isinstance(part, TextPart) or part.text)


def decode_block(block: Mapping[str, Any]) -> Part:
    """Read one block: what Budwood models, or a vendor part for what it does not."""
    kind = block.get("type")
    if kind == "text" or (kind is None and "text" in block):
        return decode_text(block)
    if kind in THINKING:
        return decode_thinking(block)
    if kind == "tool_use":
        return decode_call(block, arguments_text(block.get("input")))
    return VendorPart(provider=VENDOR, kind=str(kind or "content"), data=dict(block))


def decode_text(block: Mapping[str, Any]) -> TextPart:
    """Read a text; its citations are kept for the vendor."""
    rest = _rest(block, _OF_A_TEXT)
    return TextPart(text=require_text(block.get("text"), "text"), provider=VENDOR if rest else None, data=rest)


def decode_call(block: Mapping[str, Any], arguments: str) -> ToolCallPart:
    """Read a tool call; a caller that is not the model itself but its program is kept for the vendor."""
    rest = _rest(block, _OF_A_CALL)
    return ToolCallPart(
        id=block.get("id") or "",
        name=block.get("name") or "",
        arguments=arguments,
        provider=VENDOR if rest else None,
        data=rest,
    )


def _rest(block: Mapping[str, Any], modelled: frozenset[str]) -> dict[str, JSON] | None:
    """Return what a block holds besides what Budwood models; empty values and the usual caller say nothing."""
    rest = {name: value for name, value in block.items() if name not in modelled and value not in (None, [], _DIRECT)}
    return rest or None


def decode_thinking(block: Mapping[str, Any]) -> ReasoningPart:
    """Read what the model thought; ``data`` is the rest of its block, which the vendor wants back unchanged."""
    data = {name: value for name, value in block.items() if name != "thinking"}
    return ReasoningPart(text=require_text(block.get("thinking"), "thinking"), provider=VENDOR, data=data)


def arguments_text(arguments: object) -> str:
    """Return the JSON text of a tool's input."""
    return to_json(arguments).decode() if arguments is not None else "{}"


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Bring usage into our form. The vendor's ``input_tokens`` leave out what was read from and written to a cache."""
    uncached = parse_count(usage.get("input_tokens"))
    read = parse_count(usage.get("cache_read_input_tokens"))
    written = parse_count(usage.get("cache_creation_input_tokens"))
    lasting, details = usage.get("cache_creation"), usage.get("output_tokens_details")
    return Usage(
        input_tokens=None if uncached is None else uncached + (read or 0) + (written or 0),
        uncached_input_tokens=uncached,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=parse_count(lasting.get("ephemeral_1h_input_tokens"))
        if isinstance(lasting, Mapping)
        else None,
        output_tokens=parse_count(usage.get("output_tokens")),
        reasoning_tokens=parse_count(details.get("thinking_tokens")) if isinstance(details, Mapping) else None,
        raw=dict(usage),
    )


def decode_metadata(message: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what a message says besides what has a field of its own: the container, why it was refused."""
    return {name: value for name, value in message.items() if name not in _OF_A_MESSAGE and value is not None}
