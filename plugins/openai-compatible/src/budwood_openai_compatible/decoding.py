"""
Read replies in the form of Chat Completions, and in the forms that servers give it.

Source: OpenAI's API description, ``CreateChatCompletionResponse``; what compatible servers do otherwise is noted where
it is tolerated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from budwood import providing
from budwood.errors import BadResponseError
from budwood.providing import describe_body, find_message, parse_count, parse_rate_limits
from budwood.types import (
    ChatRequest,
    ChatResponse,
    FinishReason,
    HTTPReply,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Usage,
    VendorPart,
)
from budwood_openai_compatible.content import (
    EMPTY,
    REASONING_DETAILS,
    content_pieces,
    decode_piece,
    reasoning_in,
    text_in,
    unknown_fields,
)
from budwood_openai_compatible.tool_calls import calls_in, decode_calls

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
    # Gateways pass on the words of other vendors, in their own spelling.
    "complete": "stop",
    "completed": "stop",
    "end_turn": "stop",
    "eos_token": "stop",
    "finished": "stop",
    "stop_sequence": "stop",
    "max_length": "length",
    "max_output_tokens": "length",
    "max_tokens": "length",
    "token_limit": "length",
    "tool_call": "tool_calls",
    "tool_use": "tool_calls",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",  # Zhipu
    "refusal": "refusal",
    "network_error": "error",  # Zhipu
}

_NO_REASON: Final = frozenset({"null", "none", "not_finished", "in_progress"})
"""Words for a reply that has not ended, where OpenAI sends null."""

_TEXT_FIELDS: Final = frozenset({"role", "content"})
_COST_FIELDS: Final = frozenset({"cost", "cost_in_usd_ticks", "estimated_cost"})
_REPLY_FIELDS: Final = frozenset({"id", "object", "type", "created", "model", "choices", "usage", "obfuscation"})
_CHOICE_FIELDS: Final = frozenset({"index", "message", "delta", "text", "finish_reason", "usage"})


_ERROR_FIELDS: Final = frozenset(
    {
        "base_resp",
        "code",
        "detail",
        "error_code",
        "error_message",
        "error_msg",
        "errors",
        "message",
        "msg",
        "success",
    }
)
"""Fields of replies that report an error in a form other than OpenAI's."""

_SUCCESS: Final = (0, "0", 200, "200", None)


def decode_chat(
    body: Mapping[str, Any], reply: HTTPReply, *, vendor: str, request: ChatRequest | None = None
) -> ChatResponse:
    """
    Read a complete reply that holds no error.

    If ``request`` did not ask for several choices, several are one reply: some servers put a tool call into a second.

    Raises:
        BadResponseError: It has no choices.
    """
    choices, headers = choices_of(body), reply.head.headers
    if not choices:
        raise _no_choices(reply)
    reply_id, raw_reason = word(body.get("id")), reason_of(choices[0], body)
    messages = [decode_message(message_of(choice), vendor, reply_id, request) for choice in choices]
    if len(messages) > 1 and asks_for_one(request):
        messages, raw_reason = [_join(messages)], _first_reason([reason_of(choice, body) for choice in choices])
    return ChatResponse(
        message=messages[0],
        alternatives=tuple(messages[1:]),
        finish_reason=finish_reason(raw_reason, called_tools=_calls_tools(messages[0])),
        raw_finish_reason=raw_reason,
        usage=_usage_of(body, choices[0]),
        id=reply_id,
        model=word(body.get("model")) or "",
        request_id=parse_request_id(headers),
        rate_limits=parse_rate_limits(headers),
        metadata=decode_metadata(body, choices[0]),
        raw=dict(body),
    )


def _usage_of(body: Mapping[str, Any], choice: Mapping[str, Any]) -> Usage:
    usage = body.get("usage") or choice.get("usage")  # Moonshot puts it into the choice
    return decode_usage(usage) if isinstance(usage, dict) else Usage()


def _no_choices(reply: HTTPReply) -> BadResponseError:
    return BadResponseError(
        f"The reply has no choices. It is {describe_body(reply.body)}.",
        hint="Check that the model is for chat, and look for the cause in the server's log.",
        request_id=parse_request_id(reply.head.headers),
    )


def _calls_tools(message: Message) -> bool:
    is_text = len(message.parts) == 1 and type(message.parts[0]) is TextPart  # nearly all
    return not is_text and bool(message.tool_calls)


def choices_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the choices in the order of their indexes. Some servers send a single one as an object."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        return [choices] if isinstance(choices, dict) and choices else []
    if len(choices) < 2:
        return choices
    indexes = [choice.get("index") for choice in choices]
    if all(type(index) is int for index in indexes):
        return sorted(choices, key=lambda choice: choice["index"])
    return choices


def asks_for_one(request: ChatRequest | None) -> bool:
    """Return whether a chat request asks for a single choice, which is the default; without one, it is unknown."""
    return request is not None and request.extra.get("n") in (None, 1)


