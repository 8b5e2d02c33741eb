"""Correct invalid names of tools in the replies of models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from budwood.types import ChatResponse, Message, Part, ToolCallPart, ToolDefinition

_VALID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INVALID_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NUMBER: Final = re.compile(r":\d+$")


def correct_tool_names(response: ChatResponse, tools: Sequence[ToolDefinition]) -> ChatResponse:
    """
    Correct names that are not those of the request's tools, in all choices of a reply.

    Open models append a special token (``weather<|channel|>commentary``) or add a namespace (``functions.weather:0``).
    If the rest is the name of a tool, that tool is called. Other invalid names become valid ones, because servers
    reject a conversation with invalid names.
    """
    known = {tool.name for tool in tools}
    if not response.tool_calls:
        return response
    messages = [_correct_message(message, known) for message in (response.message, *response.alternatives)]
    return response.model_copy(update={"message": messages[0], "alternatives": tuple(messages[1:])})


def correct_tool_name(name: str, known: set[str]) -> str:
    """Return the name of the intended tool, or a valid name."""
    if name in known:
        return name
    cleaned = _NUMBER.sub("", name.partition("<|")[0].strip(" \t\r\n\"'`()"))
    for candidate in (cleaned, re.split(r"[./:]", cleaned)[-1]):
        if candidate in known:
            return candidate
        alike = [tool for tool in known if _comparable(tool) == _comparable(candidate)]
        if len(alike) == 1:
            return alike[0]
    return name if _VALID.fullmatch(name) else _INVALID_CHARACTERS.sub("_", cleaned).strip("_")[:64] or "unknown_tool"


def _correct_message(message: Message, known: set[str]) -> Message:
    if all(call.name in known for call in message.tool_calls):
        return message
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            part = part.model_copy(update={"name": correct_tool_name(part.name, known)})  # noqa: PLW2901
        parts.append(part)
    return message.model_copy(update={"parts": tuple(parts)})


def _comparable(name: str) -> str:
    return name.replace("-", "_").lower()
