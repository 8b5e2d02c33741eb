"""
Read what a message holds besides plain text: typed content, reasoning, and fields that Budwood does not model.

Source: OpenAI's API description, ``ChatCompletionResponseMessage``; Mistral's documentation, "Reasoning"; replies of
compatible servers, noted where they differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.errors import BadResponseError
from budwood.types import JSON, ReasoningPart, RefusalPart, TextPart, VendorPart

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""DeepSeek and older vLLM write the first; Ollama, newer vLLM, Groq and OpenRouter the second."""

REASONING_DETAILS: Final = "reasoning_details"
"""OpenRouter's structured reasoning. It goes back as it came, in place of the plain text beside it."""

PIECE: Final = "piece"
"""The key of a piece of reasoning in the data of its part; reasoning in a field of the message has its name as data."""

MESSAGE_FIELDS: Final = frozenset({"role", "content", "refusal", "tool_calls", "function_call", *REASONING_FIELDS})

EMPTY: Final[tuple[object, ...]] = (None, "", [], {})
"""Values that say nothing."""

_TEXT_TYPES: Final = frozenset({"text", "output_text", "input_text"})
_REASONING_TYPES: Final = frozenset({"thinking", "reasoning"})
_TEXT_FIELDS: Final = ("text", "content", "value", "thinking", "reasoning", "summary")


Piece = TextPart | ReasoningPart | RefusalPart | VendorPart
"""Whatever a piece of content can be."""


def content_pieces(content: JSON) -> list[JSON]:
    """
    Return content as a list: a text, a number or an object is one piece, a list has typed ones (Mistral).

    Raises:
        BadResponseError: It is none of these.
    """
    if isinstance(content, list):
        return content
    if content in EMPTY or content is False:
        return []
    if content is True:
        raise BadResponseError("The content of the reply is a bool.")
    return [content]


def decode_piece(piece: JSON, vendor: str) -> Piece | None:
    """Read one piece of content; return None if it is empty."""
    if not isinstance(piece, dict):
        text = text_in(piece)
        return TextPart(text=text) if text else None
    kind, text = piece.get("type"), text_in(piece)
    if text and (kind in _TEXT_TYPES or kind in EMPTY):
        return TextPart(text=text)
    if text and kind in _REASONING_TYPES:
        return ReasoningPart(text=text, provider=vendor, data={PIECE: _without_text(piece)})
    if kind == "refusal" and (refusal := text_in(piece.get("refusal"))):
        return RefusalPart(text=refusal)
    if (kind in EMPTY or kind in _TEXT_TYPES) and all(piece[name] in EMPTY for name in piece if name != "type"):
        return None
    return VendorPart(provider=vendor, kind=kind if kind and isinstance(kind, str) else "content", data=piece)


def _without_text(piece: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return a piece of reasoning without its text, whose form stays: Mistral's is a list of pieces of text."""
    field = _text_field(piece)
    return {**piece, field: [] if isinstance(piece[field], list) else ""}


def encode_reasoning_piece(part: ReasoningPart) -> dict[str, JSON] | None:
    """Encode reasoning as the piece of content that it came in; None if it came in another place."""
    piece = part.data.get(PIECE) if isinstance(part.data, dict) else None
    if not isinstance(piece, dict):
        return None
    field = _text_field(piece)
    return {**piece, field: [{"type": "text", "text": part.text}] if isinstance(piece[field], list) else part.text}


def _text_field(piece: Mapping[str, JSON]) -> str:
    kind = str(piece["type"])
    return kind if kind in piece else next(name for name in _TEXT_FIELDS if name in piece)


def text_in(value: JSON) -> str:
    """Return the text of a value that may be a text, a number, or pieces or objects that hold a text; else nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(text_in, value))
    if isinstance(value, dict):
        return next((text for name in _TEXT_FIELDS if (text := text_in(value.get(name)))), "")
    return "" if value is None or isinstance(value, bool) else to_json(value).decode()


def reasoning_in(message: Mapping[str, Any]) -> tuple[str, str]:
    """
    Return the field and the text of the reasoning in a message or a delta, both empty where there is none.

    Some servers write it under both names, so the first counts.
    """
    for name in REASONING_FIELDS:
        if name in message and (text := text_in(message[name])):
            return name, text
    return "", ""


def unknown_fields(message: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List what a message or a delta holds besides what Budwood models; empty values say nothing."""
    unread = [name for name in _READ_FIELDS if name in message and not _is_readable(name, message[name])]
    if MESSAGE_FIELDS.issuperset(message) and not unread:
        return []
    return [
        (kind, data)
        for kind, data in message.items()
        if data not in EMPTY and (kind not in MESSAGE_FIELDS or kind in unread)
    ]


_READ_FIELDS: Final = (*REASONING_FIELDS, "refusal", "tool_calls", "function_call")


def _is_readable(name: str, value: JSON) -> bool:
    if value is None or (name in REASONING_FIELDS and isinstance(value, str)):
        return True
    if name in ("tool_calls", "function_call"):
        return isinstance(value, list | dict)
    return bool(text_in(value))
