"""
Find content of messages that the core does not model.

It parses messages in OpenAI's form itself, and refuses further fields. Toward a vendor of the same API such messages
are sent unchanged, and the core gets them without that content, to estimate their tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, NoReturn

from pydantic_core import to_json

from budwood_server.web.problems import reject

_COMMON: Final = frozenset({"role", "content", "name", "cache_control"})
_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "system": _COMMON,
    "developer": _COMMON,
    "user": _COMMON,
    "assistant": _COMMON | {"tool_calls", "refusal", "annotations", "reasoning_content", "reasoning"},
    "tool": _COMMON | {"tool_call_id"},
}
_OLDER_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    **_FIELDS,
    "assistant": _FIELDS["assistant"] | {"function_call"},
    "function": _COMMON,
}
"""Those with the older form of tools, which becomes the newer one."""

_PART_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "text": frozenset({"type", "text", "cache_control"}),
    "refusal": frozenset({"type", "refusal"}),
    "image_url": frozenset({"type", "image_url", "cache_control"}),
    "input_audio": frozenset({"type", "input_audio", "cache_control"}),
    "video_url": frozenset({"type", "video_url", "cache_control"}),
    "file": frozenset({"type", "file", "cache_control"}),
}
_CALL_FIELDS: Final = frozenset({"id", "type", "function", "index", "cache_control"})
_FUNCTION_FIELDS: Final = frozenset({"name", "arguments"})
_TEXT_FIELDS: Final = frozenset({"role", "content"})
_EMPTY: Final[tuple[object, ...]] = (None, "", [], {}, False)


class FurtherContent(NamedTuple):
    """
    Content that the core does not model.

    Attributes:
        where: The field, such as ``"messages[0].audio"``.
        problem: What it is.
    """

    where: str
    problem: str


def find_further_content(messages: list[Any], *, is_native: bool) -> FurtherContent | None:
    """
    Return the first content that the core does not model; None if there is none, which is usual.

    Args:
        messages: The messages.
        is_native: Whether they are sent to the same API. Then the older form of tools must be kept, too.
    """
    fields = _FIELDS if is_native else _OLDER_FIELDS
    for number, message in enumerate(messages):
        if (
            type(message) is dict
            and message.keys() <= _TEXT_FIELDS
            and type(message.get("content")) is str
            and message.get("role") in _FIELDS
        ):
            continue
        if (found := _check_message(message, fields)) is not None:
            return FurtherContent(f"messages[{number}]{found.where}", found.problem)
    return None


def reject_further_content(content: FurtherContent) -> NoReturn:
    """
    Refuse content that cannot be translated.

    Raises:
        ProblemError: Always.
    """
    raise reject(
        f"{content.where} is not supported: {content.problem}.",
        param=content.where,
        code="unsupported_field",
        hint="Remove it, or choose a model of a vendor with OpenAI's API.",
    )


def _check_message(message: object, fields: Mapping[str, frozenset[str]]) -> FurtherContent | None:
    if not isinstance(message, dict):
        return FurtherContent("", "it is no object")
    role = message.get("role")
    known = fields.get(role) if isinstance(role, str) else None
    if known is None:
        return FurtherContent(".role", f"the role is {role!r}")
    for name, value in message.items():
        if name not in known and (value not in _EMPTY or name == "parts"):
            return FurtherContent(f".{name}", "it has no equivalent")
    return _check_content(message.get("content")) or _check_calls(message.get("tool_calls"))


def _check_content(content: object) -> FurtherContent | None:
    if content is None or isinstance(content, str):
        return None
    if not isinstance(content, list):
        return FurtherContent(".content", "it is neither a text nor a list of parts")
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        known = _PART_FIELDS.get(kind) if isinstance(kind, str) else None
        if known is None:
            return FurtherContent(f".content[{number}].type", f"the type is {kind!r}")
        if further := next((name for name in part if name not in known and part[name] not in _EMPTY), None):
            return FurtherContent(f".content[{number}].{further}", "it has no equivalent")
    return None


def _check_calls(calls: object) -> FurtherContent | None:
    if not calls:
        return None
    if not isinstance(calls, list):
        return FurtherContent(".tool_calls", "it is no list")
    for number, call in enumerate(calls):
        if not isinstance(call, dict) or call.get("type", "function") != "function":
            return FurtherContent(f".tool_calls[{number}].type", "only calls of functions have an equivalent")
        function = call.get("function")
        if not isinstance(function, dict) or not isinstance(call.get("id"), str):
            return FurtherContent(f".tool_calls[{number}]", "it needs an id and a function")
        if not _CALL_FIELDS.issuperset(call) or not _FUNCTION_FIELDS.issuperset(function):
            return FurtherContent(f".tool_calls[{number}]", "it has further fields")
    return None


def reduce_messages(messages: list[Any]) -> list[dict[str, str]]:
    """Return the texts of messages, which the core gets in place of messages that are sent unchanged."""
    return [{"role": _find_role(message), "content": _find_text(message)} for message in messages]


def has_prompt(messages: list[Any]) -> bool:
    """Tell whether there is a message that the core takes for one to answer: it refuses others, and few vendors do."""
    for message in reversed(messages):
        role, content = message["role"], message.get("content")
        if role in ("system", "developer"):
            continue
        if role != "user":
            return True
        parts = [{"text": content}] if isinstance(content, str) else content or ()
        return any("text" not in part or not isinstance(part["text"], str) or part["text"].strip() for part in parts)
    return False


def _find_role(message: object) -> str:
    return "assistant" if isinstance(message, dict) and message.get("role") == "assistant" else "user"


def _find_text(message: object) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = "".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) and content.strip() else to_json(message).decode()
