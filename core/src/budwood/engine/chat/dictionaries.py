"""
Read messages that are dictionaries in the form of Chat Completions.

What a message cannot hold is an error: nothing of a dictionary is left out without a word. The only exception is
``annotations``, which describe a reply's text to people.

Source: ``ChatCompletionRequestMessage`` in the description of that API. ``cache_control``, ``reasoning_content`` and
``reasoning`` are additions of other services, which many programs use in this form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar, cast, get_args

from pydantic import ValidationError
from pydantic_core import to_json

from budwood.errors import PromptError
from budwood.providing import make_call_id
from budwood.types import (
    CacheLifetime,
    ImagePart,
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
_MARK: Final = "cache_control"

_COMMON: Final = frozenset({"role", "content", "name", _MARK})
_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "assistant": _COMMON | {"tool_calls", "function_call", "refusal", "annotations", *_REASONING},
    "tool": _COMMON | {"tool_call_id"},
}
_KNOWN_IN_CALLS: Final = frozenset({"id", "index", "type", "function", _MARK})

_RETURNED_BY_THE_MESSAGE: Final = "Pass the Message of the reply (reply.message): it keeps what the vendor needs back."
_HINTS: Final = {
    "audio": "Give its transcript as the content.",
    "reasoning_details": _RETURNED_BY_THE_MESSAGE,
    "thinking_blocks": _RETURNED_BY_THE_MESSAGE,
}
_AnyPart = TextPart | ImagePart | ReasoningPart | RefusalPart | ToolCallPart | ToolResultPart | VendorPart


P = TypeVar("P", bound=_AnyPart)


class _UnknownFormError(Exception):
    """A dictionary is not a message."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.hint = hint


def read_message(given: object, number: int, names: Mapping[str, str]) -> Message:
    """
    Read one message.

    Args:
        given: The dictionary, or an object of a vendor's SDK that can be turned into one.
        number: Its place in the prompt, from 0, for errors.
        names: The names of the tools that earlier messages called, by the ids of the calls.

    Raises:
        PromptError: It is not a message, or holds what a message cannot hold.
    """
    if not isinstance(given, Mapping):
        dump = getattr(given, "model_dump", None)
        if not callable(dump) or isinstance(given, type):
            raise PromptError(
                f"Message {number} is of the type {type(given).__name__}.", hint="Pass a Message or a dictionary."
            )
        given = cast("Mapping[str, Any]", dump(exclude_none=True))
    try:
        return Message.model_validate(given) if "parts" in given else _read(given, number, names)
    except _UnknownFormError as error:
        raise PromptError(f"Message {number}: {error}.", hint=error.hint) from None
    except ValidationError as error:
        detail = error.errors(include_url=False, include_context=False, include_input=False)[0]
        location = ".".join(map(str, detail["loc"]))
        raise PromptError(f"Message {number}: {location}: {detail['msg']}.") from None


def _read(given: Mapping[str, Any], number: int, names: Mapping[str, str]) -> Message:
    role = _field(given, "role")
    if role not in _ROLES:
        raise _UnknownFormError(f"the role is {role!r}", f"Use one of {', '.join(_ROLES)}.")
    _refuse_unknown(given, _KNOWN.get(role, _COMMON))
    parts = _read_content(given.get("content"))
    if role in ("tool", "function"):
        return Message.tool(_mark(_read_result(given, parts, names), given))
    if role == "assistant":
        parts = (*_reasoning(given), *parts, *_refusal(given), *_calls(given, number))
    if parts:
        parts = (*parts[:-1], _mark(parts[-1], given))
    return Message(role=role, parts=parts, name=given.get("name") or None)


def _refuse_unknown(given: Mapping[str, Any], known: frozenset[str]) -> None:
    for name, value in given.items():
        if name not in known and value not in (None, "", [], {}, False):
            raise _UnknownFormError(
                f"the field {name!r} is not supported", _HINTS.get(name, "Remove it, or say it in the content.")
            )


