"""
Write messages as Gemini's ``contents``.

Source: ai.google.dev/api/caching#Content and ai.google.dev/gemini-api/docs/thought-signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pydantic_core import from_json

from budwood.errors import PromptError
from budwood.providing import inline_image
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

VENDOR: Final = "gemini"
"""Marks parts as Gemini's own."""

OUR_ID: Final = "budwood-"
"""Begins the ids that we give to calls without one; they are not sent back."""

ABOUT_THE_REPLY: Final = ("groundingMetadata", "urlContextMetadata", "citationMetadata")
"""What a candidate holds beside its content: kept as vendor parts, and no part of a later request."""

_NO_SIGNATURE: Final = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""``skip_thought_signature_validator`` in base64: what the API takes for a call that no Gemini model signed."""

_SYSTEM: Final = ("system", "developer")


def encode_instruction(messages: Iterable[Message]) -> dict[str, Any]:
    """Write system messages as the one instruction that there is, one part for each text."""
    texts = [part.text for message in messages if message.role in _SYSTEM for part in _texts(message)]
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
        signed: Whether the model refuses calls without a signature.
    """
    contents: list[dict[str, Any]] = []
    after_results = False
    for message in messages:
        if message.role in _SYSTEM:
            continue
        parts = list(_encode_parts(message, signed=signed))
        if not parts:
            continue
        if after_results and message.role == "tool":
            contents[-1]["parts"].extend(parts)
        else:
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
        after_results = message.role == "tool"
    return contents


def _encode_parts(message: Message, *, signed: bool) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        written = _encode_part(part)
        if written is None:
            continue
        if isinstance(part, ToolCallPart):
            if signed and part.provider != VENDOR:
                written["thoughtSignature"] = _NO_SIGNATURE
            signed = False  # only the first call of a turn wants one
        yield written


def _encode_part(part: Part) -> dict[str, Any] | None:
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
            return _image(part)
        case ToolCallPart():
            return {"functionCall": {**_id(part.id), "name": part.name, "args": _arguments(part)}, **_own(part)}
        case ToolResultPart():
            return {"functionResponse": {**_id(part.call_id), "name": part.name, "response": _response(part)}}
        case VendorPart():
            if part.provider != VENDOR or part.kind in ABOUT_THE_REPLY or not isinstance(part.data, dict):
                return None
            return dict(part.data)


def _own(part: TextPart | RefusalPart | ReasoningPart | ToolCallPart) -> dict[str, Any]:
    """Return what Gemini said beside a part of its own: above all the signature of its thoughts."""
    return dict(part.data) if part.provider == VENDOR and isinstance(part.data, dict) else {}


def _id(call_id: str) -> dict[str, str]:
    return {} if call_id.startswith(OUR_ID) else {"id": call_id}


def _arguments(call: ToolCallPart) -> dict[str, Any]:
    try:
        return call.parse_arguments()
    except ValueError:
        return {"invalid_json": call.arguments}  # the API wants an object; the tool's answer says what was wrong


def _response(result: ToolResultPart) -> dict[str, Any]:
    """Write a result as the object that it must be; any other stands under ``output``, or ``error``."""
    try:
        answer = from_json(result.content)
    except ValueError:
        answer = result.content
    if isinstance(answer, dict):
        return answer
    return {"error" if result.is_error else "output": answer if isinstance(answer, list) else result.content}


def _image(image: ImagePart) -> dict[str, Any]:
    """
    Write an image's bytes, or the address from which Gemini fetches it.

    Raises:
        PromptError: The kind of image is not known.
    """
    inline = inline_image(image)
    if inline is None:
        kind = {"mimeType": image.media_type} if image.media_type else {}
        return {"fileData": {**kind, "fileUri": image.url}}
    if inline.media_type in (None, "application/octet-stream"):
        raise PromptError("Gemini wants to know what kind an image is.", hint='Give media_type="image/png" with it.')
    return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}


def _texts(message: Message) -> Iterator[TextPart]:
    return (part for part in message.parts if isinstance(part, TextPart))
