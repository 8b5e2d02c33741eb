"""
Decode replies of Chat Completions, and of servers that deviate from it.

Source: OpenAI's API description, ``CreateChatCompletionResponse``. Comments name the servers that deviate from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from budwood import providing
from budwood.errors import BadResponseError
from budwood.providing import describe_body, find_message, parse_count
from budwood.types import (
    JSON,
    ChatRequest,
    ChatResponse,
    FinishReason,
    HTTPReply,
    Message,
    Part,
    RateLimits,
    ReasoningPart,
    RefusalPart,
    TextPart,
    Usage,
    VendorPart,
)
from budwood_openai_compatible.content import (
    EMPTY,
    REASONING_DETAILS,
    decode_content_part,
    extract_text,
    find_reasoning,
    find_unknown_fields,
    list_content_parts,
)
from budwood_openai_compatible.tool_calls import decode_calls, list_calls

REQUEST_ID_HEADERS: Final = ("apim-request-id", "x-ms-request-id")
"""Azure's headers with the request id. Some recorded replies have only the first."""

_PAGE_HEAD: Final = 64
"""Bytes by which an HTML page is recognized."""

_FINISH_REASONS: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "length": "length",
    "model_length": "length",  # Mistral
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",  # OpenRouter, Mistral
    # Gateways pass on the values of other vendors, in upper case or with hyphens.
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

_UNFINISHED: Final = frozenset({"null", "none", "not_finished", "in_progress"})
"""Values for a reply that is not complete, where OpenAI sends null."""

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

ReadLimits = Callable[[Mapping[str, str]], RateLimits | None]
"""Parses the rate limits in headers."""

_SUCCESS: Final = (0, "0", 200, "200", None)
"""Codes that report success."""


def decode_chat(
    body: Mapping[str, Any], reply: HTTPReply, *, vendor: str, request: ChatRequest | None, read_limits: ReadLimits
) -> ChatResponse:
    """
    Decode a complete reply that is not an error.

    Several choices are joined unless ``request`` asks for several: some servers put a tool call into a second choice.

    Raises:
        BadResponseError: The reply has no choices.
    """
    choices, headers = get_choices(body), reply.head.headers
    if not choices:
        raise _make_no_choices_error(reply)
    reply_id, raw_reason = text_or_none(body.get("id")), get_finish_reason(choices[0], body)
    messages = [decode_message(get_message(choice), vendor, reply_id, request) for choice in choices]
    if len(messages) > 1 and expects_one_reply(request):
        messages, raw_reason = [_join_messages(messages)], _choose_reason(choices, body)
    return ChatResponse(
        message=messages[0],
        alternatives=tuple(messages[1:]),
        finish_reason=map_finish_reason(raw_reason, called_tools=_calls_tools(messages[0])),
        raw_finish_reason=raw_reason,
        usage=_find_usage(body, choices[0]),
        id=reply_id,
        model=text_or_none(body.get("model")) or "",
        request_id=parse_request_id(headers),
        rate_limits=read_limits(headers),
        metadata=decode_metadata(body, choices[0]),
        raw=dict(body),
    )


def _find_usage(body: Mapping[str, Any], choice: Mapping[str, Any]) -> Usage:
    usage = body.get("usage") or choice.get("usage")  # Moonshot sends it in the choice
    return decode_usage(usage) if isinstance(usage, dict) else Usage()


def _make_no_choices_error(reply: HTTPReply) -> BadResponseError:
    return BadResponseError(
        f"The reply has no choices. It is {describe_body(reply.body)}.",
        hint="Check that it is a chat model, and look for the cause in the log of the server.",
        request_id=parse_request_id(reply.head.headers),
    )


def _calls_tools(message: Message) -> bool:
    is_text = len(message.parts) == 1 and type(message.parts[0]) is TextPart  # the usual case
    return not is_text and bool(message.tool_calls)