def _field(given: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    if name not in given:
        raise _UnknownFormError(f"the field {name!r} is missing")
    return given[name]


def _text(given: Mapping[str, Any], name: str) -> str:
    value = _field(given, name)
    return value if isinstance(value, str) else _wrong_type(name, value, "a text")


def _wrong_type(name: str, value: object, expected: str) -> NoReturn:
    raise _UnknownFormError(f"{name} is of the type {type(value).__name__}, not {expected}")


def _read_content(content: object) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (TextPart(text=content),)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        _wrong_type("the content", content, "a text or a list of parts")
    return tuple(_read_part(part) for part in content)


def _read_part(given: object) -> Part:
    if isinstance(given, str):
        return TextPart(text=given)
    if isinstance(given, _AnyPart):
        return given
    if not isinstance(given, Mapping):
        _wrong_type("a part of the content", given, "a dictionary")
    part: TextPart | ImagePart | RefusalPart
    match kind := given.get("type"):
        case "text" | "input_text" | "output_text":
            _refuse_unknown(given, frozenset({"type", "text", "annotations", _MARK}))
            part = TextPart(text=_text(given, "text"))
        case "refusal":
            _refuse_unknown(given, frozenset({"type", "refusal"}))
            part = RefusalPart(text=_text(given, "refusal"))
        case "image_url" | "input_image":
            part = _read_image(given)
        case _:
            hint = "Texts and images are. Pass other files by files=[…]."
            raise _UnknownFormError(f"content of the type {kind!r} is not supported", hint)
    return _mark(part, given)


def _read_image(given: Mapping[str, Any]) -> ImagePart:
    """Read an image; its address is inside an object, or in its place."""
    _refuse_unknown(given, frozenset({"type", "image_url", "detail", _MARK}))
    image = _field(given, "image_url")
    if isinstance(image, str):
        return ImagePart(url=image, detail=given.get("detail"))
    if not isinstance(image, Mapping):
        _wrong_type("image_url", image, "a dictionary with a url")
    _refuse_unknown(image, frozenset({"url", "detail"}))
    return ImagePart(url=_text(image, "url"), detail=image.get("detail") or given.get("detail"))


def _read_result(given: Mapping[str, Any], parts: tuple[Part, ...], names: Mapping[str, str]) -> ToolResultPart:
    """Read what a tool returned. The older role ``function`` names the function and not the call."""
    name = given.get("name")
    if given["role"] == "function":
        own = next((own for own, called in reversed([*names.items()]) if called == _text(given, "name")), None)
        if own is None:
            raise _UnknownFormError(f"no earlier message calls the function {name!r}")
    else:
        own = _text(given, "tool_call_id")
    return ToolResultPart(call_id=own, name=name or names.get(own, "tool"), content=_result_content(parts))


def _result_content(parts: tuple[Part, ...]) -> ResultContent:
    """Return what a tool returned: texts as one text, unless an image is among them."""
    if all(isinstance(part, TextPart) and part.cache is None for part in parts):
        return "".join(part.text for part in parts if isinstance(part, TextPart))
    content = tuple(part for part in parts if isinstance(part, TextPart | ImagePart | VendorPart))
    if len(content) < len(parts):
        raise _UnknownFormError("a tool's result holds more than texts and images")
    return content


def _reasoning(given: Mapping[str, Any]) -> list[Part]:
    """Read reasoning, with the name of its field: servers that take it back know it by that."""
    field = next((name for name in _REASONING if given.get(name)), None)
    return [ReasoningPart(text=_text(given, field), data=field)] if field else []


def _refusal(given: Mapping[str, Any]) -> list[Part]:
    return [RefusalPart(text=_text(given, "refusal"))] if given.get("refusal") else []


def _calls(given: Mapping[str, Any], number: int) -> list[Part]:
    calls = given.get("tool_calls") or []
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        _wrong_type("tool_calls", calls, "a list")
    parts: list[Part] = [_read_call(call) for call in calls]
    if function := given.get("function_call"):  # the older form, which has no ids
        if not isinstance(function, Mapping):
            _wrong_type("function_call", function, "a dictionary")
        name, arguments = _text(function, "name"), _arguments(function)
        parts.append(
            ToolCallPart(id=make_call_id(f"message {number}", 0, name, arguments), name=name, arguments=arguments)
        )
    return parts


def _read_call(call: object) -> ToolCallPart:
    """Read a tool call. What else a vendor said of it goes back to a server that takes it."""
    if isinstance(call, ToolCallPart):
        return call
    if not isinstance(call, Mapping):
        _wrong_type("a tool call", call, "a dictionary")
    if call.get("type", "function") != "function":
        hint = "Only calls of the type 'function' are. " + _RETURNED_BY_THE_MESSAGE
        raise _UnknownFormError(f"a tool call of the type {call['type']!r} is not supported", hint)
    function = _field(call, "function")
    if not isinstance(function, Mapping):
        _wrong_type("function", function, "a dictionary")
    data = {name: value for name, value in call.items() if name not in _KNOWN_IN_CALLS and value is not None}
    if more := {name: value for name, value in function.items() if name not in ("name", "arguments")}:
        data["function"] = more
    part = ToolCallPart(
        id=_text(call, "id"), name=_text(function, "name"), arguments=_arguments(function), data=data or None
    )
    return _mark(part, call)


def _arguments(function: Mapping[str, Any]) -> str:
    arguments = function.get("arguments") or {}
    return arguments if isinstance(arguments, str) else to_json(arguments).decode()


def _mark(part: P, given: Mapping[str, Any]) -> P:
    """Mark a part whose dictionary says that all up to it comes again; see `CacheLifetime`."""
    mark = given.get(_MARK)
    if mark is None:
        return part
    lifetime = (mark.get("ttl") or "default") if isinstance(mark, Mapping) and mark.get("type") == "ephemeral" else None
    if lifetime not in get_args(CacheLifetime):
        raise _UnknownFormError(
            f"{_MARK} is {mark!r}", 'Use {"type": "ephemeral"}, and with it "ttl": "5m" or "1h" if you want one.'
        )
    if isinstance(part, ReasoningPart | RefusalPart | VendorPart):
        raise _UnknownFormError(f"{_MARK} cannot mark {part.type}", "Put it on a text, an image, a call or a result.")
    return cast("P", part.model_copy(update={"cache": lifetime}))
