"""
Encode messages as ``contents`` of the Gemini API.

Source: ai.google.dev/api/caching#Content and ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json

from budwood.providing import reject_parts
from budwood.types import (
    AudioPart,
    DocumentPart,
    ImagePart,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
    VideoPart,
)
from budwood_gemini.media import VENDOR, Form, encode_media
from budwood_gemini.tool_results import encode_moved_media, encode_result, id_field

SOURCES: Final = ("groundingMetadata", "urlContextMetadata", "citationMetadata")
"""Fields of a candidate about its content: returned as vendor parts, and not sent in later requests."""

_NO_SIGNATURE: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""``skip_thought_signature_validator`` in base64, which the API accepts for calls of other models."""

_DEFAULT_FORM: Final = Form()

_SYSTEM: Final = ("system", "developer")


def encode_instruction(messages: Iterable[Message]) -> dict[str, Any]:
    """Encode system messages as the system instruction, with a part for each text."""
    texts: list[str] = []
    for message in messages:
        if message.role in _SYSTEM:
            reject_parts(message, MediaPart, ToolCallPart, ToolResultPart)
            texts += (part.text for part in _texts(message) if part.text.strip())
    return {"systemInstruction": {"parts": [{"text": text} for text in texts]}} if texts else {}


def has_late_system_message(messages: Sequence[Message]) -> bool:
    """Return whether a system message follows a message of another role."""
    roles = [message.role in _SYSTEM for message in messages]
    return False in roles and True in roles[roles.index(False) :]


def encode_contents(messages: Iterable[Message], form: Form = _DEFAULT_FORM) -> list[dict[str, Any]]:
    """
    Encode all messages except system messages.

    Consecutive tool messages become one content, since the API requires all results of a turn together. A message
    without content for Gemini is left out, since the API rejects an empty content.

    Args:
        messages: The conversation.
        form: How they are encoded.
    """
    contents: list[dict[str, Any]] = []
    after_results = False
    moved: list[dict[str, Any]] = []
    for message in messages:
        if message.role in _SYSTEM:
            continue
        parts = list(_encode_parts(message, form))
        if not parts:
            continue
        if after_results and message.role == "tool":
            contents[-1]["parts"].extend(parts)
        else:
            if moved:
                contents[-1]["parts"].extend(moved)
                moved = []
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        moved += encode_moved_media(message, form)
        after_results = message.role == "tool"
    if moved:
        contents[-1]["parts"].extend(moved)
    return contents


def _encode_parts(message: Message, form: Form) -> Iterator[dict[str, Any]]:
    is_own = message.role == "assistant"
    unsigned = form.signed  # only the first call of a turn needs a signature
    for part in message.parts:
        encoded = _encode_part(part, form, is_own=is_own)
        if encoded is None:
            continue
        if isinstance(part, ToolCallPart):
            if unsigned and part.provider != VENDOR:
                encoded["thoughtSignature"] = find_signature(part) or _NO_SIGNATURE
            unsigned = False
        yield encoded


def _encode_part(part: Part, form: Form, *, is_own: bool) -> dict[str, Any] | None:
    """Encode a part; None if it is another vendor's."""
    match part:
        case TextPart() | RefusalPart():
            return {"text": part.text, **_vendor_data(part)}
        case ReasoningPart():
            if part.provider != VENDOR:
                return None
            data = _vendor_data(part)
            return {**({} if data and not part.text else {"text": part.text}), "thought": True, **data}
        case ImagePart() | AudioPart() | VideoPart() | DocumentPart():
            return encode_media(part, form, is_own=is_own)
        case ToolCallPart():
            return {
                "functionCall": {**id_field(part.id), "name": part.name, "args": from_json(part.json_arguments)},
                **_vendor_data(part),
            }
        case ToolResultPart():
            return encode_result(part, form)
        case VendorPart():
            if part.provider != VENDOR or part.kind in SOURCES or not isinstance(part.data, dict):
                return None
            return dict(part.data)


def find_signature(call: ToolCallPart) -> str | None:
    """Return the signature of a call from a dictionary in OpenAI's form, where Google's compatible API puts it."""
    fields: Any = call.data if call.provider is None else None
    for name in ("extra_content", "google", "thought_signature"):
        fields = fields.get(name) if isinstance(fields, Mapping) else None
    return fields if isinstance(fields, str) else None


def _vendor_data(part: TextPart | RefusalPart | ReasoningPart | ToolCallPart) -> dict[str, Any]:
    """Return the fields that Gemini requires back with its own part, such as the signature."""
    return dict(part.data) if part.provider == VENDOR and isinstance(part.data, dict) else {}


def _texts(message: Message) -> Iterator[TextPart]:
    return (part for part in message.parts if isinstance(part, TextPart))
