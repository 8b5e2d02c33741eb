"""
Encode replies in the form of the Messages API.

Source: the types of Anthropic's Python SDK, ``anthropic`` 2.14.0: ``types/message.py``, ``types/usage.py``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import from_json, to_json

from budwood.types import (
    OUTPUT_TOOL,
    AudioPart,
    ChatResponse,
    FinishReason,
    ImagePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
    VendorPart,
)
from budwood_server.formats.anthropic.signatures import VENDOR, encode_thinking

if TYPE_CHECKING:
    from budwood_server.gateway.plan import CallPlan

_STOP_REASONS: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "error": "end_turn",
    "other": "end_turn",
}


def encode_message(response: ChatResponse, plan: CallPlan, *, is_structured: bool, message_id: str) -> dict[str, Any]:
    """
    Return the body of a reply.

    Args:
        response: The reply.
        plan: The plan of the call.
        is_structured: Whether the reply was validated against a schema: its text is then only the JSON.
        message_id: The id of the message if the vendor has given it none.
    """
    native = is_native(response, plan)
    return {
        "id": response.id or message_id,
        "type": "message",
        "role": "assistant",
        "model": response.model or plan.name,
        "content": encode_parts(list_parts(response) if is_structured else response.message.parts),
        "stop_reason": encode_stop_reason(response, native=native),
        "stop_sequence": None,
        **(response.metadata if native else {}),
        "usage": encode_usage(response.usage, native=native),
    }


def is_native(response: ChatResponse, plan: CallPlan) -> bool:
    """Tell whether Anthropic's API gave the reply."""
    return plan.api == VENDOR and response.provider in ("", plan.provider)


def list_parts(response: ChatResponse) -> Iterable[Part]:
    """Return the parts of a reply with structured output, of which the text is the validated JSON alone."""
    if response.parsed is None or _is_json(response.text):
        return response.message.parts
    others = (part for part in response.message.parts if not isinstance(part, TextPart))
    return (*others, TextPart(text=to_json(response.parsed).decode()))


def _is_json(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True


def encode_parts(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the blocks for the parts of a reply. Content of vendors other than Anthropic has no form here."""
    return [block for part in parts if (block := encode_part(part)) is not None]


def encode_part(part: Part) -> dict[str, Any] | None:
    """Return the block for a part of a reply; None if the API has no form for it."""
    match part:
        case TextPart(provider=provider, data=dict() as data) if provider == VENDOR:
            return {"type": "text", "text": part.text, **data}
        case TextPart() | RefusalPart():
            return {"type": "text", "text": part.text}
        case ReasoningPart():
            return encode_thinking(part)
        case ToolCallPart(name=name) if name == OUTPUT_TOOL:  # structured output that does not satisfy its schema
            return {"type": "text", "text": part.arguments}
        case ToolCallPart():
            data = part.data if part.provider == VENDOR and isinstance(part.data, dict) else {}
            return {
                "type": "tool_use",
                "id": part.id,
                "name": part.name,
                "input": from_json(part.json_arguments),
                **data,
            }
        case VendorPart(provider=provider, data=dict() as data) if provider == VENDOR:
            return data
        case ImagePart():
            return {"type": "image", "source": _encode_source(part)}
        case AudioPart() if part.transcript:
            return {"type": "text", "text": part.transcript}
        case _:
            return None


def _encode_source(image: ImagePart) -> dict[str, Any]:
    if image.url is not None:
        return {"type": "url", "url": image.url}
    if image.file_id is not None:
        return {"type": "file", "file_id": image.file_id}
    data = base64.b64encode(image.read()).decode()
    return {"type": "base64", "media_type": image.media_type or "image/png", "data": data}


def encode_stop_reason(response: ChatResponse, *, native: bool) -> str:
    """Return why the reply ended; Anthropic's own reason is unchanged."""
    if native and response.raw_finish_reason:
        return response.raw_finish_reason
    if any(call.name == OUTPUT_TOOL for call in response.tool_calls):
        return "end_turn"
    return _STOP_REASONS[response.finish_reason]


def encode_usage(usage: Usage, *, native: bool) -> dict[str, Any]:
    """Return usage, whose input does not include the tokens of the cache. Counts that are not known are 0."""
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    uncached = usage.uncached_input_tokens
    if uncached is None:
        uncached = max((usage.input_tokens or 0) - (read or 0) - (written or 0), 0)
    encoded = {"input_tokens": uncached, "output_tokens": usage.output_tokens or 0}
    if native and usage.raw:
        return encoded | usage.raw
    return encoded | {"cache_creation_input_tokens": written or 0, "cache_read_input_tokens": read or 0}
