"""
Parse messages that are dictionaries in the form of Chat Completions.

A field that a message cannot contain is an error, so that nothing is dropped silently. The only exception is
``annotations``, which are meant for the display of a reply.

Source: ``ChatCompletionRequestMessage`` in the description of that API. ``cache_control``, ``reasoning_content`` and
``reasoning`` are additions of other services, which many programs use in this form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast, get_args

from pydantic import ValidationError
from pydantic_core import to_json

from budwood.engine.chat.dictionary_fields import (
    CACHE_CONTROL,
    USE_REPLY_MESSAGE,
    UnknownFormError,
    get_field,
    get_text,
    raise_wrong_type,
    reject_unknown,
)
from budwood.engine.chat.media_dictionaries import MEDIA_FORMS, parse_media
from budwood.errors import PromptError
from budwood.providing import make_call_id
from budwood.types import (
    AnyMedia,
    CacheLifetime,
    MediaPart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    ResultContent,
    Role,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)

_ROLES: Final = (*get_args(Role), "function")
_REASONING: Final = ("reasoning_content", "reasoning")

_COMMON: Final = frozenset({"role", "content", "name", CACHE_CONTROL})
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "assistant": _COMMON | {"tool_calls", "function_call", "refusal", "annotations", *_REASONING},
    "tool": _COMMON | {"tool_call_id"},
}
_KNOWN_IN_CALLS: Final = frozenset({"id", "index", "type", "function", CACHE_CONTROL})

_AnyPart = TextPart | AnyMedia | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | VendorPart


P = TypeVar("P", bound=_AnyPart)


def parse_message(source: object, number: int, names: Mapping[str, str]) -> Message:
    """
    Parse one message.

    Args:
        source: The dictionary, or an object of a vendor's SDK with a method ``model_dump``.
        number: Its index in the prompt, from 0, for errors.
        names: The names of the tools that earlier messages called, by call id.

    Raises:
        PromptError: It is not a message, or a field is not supported.
    """
    if not isinstance(source, Mapping):
        dump = getattr(source, "model_dump", None)
        if not callable(dump) or isinstance(source, type):
            raise PromptError(
                f"Message {number} is of the type {type(source).__name__}.", hint="Pass a Message or a dictionary."
            )
        source = cast("Mapping[str, Any]", dump(exclude_none=True))
    try:
        return Message.model_validate(source) if "parts" in source else _parse(source, number, names)
    except UnknownFormError as error:
        raise PromptError(f"Message {number}: {error}.", hint=error.hint) from None
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = ".".join(map(str, detail["loc"]))
        raise PromptError(f"Message {number}: {location}: {detail['msg']}.") from None


def _parse(source: Mapping[str, Any], number: int, names: Mapping[str, str]) -> Message:
    role = get_field(source, "role")
    if role not in _ROLES:
        raise UnknownFormError(f"the role is {role!r}", f"Use one of {', '.join(_ROLES)}.")
    reject_unknown(source, _KNOWN.get(role, _COMMON))
    parts = _parse_content(source.get("content"))
    if role in ("tool", "function"):
        return Message.tool(_apply_cache_control(_parse_result(source, parts, names), source))
    if role == "assistant":
        parts = (*_parse_reasoning(source), *parts, *_parse_refusal(source), *_parse_calls(source, number))
    if parts:
        parts = (*parts[:-1], _apply_cache_control(parts[-1], source))
    return Message(role=role, parts=parts, name=source.get("name") or None)


def _parse_content(content: object) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(text=content),)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise_wrong_type("the content", content, "a text or a list of parts")
    return tuple(_parse_part(part) for part in content)


def _parse_part(source: object) -> Part:
    if isinstance(source, str):
        return TextPart(text=source)
    if isinstance(source, _AnyPart):
        return source
    if not isinstance(source, Mapping):
        raise_wrong_type("a part of the content", source, "a dictionary")
    part: TextPart | AnyMedia | RefusalPart
    match kind := source.get("type"):
        case "text" | "input_text" | "output_text":
            reject_unknown(source, frozenset({"type", "text", "annotations", CACHE_CONTROL}))
            part = TextPart(text=get_text(source, "text"))
        case "refusal":
            reject_unknown(source, frozenset({"type", "refusal"}))
            part = RefusalPart(text=get_text(source, "refusal"))
        case str() if kind in MEDIA_FORMS:
            part = parse_media(source)
        case _:
            hint = "Use text or media. Pass other files with files=[…]."
            raise UnknownFormError(f"content of the type {kind!r} is not supported", hint)
    return _apply_cache_control(part, source)


def _parse_result(source: Mapping[str, Any], parts: tuple[Part, ...], names: Mapping[str, str]) -> ToolResultPart:
    """Parse the result of a tool. The older role ``function`` has a name but no call id."""
    name = source.get("name")
    if source["role"] == "function":
        call_id = next(
            (call_id for call_id, tool in reversed([*names.items()]) if tool == get_text(source, "name")), None
        )
        if call_id is None:
            raise UnknownFormError(f"no earlier message calls the function {name!r}")
    else:
        call_id = get_text(source, "tool_call_id")
    return ToolResultPart(call_id=call_id, name=name or names.get(call_id, "tool"), content=_join_result(parts))


def _join_result(parts: tuple[Part, ...]) -> ResultContent:
    """Join the texts of a result, unless it also contains media."""
    if all(isinstance(part, TextPart) and part.cache is None for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    content = tuple(part for part in parts if isinstance(part, TextPart | MediaPart | VendorPart))
    if len(content) < len(parts):
        raise UnknownFormError("a tool's result contains more than texts and media")
    return content


def _parse_reasoning(source: Mapping[str, Any]) -> list[Part]:
    """Parse reasoning. The part stores the name of the field in which servers expect it back."""
    field = next((name for name in _REASONING if source.get(name)), None)
    return [ReasoningPart(text=get_text(source, field), data=field)] if field else []


def _parse_refusal(source: Mapping[str, Any]) -> list[Part]:
    return [RefusalPart(text=get_text(source, "refusal"))] if source.get("refusal") else []


def _parse_calls(source: Mapping[str, Any], number: int) -> list[Part]:
    calls = source.get("tool_calls") or []
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise_wrong_type("tool_calls", calls, "a list")
    parts: list[Part] = [_parse_call(call) for call in calls]
    if function := source.get("function_call"):  # the older form without ids
        if not isinstance(function, Mapping):
            raise_wrong_type("function_call", function, "a dictionary")
        name, arguments = get_text(function, "name"), _encode_arguments(function)
        parts.append(
            ToolCallPart(id=make_call_id(f"message {number}", 0, name, arguments), name=name, arguments=arguments)
        )
    return parts


def _parse_call(call: object) -> ToolCallPart:
    """Parse a tool call. Further fields are stored, for servers that need them back."""
    if isinstance(call, ToolCallPart):
        return call
    if not isinstance(call, Mapping):
        raise_wrong_type("a tool call", call, "a dictionary")
    if call.get("type", "function") != "function":
        hint = "Use the type 'function'. " + USE_REPLY_MESSAGE
        raise UnknownFormError(f"a tool call of the type {call['type']!r} is not supported", hint)
    function = get_field(call, "function")
    if not isinstance(function, Mapping):
        raise_wrong_type("function", function, "a dictionary")
    data = {name: value for name, value in call.items() if name not in _KNOWN_IN_CALLS and value is not None}
    if more := {name: value for name, value in function.items() if name not in ("name", "arguments")}:
        data["function"] = more
    part = ToolCallPart(
        id=get_text(call, "id"),
        name=get_text(function, "name"),
        arguments=_encode_arguments(function),
        data=data or None,
    )
    return _apply_cache_control(part, call)


def _encode_arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments") or {}
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()


def _apply_cache_control(part: P, source: Mapping[str, Any]) -> P:
    """Apply the field ``cache_control`` of a dictionary to its part; see `CacheLifetime`."""
    cache_control = source.get(CACHE_CONTROL)
    if cache_control is None:
        return part
    lifetime = (
        (cache_control.get("ttl") or "default")
        if isinstance(cache_control, Mapping) and cache_control.get("type") == "ephemeral"
        else None
    )
    if lifetime not in get_args(CacheLifetime):
        raise UnknownFormError(
            f"{CACHE_CONTROL} is {cache_control!r}", 'Use {"type": "ephemeral"}, optionally with "ttl": "5m" or "1h".'
        )
    if isinstance(part, ReasoningPart | RefusalPart | VendorPart):
        raise UnknownFormError(
            f"{CACHE_CONTROL} is not supported on {part.type}",
            "Set it on a text, media, a tool call or a tool result.",
        )
    return cast("P", part.model_copy(update={"cache": lifetime}))