def get_choices(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the choices, ordered by index. Some servers send one choice as an object, or null in the list."""
    choices = body.get("choices")
    if not isinstance(choices, list):
        return [choices] if isinstance(choices, dict) and choices else []
    if None in choices:
        choices = [choice for choice in choices if choice is not None]
    if len(choices) < 2:
        return choices
    indexes = [choice.get("index") for choice in choices]
    if all(type(index) is int for index in indexes):
        return sorted(choices, key=lambda choice: choice["index"])
    return choices


def expects_one_reply(request: ChatRequest | None) -> bool:
    """Return whether a chat request asks for one choice, which is the default. Without a request it is unknown."""
    return request is not None and request.extra.get("n") in (None, 1)


def _join_messages(messages: Iterable[Message]) -> Message:
    return Message(role="assistant", parts=tuple(part for message in messages for part in message.parts))


def _choose_reason(choices: Iterable[Mapping[str, Any]], body: Mapping[str, Any]) -> str | None:
    """Return the first finish reason other than ``stop``."""
    reasons = [get_finish_reason(choice, body) for choice in choices]
    return next((reason for reason in reasons if reason not in (None, "stop")), reasons[0])


def get_message(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message or the delta of a choice. In completions, a text takes its place."""
    if "text" in choice:
        return {"content": choice["text"]}
    message: Any = choice.get("delta") or choice.get("message") or {}
    if isinstance(message, str | list):
        return {"content": message}
    if not isinstance(message, dict):
        raise TypeError(f"expected an object as the message, got {message!r}")
    return message


def get_finish_reason(choice: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    """Return the server's finish reason of a choice. Some servers send it beside the choices."""
    raw = choice.get("finish_reason")
    if raw is None:
        raw = body.get("finish_reason")
    if isinstance(raw, Mapping):
        raw = raw.get("type") or raw.get("reason")
    raw = text_or_none(raw)
    return None if raw is None or raw.lower() in _UNFINISHED else raw


def text_or_none(value: object) -> str | None:
    """Return an id or a name as a text, which some servers send as a number; None if there is none."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def map_finish_reason(raw: str | None, *, called_tools: bool) -> FinishReason:
    """Convert the server's finish reason. Some servers send ``stop`` after tool calls."""
    reason = _FINISH_REASONS.get((raw or "").lower().replace("-", "_"), "other")
    return "tool_calls" if reason == "stop" and called_tools else reason


def decode_message(
    message: Mapping[str, Any], vendor: str, reply_id: str | None = None, request: ChatRequest | None = None
) -> Message:
    """Decode a message. Fields that Budwood does not model become vendor parts."""
    content = message.get("content")
    if content and isinstance(content, str) and (_TEXT_FIELDS.issuperset(message) or _is_plain_text(message)):
        return Message(role="assistant", parts=(TextPart(text=content),))
    parts: list[Part] = []
    field, reasoning = find_reasoning(message)
    if reasoning:
        is_returned = not message.get(REASONING_DETAILS)  # structured reasoning is returned in place of the text
        parts.append(
            ReasoningPart(text=reasoning, provider=vendor, data=field) if is_returned else ReasoningPart(text=reasoning)
        )
    parts.extend(part for raw in list_content_parts(content) if (part := decode_content_part(raw, vendor)) is not None)
    if refusal := extract_text(message.get("refusal")):
        parts.append(RefusalPart(text=refusal))
    if isinstance(message.get("audio"), dict) or message.get("images"):
        parts.extend(_decode_media(message, vendor, request))
    parts.extend(decode_calls(list_calls(message), vendor, reply_id, request))
    parts.extend(VendorPart(provider=vendor, kind=kind, data=data) for kind, data in find_unknown_fields(message))
    return Message(role="assistant", parts=tuple(parts))


def _decode_media(message: Mapping[str, Any], vendor: str, request: ChatRequest | None) -> Iterable[Part]:
    from budwood_openai_compatible.chat_media import decode_audio, decode_chat_images

    if isinstance(audio := message.get("audio"), dict) and audio:
        yield decode_audio(audio, vendor, request)
    yield from decode_chat_images(message.get("images"))


def _is_plain_text(message: Mapping[str, Any]) -> bool:
    """Return whether a message with a text has no other content, which is the usual case."""
    return not [name for name, value in message.items() if name not in _TEXT_FIELDS and value not in EMPTY]


def count_uncached(total: int | None, read: int | None) -> int | None:
    """Return the input that was not cached; None if unknown. Azure's Grok reports more cached input than input."""
    return total - read if total is not None and read is not None and read <= total else None


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """
    Convert usage. The totals include cached input and reasoning, as in Budwood.

    Gateways pass on other names of input and output (``input_tokens``), and counts as texts or decimals.
    """
    read = find_detail(usage, "prompt_tokens_details", "cached_tokens")
    if read is None:
        read = find_count(usage, "prompt_cache_hit_tokens", "cached_tokens")  # DeepSeek; Moonshot
    total = find_count(usage, "prompt_tokens", "input_tokens")
    output = find_count(usage, "completion_tokens", "output_tokens")
    reasoning = find_detail(usage, "completion_tokens_details", "reasoning_tokens")
    if reasoning and output is not None and total is not None:
        # xAI does not include it in `completion_tokens`, as the total shows.
        output += reasoning if parse_count(usage.get("total_tokens")) == total + output + reasoning else 0
    return Usage(
        input_tokens=total,
        uncached_input_tokens=count_uncached(total, read),
        cache_read_tokens=read,
        cache_write_tokens=find_detail(usage, "prompt_tokens_details", "cache_write_tokens"),
        output_tokens=output,
        reasoning_tokens=reasoning,
        reported_cost=decode_cost(usage),
        raw=dict(usage),
    )


def decode_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """Return the cost in US dollars that the server reports; None if it reports none, which is usual."""
    if _COST_FIELDS.isdisjoint(usage):
        return None
    from budwood_openai_compatible.costs import reported_cost

    return reported_cost(usage)


def merge_usage(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge two usage reports of one stream. Counts only increase, so zero does not replace another count."""
    later = {name: value for name, value in later.items() if value or not earlier.get(name)}
    inner = {name for name, value in later.items() if isinstance(value, dict) and isinstance(earlier.get(name), dict)}
    return {**earlier, **later, **{name: merge_usage(earlier[name], later[name]) for name in inner}}


def find_count(usage: Mapping[str, Any], *names: str) -> int | None:
    """Return the first of these counts that is present."""
    return next((found for name in names if (found := parse_count(usage.get(name))) is not None), None)


def find_detail(usage: Mapping[str, Any], details: str, name: str) -> int | None:
    """Return a count inside an object of details; None if it is absent."""
    inner = usage.get(details)
    return parse_count(inner.get(name)) if isinstance(inner, dict) else None


def decode_metadata(reply: Mapping[str, Any], choice: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Return the fields of a reply or a chunk, and of its first choice, that `ChatResponse` has no field for."""
    metadata: dict[str, Any] = {}
    if not _REPLY_FIELDS.issuperset(reply):  # the usual case for chunks
        metadata = {name: value for name, value in reply.items() if name not in _REPLY_FIELDS and value is not None}
    if not _CHOICE_FIELDS.issuperset(choice):
        metadata |= {name: value for name, value in choice.items() if name not in _CHOICE_FIELDS and value}
    return metadata


def is_error(reply: Mapping[str, Any]) -> bool:
    """Return whether a reply or a chunk is an error in the form of OpenAI or of older vLLM."""
    return bool(reply.get("error")) or reply.get("object") == "error"


def find_choice_error(reply: Mapping[str, Any]) -> JSON:
    """Return the error in a choice, which OpenRouter sends if its upstream fails; None if there is none."""
    return next((choice["error"] for choice in get_choices(reply) if choice.get("error")), None)


def is_unusual_error(reply: Mapping[str, Any]) -> bool:
    """
    Return whether a reply or a chunk without choices is an error in another form.

    Known forms are ``{"code", "msg"}``, ``{"success": false, "message"}``, ``{"errors"}``,
    ``{"status": "error", "detail"}``, and ``base_resp`` with a ``status_code`` that is not 0 (MiniMax).
    """
    if not _ERROR_FIELDS.isdisjoint(reply) and find_message(reply) is not None:
        inner = reply.get("base_resp")
        succeeded = isinstance(inner, Mapping) and inner.get("status_code") in _SUCCESS
        return not succeeded and not (reply.get("code") in _SUCCESS and "code" in reply)
    return False


def reject_page(reply: HTTPReply, expected: str) -> None:
    """
    Check that a reply of any bytes or text is not an HTML page, such as the login of a proxy with status 200.

    Raises:
        BadResponseError: It is one.
    """
    head = reply.body[:_PAGE_HEAD].lstrip().lower()
    is_page = reply.headers.get("content-type", "").lower().startswith("text/html")
    if is_page or head.startswith((b"<!doctype html", b"<html")):
        raise BadResponseError(
            f"The reply is not {expected} but {describe_body(reply.body)}.",
            hint="Check base_url: this is an address of web pages, or a proxy answers in place of the server.",
            status=reply.status,
            request_id=parse_request_id(reply.headers),
        )


def parse_request_id(headers: Mapping[str, str]) -> str | None:
    """Return the request id that the server assigned."""
    return providing.parse_request_id(headers, *REQUEST_ID_HEADERS)
