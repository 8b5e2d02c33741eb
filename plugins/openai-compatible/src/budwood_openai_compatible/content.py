"""
Decode typed content, reasoning, and fields of messages that Budwood does not model.

Source: OpenAI's API description, ``ChatCompletionResponseMessage``; Mistral's documentation, "Reasoning"; replies of
compatible servers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.errors import BadResponseError
from budwood.types import JSON, ReasoningPart, RefusalPart, TextPart, VendorPart

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""DeepSeek and older vLLM use the first; Ollama, newer vLLM, Groq and OpenRouter use the second."""

REASONING_DETAILS: Final = "reasoning_details"
"""OpenRouter's structured reasoning. It is returned to the server unchanged, without the plain text."""

CONTENT_PART: Final = "content_part"
"""The key in `ReasoningPart.data` for reasoning in a content part. Otherwise the data is the name of the field."""

TAGGED_REASONING: Final = "tagged_reasoning"
"""The type of a content part with reasoning that the server sent between tags. It is not returned to the server."""

MESSAGE_FIELDS: Final = frozenset(
    {"role", "content", "refusal", "tool_calls", "function_call", "audio", "images", *REASONING_FIELDS}
)

EMPTY: Final[tuple[object, ...]] = (None, "", [], {})
"""Values that count as absent."""

_TEXT_TYPES: Final = frozenset({"text", "output_text", "input_text"})
_REASONING_TYPES: Final = frozenset({"thinking", "reasoning"})
_TEXT_FIELDS: Final = ("text", "content", "value", "thinking", "reasoning", "summary")


ContentPart = TextPart | ReasoningPart | RefusalPart | VendorPart
"""The types of decoded content parts."""


def list_content_parts(content: JSON) -> list[JSON]:
    """
    Return content as a list of parts: a text, a number or an object is one part, a list has typed parts (Mistral).

    Raises:
        BadResponseError: The content is a boolean.
    """
    if isinstance(content, list):
        return content
    if content in EMPTY or content is False:
        return []
    if content is True:
        raise BadResponseError("The content of the reply is a boolean, not a text or a list.")
    return [content]


def decode_content_part(part: JSON, vendor: str) -> ContentPart | None:
    """Decode one content part; return None if it is empty."""
    if not isinstance(part, dict):
        text = extract_text(part)
        return TextPart(text=text) if text else None
    kind, text = part.get("type") or "", extract_text(part)
    if not isinstance(kind, str):
        return VendorPart(provider=vendor, kind="content", data=part)
    if text and (not kind or kind in _TEXT_TYPES):
        return TextPart(text=text)
    if text and kind in _REASONING_TYPES:
        return ReasoningPart(text=text, provider=vendor, data={CONTENT_PART: _remove_text(part)})
    if kind == TAGGED_REASONING:
        return ReasoningPart(text=text, provider=vendor) if text else None
    if kind == "refusal" and (refusal := extract_text(part.get("refusal"))):
        return RefusalPart(text=refusal)
    if (not kind or kind in _TEXT_TYPES) and all(part[name] in EMPTY for name in part if name != "type"):
        return None
    return VendorPart(provider=vendor, kind=kind or "content", data=part)


def _remove_text(part: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a part with reasoning without its text. An empty list marks Mistral's form, a list of text parts."""
    field = _find_text_field(part)
    return {**part, field: [] if isinstance(part[field], list) else ""}


def encode_reasoning_part(part: ReasoningPart) -> dict[str, JSON] | None:
    """Return reasoning as the content part that it was received in; None if it was received in a field."""
    received = part.data.get(CONTENT_PART) if isinstance(part.data, dict) else None
    if not isinstance(received, dict):
        return None
    field = _find_text_field(received)
    text: JSON = [{"type": "text", "text": part.text}] if isinstance(received[field], list) else part.text
    return {**received, field: text}


def _find_text_field(part: Mapping[str, JSON]) -> str:
    kind = str(part["type"])
    return kind if kind in part else next(name for name in _TEXT_FIELDS if name in part)


def extract_text(value: JSON) -> str:
    """Return the text of a text, a number, or a list or object that contains texts; otherwise an empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(extract_text, value))
    if isinstance(value, dict):
        return next((text for name in _TEXT_FIELDS if (text := extract_text(value.get(name)))), "")
    return "" if value is None or isinstance(value, bool) else to_json(value).decode()


def find_reasoning(message: Mapping[str, Any]) -> tuple[str, str]:
    """
    Return the field and the text of the reasoning in a message or a delta; both are empty if there is none.

    Some servers send the same reasoning in both fields, so only the first is used.
    """
    for name in REASONING_FIELDS:
        if name in message and (text := extract_text(message[name])):
            return name, text
    return "", ""


def find_unknown_fields(message: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the fields of a message or a delta that Budwood does not model, with values that are not empty."""
    unreadable = [name for name in _READABLE_FIELDS if name in message and not _is_readable(name, message[name])]
    if MESSAGE_FIELDS.issuperset(message) and not unreadable:
        return []
    return [
        (kind, data)
        for kind, data in message.items()
        if data not in EMPTY and (kind not in MESSAGE_FIELDS or kind in unreadable)
    ]


_READABLE_FIELDS: Final = (*REASONING_FIELDS, "refusal", "tool_calls", "function_call", "audio", "images")


def _is_readable(name: str, value: JSON) -> bool:
    if value is None or (name in REASONING_FIELDS and isinstance(value, str)):
        return True
    if name in ("tool_calls", "function_call"):
        calls = value if isinstance(value, list) else [value]
        return all(call is None or isinstance(call, dict) for call in calls)
    if name == "audio":
        return isinstance(value, dict)
    if name == "images":
        return isinstance(value, list) and all(isinstance(image, dict) and "image_url" in image for image in value)
    return bool(extract_text(value))
