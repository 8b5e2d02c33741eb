"""
Read replies in the form of Chat Completions, and in the forms that servers give it.

Source: OpenAI's API description, ``CreateChatCompletionResponse``; what compatible servers do otherwise is noted where
it is tolerated.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from pydantic_core import to_json

from budwood import providing
from budwood.errors import BadResponseError
from budwood.providing import call_id, calls_before, parse_count, rate_limits
from budwood.types import (
    JSON,
    ChatRequest,
    ChatResponse,
    FinishReason,
    HTTPReply,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
    VendorPart,
)

REQUEST_ID_HEADERS: Final = ("apim-request-id", "x-ms-request-id")
"""Headers of the request id besides the usual ones. They are Azure's; some recorded replies have only the first."""

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "length": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",  # OpenRouter, Mistral
}

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""DeepSeek and older vLLM write the first; Ollama, newer vLLM, Groq and OpenRouter the second."""

_MESSAGE_FIELDS: Final = frozenset({"role", "content", "refusal", "tool_calls", "function_call", *REASONING_FIELDS})
_TEXT_FIELDS: Final = frozenset({"role", "content"})
_COST_FIELDS: Final = frozenset({"cost", "cost_in_usd_ticks", "estimated_cost"})
_REPLY_FIELDS: Final = frozenset({"id", "object", "created", "model", "choices", "usage", "obfuscation"})


_EMPTY: Final[tuple[object, ...]] = (None, "", [], {})
"""What says nothing, in the place of a field."""

_CHOICE_FIELDS: Final = frozenset({"index", "message", "delta", "text", "finish_reason"})


def decode_chat(
    body: Mapping[str, Any], reply: HTTPReply, *, vendor: str, request: ChatRequest | None = None
) -> ChatResponse:
    """
    Read a whole reply that holds no error; ``request`` is what it answers, if that can hold tool calls.

    Raises:
        BadResponseError: It has no choices.
    """
    choices, headers = body.get("choices") or (), reply.head.headers
    if not choices:
        raise BadResponseError("The reply holds no choices.", request_id=request_id(headers))
    reply_id = body.get("id") or None
    message, *others = [
        decode_message(message_of(choice), vendor=vendor, reply_id=reply_id, request=request) for choice in choices
    ]
    raw_reason, usage = choices[0].get("finish_reason"), body.get("usage")
    is_text = len(message.parts) == 1 and type(message.parts[0]) is TextPart
    return ChatResponse(
        message=message,
        alternatives=tuple(others),
        finish_reason=finish_reason(raw_reason, called_tools=not is_text and bool(message.tool_calls)),
        raw_finish_reason=raw_reason,
        usage=decode_usage(usage) if isinstance(usage, dict) else Usage(),
        id=reply_id,
        model=body.get("model") or "",
        request_id=request_id(headers),
        rate_limits=rate_limits(headers),
        metadata=decode_metadata(body, choices[0]),
        raw=dict(body),
    )


def message_of(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message of a choice, or what of it came in a chunk; a plain completion has a text in its place."""
    if "text" in choice:
        return {"content": choice["text"]}
    message: Mapping[str, Any] = choice.get("delta") or choice.get("message") or {}
    return message


def finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Bring the server's word into our form. Some servers say ``stop`` after tool calls."""
    reason = _FINISH_REASONS.get(raw or "", "other")
    return "tool_calls" if reason == "stop" and called_tools else reason


def decode_message(
    message: Mapping[str, Any], *, vendor: str, reply_id: str | None = None, request: ChatRequest | None = None
) -> Message:
    """Read a model's message; fields that Budwood does not model become vendor parts."""
    content = message.get("content")
    if content and isinstance(content, str) and (_TEXT_FIELDS.issuperset(message) or _is_text_alone(message)):
        return Message(role="assistant", parts=(TextPart(text=content),))
    parts: list[Part] = []
    if reasoning := reasoning_text(message):
        parts.append(ReasoningPart(text=reasoning))
    parts.extend(content_piece(piece, vendor) for piece in pieces_of(content))
    if message.get("refusal"):
        parts.append(RefusalPart(text=message["refusal"]))
    for number, call in enumerate(message.get("tool_calls") or ()):
        parts.append(decode_call(call, number, reply_id, request))
    if message.get("function_call"):
        parts.append(decode_call({"function": message["function_call"]}, 0, reply_id, request))
    parts.extend(VendorPart(provider=vendor, kind=kind, data=data) for kind, data in unknown_fields(message))
    return Message(role="assistant", parts=tuple(parts))


def _is_text_alone(message: Mapping[str, Any]) -> bool:
    """Tell whether a message with a text holds nothing else: nearly all do not."""
    return not [name for name, value in message.items() if name not in _TEXT_FIELDS and value not in _EMPTY]


