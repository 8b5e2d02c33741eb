"""
Encode a reply to Chat Completions.

Source: OpenAI's API description, ``CreateChatCompletionResponse``. ``reasoning_content`` and ``images`` are additions
that many servers and clients have.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from budwood.types import OUTPUT_TOOL, ImagePart, ReasoningPart, RefusalPart, TextPart
from budwood_server.formats.openai.chat_values import (
    FINISH_REASONS,
    encode_call,
    encode_image,
    encode_usage,
    make_id,
)

if TYPE_CHECKING:
    from budwood.types import ChatResponse, Message

_REPLY_FIELDS: Final = frozenset({"id", "object", "created", "model", "choices", "usage"})
_CHOICE_FIELDS: Final = frozenset({"index", "message", "delta", "text", "finish_reason"})
_MESSAGE_FIELDS: Final = frozenset({"role", "content", "refusal", "tool_calls", "function_call", "reasoning_content"})


def encode_chat_reply(response: ChatResponse, model: str = "", *, has_functions: bool = False) -> dict[str, Any]:
    """
    Return the body of a reply.

    Args:
        response: The reply. If its vendor has the same API, further fields of its body are passed on.
        model: The model if the vendor does not report it.
        has_functions: Whether a call has the older form ``function_call``.
    """
    raw = _find_raw(response)
    choices = [_encode_choice(response.message, 0, _get_raw_choice(raw, response), _find_reason(response))]
    if response.alternatives:
        choices += _encode_alternatives(response, raw)
    if has_functions:
        choices = [_use_function_call(choice) for choice in choices]
    created = raw.get("created")
    body: dict[str, Any] = {
        "id": make_id() if response.id is None or response.cached else response.id,
        "object": "chat.completion",
        "created": created if type(created) is int else int(time.time()),
        "model": response.model or model,
        "choices": choices,
        "usage": encode_usage(response.usage),
    }
    if not _REPLY_FIELDS.issuperset(raw):
        body |= {name: value for name, value in raw.items() if name not in _REPLY_FIELDS and value is not None}
    return body


def _find_raw(response: ChatResponse) -> Mapping[str, Any]:
    """Return the vendor's body if it has the same form; empty otherwise."""
    raw = response.raw
    choices = raw.get("choices") if isinstance(raw, dict) else None
    return raw if isinstance(raw, dict) and isinstance(choices, list) and all(map(_is_object, choices)) else {}


def _is_object(value: object) -> bool:
    return type(value) is dict


def _get_raw_choice(raw: Mapping[str, Any], response: ChatResponse, index: int = 0) -> Mapping[str, Any]:
    """Return a choice of the vendor's body; empty if it has others, since some servers split one reply."""
    choices = raw.get("choices", ())
    if len(choices) != len(response.alternatives) + 1:
        return {}
    if len(choices) > 1:
        choices = sorted(choices, key=lambda choice: choice.get("index") or 0)
    choice: Mapping[str, Any] = choices[index]
    return choice


def _find_reason(response: ChatResponse) -> str:
    reason = FINISH_REASONS[response.finish_reason]
    if reason == "tool_calls" and any(call.name == OUTPUT_TOOL for call in response.message.tool_calls):
        return "stop"
    return reason


def _encode_alternatives(response: ChatResponse, raw: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for index, message in enumerate(response.alternatives, 1):
        choice = _get_raw_choice(raw, response, index)
        reason = FINISH_REASONS.get(str(choice.get("finish_reason")), "tool_calls" if message.tool_calls else "stop")
        yield _encode_choice(message, index, choice, reason)


def _encode_choice(message: Message, index: int, raw: Mapping[str, Any], reason: str) -> dict[str, Any]:
    raw_message = raw.get("message")
    choice: dict[str, Any] = {
        "index": index,
        "message": _encode_message(message, raw_message if isinstance(raw_message, dict) else {}),
        "logprobs": None,
        "finish_reason": reason,
    }
    if not _CHOICE_FIELDS.issuperset(raw):
        choice |= {name: value for name, value in raw.items() if name not in _CHOICE_FIELDS}
    return choice


def _encode_message(message: Message, raw: Mapping[str, Any]) -> dict[str, Any]:
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is TextPart:  # the usual case
        encoded: dict[str, Any] = {"role": "assistant", "content": parts[0].text, "refusal": None}
    else:
        encoded = _encode_parts(message)
    if not _MESSAGE_FIELDS.issuperset(raw):
        encoded |= {name: value for name, value in raw.items() if name not in _MESSAGE_FIELDS and value is not None}
    return encoded


def _encode_parts(message: Message) -> dict[str, Any]:
    text, calls = message.text, []
    for call in message.tool_calls:
        if call.name == OUTPUT_TOOL:  # structured output, which did not satisfy its schema
            text = call.arguments
        else:
            calls.append(encode_call(call))
    refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    encoded: dict[str, Any] = {
        "role": "assistant",
        "content": text if text or not (calls or refusal) else None,
        "refusal": refusal or None,
    }
    if calls:
        encoded["tool_calls"] = calls
    if reasoning := "".join(part.text for part in message.parts if isinstance(part, ReasoningPart)):
        encoded["reasoning_content"] = reasoning
    if images := [encode_image(part) for part in message.media if isinstance(part, ImagePart)]:
        encoded["images"] = images
    return encoded


def _use_function_call(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a choice with the older form of a tool call."""
    calls = choice["message"].pop("tool_calls", None)
    if not calls:
        return choice
    choice["message"]["function_call"] = calls[0]["function"]
    return {**choice, "finish_reason": "function_call"}