def _join(messages: Iterable[Message]) -> Message:
    return Message(role="assistant", parts=tuple(part for message in messages for part in message.parts))


def _first_reason(reasons: list[str | None]) -> str | None:
    """Return the first word that says more than ``stop``."""
    return next((reason for reason in reasons if reason not in (None, "stop")), reasons[0])


def message_of(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message of a choice, or what of it came in a chunk; a plain completion has a text in its place."""
    if "text" in choice:
        return {"content": choice["text"]}
    message: Any = choice.get("delta") or choice.get("message") or {}
    return message if isinstance(message, dict) else {"content": message}


def reason_of(choice: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    """Return the server's word for why a choice ended; some servers put it beside the choices."""
    raw = choice.get("finish_reason")
    if raw is None:
        raw = body.get("finish_reason")
    if isinstance(raw, Mapping):
        raw = raw.get("type") or raw.get("reason")
    raw = word(raw)
    return None if raw is None or raw.lower() in _NO_REASON else raw


def word(value: object) -> str | None:
    """Return an id or another name, which some servers send as a number; None where there is none."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Bring the server's word into our form. Some servers say ``stop`` after tool calls."""
    reason = _FINISH_REASONS.get((raw or "").lower().replace("-", "_"), "other")
    return "tool_calls" if reason == "stop" and called_tools else reason


def decode_message(
    message: Mapping[str, Any], vendor: str, reply_id: str | None = None, request: ChatRequest | None = None
) -> Message:
    """Read a model's message; fields that Budwood does not model become vendor parts."""
    content = message.get("content")
    if content and isinstance(content, str) and (_TEXT_FIELDS.issuperset(message) or _is_text_alone(message)):
        return Message(role="assistant", parts=(TextPart(text=content),))
    parts: list[Part] = []
    field, reasoning = reasoning_in(message)
    if reasoning:
        is_returned = not message.get(REASONING_DETAILS)  # structured reasoning goes back in place of the text
        parts.append(
            ReasoningPart(text=reasoning, provider=vendor, data=field) if is_returned else ReasoningPart(text=reasoning)
        )
    parts.extend(part for piece in content_pieces(content) if (part := decode_piece(piece, vendor)) is not None)
    if refusal := text_in(message.get("refusal")):
        parts.append(RefusalPart(text=refusal))
    parts.extend(decode_calls(calls_in(message), vendor, reply_id, request))
    parts.extend(VendorPart(provider=vendor, kind=kind, data=data) for kind, data in unknown_fields(message))
    return Message(role="assistant", parts=tuple(parts))


def _is_text_alone(message: Mapping[str, Any]) -> bool:
    """Tell whether a message with a text holds nothing else: nearly all do not."""
    return not [name for name, value in message.items() if name not in _TEXT_FIELDS and value not in EMPTY]


def uncached(total: int | None, read: int | None) -> int | None:
    """Return the input that was not cached; Azure's Grok counts more cached input than input: then nobody knows."""
    return total - read if total is not None and read is not None and read <= total else None


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """
    Bring usage into our form. OpenAI's totals include cached input and reasoning, and so do ours.

    Gateways pass on other names for input and output (``input_tokens``), and counts as texts or decimals.
    """
    read = detail(usage, "prompt_tokens_details", "cached_tokens")
    if read is None:
        read = first_count(usage, "prompt_cache_hit_tokens", "cached_tokens")  # DeepSeek; Moonshot
    total = first_count(usage, "prompt_tokens", "input_tokens")
    written = first_count(usage, "completion_tokens", "output_tokens")
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


def merged_usage(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the counts of two reports of one stream. Counts only grow: one of zero does not replace another."""
    grown = {name: value for name, value in later.items() if value or not earlier.get(name)}
    inner = {name for name, value in grown.items() if isinstance(value, dict) and isinstance(earlier.get(name), dict)}
    return {**earlier, **grown, **{name: merged_usage(earlier[name], grown[name]) for name in inner}}


def first_count(usage: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these counts that there is."""
    return next((found for name in names if (found := parse_count(usage.get(name))) is not None), None)


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


def reports_error(reply: Mapping[str, Any]) -> bool:
    """
    Return whether a reply or a chunk without choices reports an error in a form other than OpenAI's.

    Seen are ``{"code", "msg"}``, ``{"success": false, "message"}``, ``{"errors"}``, ``{"status": "error", "detail"}``,
    and ``base_resp`` with a ``status_code`` that is not 0 (MiniMax).
    """
    if not _ERROR_FIELDS.isdisjoint(reply) and find_message(reply) is not None:
        inner = reply.get("base_resp")
        succeeded = isinstance(inner, Mapping) and inner.get("status_code") in _SUCCESS
        return not succeeded and not (reply.get("code") in _SUCCESS and "code" in reply)
    return False


def parse_request_id(headers: Mapping[str, str]) -> str | None:
    """Return the server's id of the request."""
    return providing.parse_request_id(headers, *REQUEST_ID_HEADERS)