def reasoning_text(message: Mapping[str, Any]) -> str:
    """Return the reasoning of a message or a delta; some servers write it under both names, so the first counts."""
    for name in REASONING_FIELDS:
        if name in message and (text := _joined(message[name])):
            return text
    return ""


def unknown_fields(message: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List what a message or a delta holds besides what Budwood models; empty values say nothing."""
    if _MESSAGE_FIELDS.issuperset(message):
        return []
    return [(kind, data) for kind, data in message.items() if kind not in _MESSAGE_FIELDS and data not in _EMPTY]


def pieces_of(content: JSON) -> list[JSON]:
    """
    Cut content into its pieces: a text is one, a list has typed ones (Mistral).

    Raises:
        BadResponseError: It is neither.
    """
    if not content:
        return []
    if isinstance(content, list):
        return content
    if isinstance(content, str):
        return [content]
    raise BadResponseError(f"The content of the reply is a {type(content).__name__}.")


def content_piece(piece: JSON, vendor: str) -> TextPart | ReasoningPart | VendorPart:
    """Read one typed piece of content."""
    if isinstance(piece, str):
        return TextPart(text=piece)
    fields = piece if isinstance(piece, dict) else {}
    kind = fields.get("type")
    if kind == "text":
        return TextPart(text=_joined(fields.get("text")))
    if kind == "thinking":
        return ReasoningPart(text=_joined(fields.get("thinking")))
    return VendorPart(provider=vendor, kind=str(kind or "content"), data=piece)


def _joined(written: JSON) -> str:
    """Join text that may come in pieces (Mistral's ``thinking``)."""
    if isinstance(written, list):
        return "".join(_joined(piece.get("text") if isinstance(piece, dict) else piece) for piece in written)
    return written if isinstance(written, str) else ""


def decode_call(
    call: Mapping[str, Any], number: int, reply_id: str | None, request: ChatRequest | None
) -> ToolCallPart:
    """Read a tool call; one that the server gave no id gets one."""
    earlier = calls_before(request) if request is not None else 0
    function = call.get("function") or call.get("custom") or {}
    name = function.get("name") or ""
    arguments = arguments_text(function.get("arguments", function.get("input")))
    made = call.get("id") or call_id(reply_id, number, name, arguments, earlier=earlier)
    return ToolCallPart(id=made, name=name, arguments=arguments)


def arguments_text(arguments: object) -> str:
    """Return arguments as the JSON text that they should be; some servers send the object itself."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else to_json(arguments).decode()


def uncached(total: int | None, read: int | None) -> int | None:
    """Return the input that was not cached; Azure's Grok counts more cached input than input: then nobody knows."""
    return total - read if total is not None and read is not None and read <= total else None


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Bring usage into our form. OpenAI's totals include cached input and reasoning, and so do ours."""
    read = detail(usage, "prompt_tokens_details", "cached_tokens")
    if read is None:
        read = parse_count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    total, written = parse_count(usage.get("prompt_tokens")), parse_count(usage.get("completion_tokens"))
    reasoning = detail(usage, "completion_tokens_details", "reasoning_tokens")
    if reasoning and written is not None and total is not None:
        # xAI counts it beside `completion_tokens`: its total tells.
        written += reasoning if parse_count(usage.get("total_tokens")) == total + written + reasoning else 0
    return Usage(
        input_tokens=total,
        uncached_input_tokens=uncached(total, read),
        cache_read_tokens=read,
        cache_write_tokens=detail(usage, "prompt_tokens_details", "cache_write_tokens"),
        output_tokens=written,
        reasoning_tokens=reasoning,
        reported_cost=decode_cost(usage),
        raw=dict(usage),
    )


def decode_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """Return the US dollars that the server charges, or None if it does not report them, as most servers."""
    if _COST_FIELDS.isdisjoint(usage):
        return None
    from budwood_openai_compatible.costs import reported_cost

    return reported_cost(usage)


def detail(usage: Mapping[str, Any], details: str, name: str) -> int | None:
    """Return a count that stands one level deeper, or None where there is none."""
    inner = usage.get(details)
    return parse_count(inner.get(name)) if isinstance(inner, dict) else None


def decode_metadata(reply: Mapping[str, Any], choice: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return what a reply or a chunk, and its first choice, say besides what has a field of its own."""
    found: dict[str, Any] = {}
    if not _REPLY_FIELDS.issuperset(reply):  # nearly all chunks say nothing else
        found = {name: value for name, value in reply.items() if name not in _REPLY_FIELDS and value is not None}
    if not _CHOICE_FIELDS.issuperset(choice):
        found |= {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and value}
    return found


def holds_error(reply: Mapping[str, Any]) -> bool:
    """Whether a reply or a chunk is an error, in OpenAI's envelope or in that of older vLLM."""
    return bool(reply.get("error")) or reply.get("object") == "error"


def request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's id of the request."""
    return providing.request_id(headers, *REQUEST_ID_HEADERS)
