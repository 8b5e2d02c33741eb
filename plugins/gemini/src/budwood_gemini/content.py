"""
Write messages as Gemini's ``contents``.

Source: ai.google.dev/api/caching#Content and ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic_core import from_json

from budwood.providing import reject_parts
from budwood.types import (
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)
from budwood_gemini.tool_results import encode_image, encode_moved_images, encode_result, id_field

VENDOR: Final = "gemini"
"""Marks parts as Gemini's own."""

ABOUT_THE_REPLY: Final = ("groundingMetadata", "urlContextMetadata", "citationMetadata")
"""What a candidate holds beside its content: kept as vendor parts, and no part of a later request."""

_NO_SIGNATURE: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""``skip_thought_signature_validator`` in base64: what the API takes for a call that no Gemini model signed."""

_SYSTEM: Final = ("system", "developer")


def encode_instruction(messages: Iterable[Message]) -> dict[str, Any]:
    """Write system messages as the one instruction that there is, one part for each text."""
    texts: list[str] = []
    for message in messages:
        if message.role in _SYSTEM:
            reject_parts(message, ImagePart, ToolCallPart, ToolResultPart)
            texts += (part.text for part in _texts(message) if part.text.strip())
    return {"systemInstruction": {"parts": [{"text": text} for text in texts]}} if texts else {}


def has_late_instruction(messages: Sequence[Message]) -> bool:
    """Tell whether a system message stands after the conversation has begun."""
    roles = [message.role in _SYSTEM for message in messages]
    return False in roles and True in roles[roles.index(False) :]


def encode_contents(messages: Iterable[Message], *, signed: bool) -> list[dict[str, Any]]:
    """
    Write all messages but system messages.

    Results of tools that stand in several messages become one content, since the API wants all answers to one turn
    together. A message that holds nothing for Gemini is left out, since the API refuses an empty content.

    Args:
        messages: The conversation.
        signed: Whether the model is one from Gemini 3 on: it refuses calls without a signature, and takes images in
            results of tools.
    """
    contents: list[dict[str, Any]] = []
    after_results = False
    moved: list[dict[str, Any]] = []
    for message in messages:
        if message.role in _SYSTEM:
            continue
        parts = list(_encode_parts(message, signed=signed))
        if not parts:
            continue
        if after_results and message.role == "tool":
            contents[-1]["parts"].extend(parts)
        else:
            if moved:
                contents[-1]["parts"].extend(moved)
                moved = []
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        moved += encode_moved_images(message, multimodal=signed)
        after_results = message.role == "tool"
    if moved:
        contents[-1]["parts"].extend(moved)
    return contents


def _encode_parts(message: Message, *, signed: bool) -> Iterator[dict[str, Any]]:
    unsigned = signed  # only the first call of a turn wants a signature
    for part in message.parts:
        written = _encode_part(part, multimodal=signed)
        if written is None:
            continue
        if isinstance(part, ToolCallPart):
            if unsigned and part.provider != VENDOR:
                written["thoughtSignature"] = _NO_SIGNATURE
            unsigned = False
        yield written


def _encode_part(part: Part, *, multimodal: bool) -> dict[str, Any] | None:
    """Write one part, or None where it is not for Gemini."""
    match part:
        case TextPart() | RefusalPart():
            return {"text": part.text, **_own(part)}
        case ReasoningPart():
            if part.provider != VENDOR:
                return None
            own = _own(part)
            return {**({} if own and not part.text else {"text": part.text}), "thought": True, **own}
        case ImagePart():
            return encode_image(part)
        case ToolCallPart():
            return {
                "functionCall": {**id_field(part.id), "name": part.name, "args": from_json(part.json_arguments)},
                **_own(part),
            }
        case ToolResultPart():
            return encode_result(part, multimodal=multimodal)
        case VendorPart():
            if part.provider != VENDOR or part.kind in ABOUT_THE_REPLY or not isinstance(part.data, dict):
                return None
            return dict(part.data)


def _own(part: TextPart | RefusalPart | ReasoningPart | ToolCallPart) -> dict[str, Any]:
    """Return what Gemini said beside a part of its own: above all the signature of its thoughts."""
    return dict(part.data) if part.provider == VENDOR and isinstance(part.data, dict) else {}


def _texts(message: Message) -> Iterator[TextPart]:
    return (part for part in message.parts if isinstance(part, TextPart))
