"""
Decode replies of the Gemini API.

Source: ai.google.dev/api/generate-content, ``GenerateContentResponse``, and google-genai 3.4, ``types.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.errors import BadResponseError
from budwood.providing import parse_count, parse_id, require_text
from budwood.types import (
    AnyMedia,
    FinishReason,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    Usage,
    VendorPart,
)
from budwood_gemini.content import SOURCES
from budwood_gemini.media import VENDOR, decode_media
from budwood_gemini.tool_results import OUR_ID

FILTERED: Final = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "ESCALATION",
        "MODEL_ARMOR",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
    }
)
"""The finish reasons of replies that a filter stopped."""

NO_IMAGE: Final = frozenset({"NO_IMAGE", "IMAGE_OTHER"})
"""The finish reasons of replies in which an image is missing, although no filter stopped it."""

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    **dict.fromkeys(NO_IMAGE, "error"),
    **dict.fromkeys(FILTERED, "content_filter"),
}

_REPLY_FIELDS: Final = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId"})
_CANDIDATE_FIELDS: Final = frozenset({"content", "finishReason", "index", *SOURCES})


def convert_finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Convert Gemini's finish reason, which is ``STOP`` also after function calls."""
    reason = _FINISH_REASONS.get(raw or "", "other")
    return "tool_calls" if reason == "stop" and called_tools else reason


def parse_finish_reason(candidate: Mapping[str, Any]) -> str | None:
    """Return Gemini's own finish reason; None if the candidate has none."""
    reason = candidate.get("finishReason")
    return str(reason) if reason else None


def decode_message(candidate: Mapping[str, Any], reply_id: str | None, earlier: int = 0) -> Message:
    """Decode a candidate; content that Budwood does not model becomes vendor parts."""
    parts: list[Part] = []
    calls = 0
    for fields in list_parts(candidate):
        part = decode_part(fields, make_call_id(reply_id, candidate, earlier, calls))
        if part is not None:
            parts.append(part)
            calls += isinstance(part, ToolCallPart)
    return Message(role="assistant", parts=(*parts, *list_sources(candidate)))


def list_parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    List the parts of a candidate; one that was filtered or truncated may have none.

    Raises:
        BadResponseError: Its content is neither parts nor a text.
    """
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else content
    if isinstance(parts, str):
        return [{"text": parts}]
    if isinstance(parts, Mapping):
        return [dict(parts)]
    if parts is not None and not (isinstance(parts, list) and all(isinstance(part, Mapping) for part in parts)):
        raise BadResponseError("The reply's content is not a list of parts.")
    return parts or []


def parse_index(candidate: Mapping[str, Any]) -> int:
    """Return the place of a candidate among all; the first one's index is left out of the JSON."""
    return parse_count(candidate.get("index")) or 0


def make_call_id(reply_id: str | None, candidate: Mapping[str, Any], earlier: int, number: int) -> str:
    """Return an id for a call that has none. It differs from those of all other calls of the conversation."""
    choice = parse_index(candidate)
    reply = reply_id or (f"call{earlier}" if earlier else "call")
    return f"{OUR_ID}{reply}-{f'{choice}-' if choice else ''}{number}"


_OTHER_KINDS: Final = frozenset({"inlineData", "fileData", "functionResponse", "executableCode", "codeExecutionResult"})
"""The kinds of content besides text. Source: ai.google.dev/api/caching#Part, the union ``data``."""


def decode_part(
    fields: Mapping[str, Any], new_id: str
) -> TextPart | ReasoningPart | ToolCallPart | AnyMedia | VendorPart | None:
    """
    Decode a part. Returns None for an empty text without a signature.

    An image among the model's thoughts is not part of the reply, and remains a vendor part.

    Other fields of a part, such as ``thoughtSignature``, are in its ``data``, or the ``vendor_data`` of media: Gemini
    requires them back with the same part.
    """
    kinds = fields.keys() - {"thought", "thoughtSignature"}
    if "functionCall" in kinds:
        return _decode_call(fields, new_id)
    if not kinds or ("text" in kinds and kinds.isdisjoint(_OTHER_KINDS)):
        return _decode_text(fields)
    if "inlineData" in kinds and not fields.get("thought") and (media := decode_media(fields)) is not None:
        return media
    kind = next(kind for kind in fields if kind in kinds)
    return VendorPart(provider=VENDOR, kind=kind, data=dict(fields))


def _decode_call(fields: Mapping[str, Any], new_id: str) -> ToolCallPart:
    call = fields["functionCall"]
    arguments = call.get("args")
    return ToolCallPart(
        id=parse_id(call.get("id")) or new_id,
        name=parse_id(call.get("name")) or "",
        arguments=arguments if isinstance(arguments, str) else to_json(arguments or {}).decode(),
        provider=VENDOR,
        data=select_other_fields(fields, "functionCall"),
    )


def _decode_text(fields: Mapping[str, Any]) -> TextPart | ReasoningPart | None:
    text, own = require_text(fields.get("text"), "text"), select_other_fields(fields, "text", "thought")
    if not text and not own:
        return None
    if fields.get("thought"):
        return ReasoningPart(text=text, provider=VENDOR, data=own)
    return TextPart(text=text, provider=VENDOR, data=own) if own else TextPart(text=text)


def select_other_fields(fields: Mapping[str, Any], *known: str) -> dict[str, Any] | None:
    """Return the fields of a part that Budwood does not model, or None."""
    return {name: value for name, value in fields.items() if name not in known} or None


def list_sources(candidate: Mapping[str, Any]) -> Iterator[VendorPart]:
    """Yield the sources of a candidate as vendor parts."""
    for kind in SOURCES:
        if candidate.get(kind):
            yield VendorPart(provider=VENDOR, kind=kind, data=candidate[kind])


def decode_metadata(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a reply or a chunk that have no field of ours."""
    return {name: value for name, value in reply.items() if name not in _REPLY_FIELDS and value}


def decode_candidate_metadata(candidate: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a candidate that have no field of ours."""
    return {name: value for name, value in candidate.items() if name not in _CANDIDATE_FIELDS and value}


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """
    Convert usage.

    The prompt includes cached tokens. Results of Google's own tools count as input and thoughts as output, but the API
    counts both separately; ``totalTokenCount`` is the sum of all four.
    """
    prompt, tools = parse_count(usage.get("promptTokenCount")), parse_count(usage.get("toolUsePromptTokenCount"))
    total_input = None if prompt is None else prompt + (tools or 0)
    cached = parse_count(usage.get("cachedContentTokenCount"))
    thoughts = parse_count(usage.get("thoughtsTokenCount"))
    return Usage(
        input_tokens=total_input,
        uncached_input_tokens=None if total_input is None or cached is None else total_input - cached,
        cache_read_tokens=cached,
        output_tokens=_count_output(usage, thoughts, total_input),
        reasoning_tokens=thoughts,
        raw=dict(usage),
    )


def _count_output(usage: Mapping[str, Any], thoughts: int | None, total_input: int | None) -> int | None:
    candidates = parse_count(usage.get("candidatesTokenCount"))
    if candidates is not None or thoughts is not None:
        return (candidates or 0) + (thoughts or 0)
    total = parse_count(usage.get("totalTokenCount"))  # a count of zero is left out of the JSON
    return None if total is None or total_input is None else max(total - total_input, 0)
