"""Name tool calls that have no name of their own."""

from __future__ import annotations

import hashlib
from typing import Final

from budwood.types import ChatRequest, ToolCallPart

INVALID_ARGUMENTS: Final = "arguments of a tool call that are not a valid JSON object were repaired, or wrapped in one"
"""The reason of the adaptation for calls with `has_invalid_arguments`."""


def has_invalid_arguments(call: ToolCallPart) -> bool:
    """Return whether the model wrote no valid JSON object; empty text counts as an empty object."""
    return call.arguments.strip() not in ("", call.json_arguments)


def calls_before(request: ChatRequest) -> int:
    """Count the tool calls that a request's conversation holds."""
    return sum(len(message.tool_calls) for message in request.messages)


def call_id(reply_id: str | None, position: int, name: str, arguments: str, *, earlier: int = 0) -> str:
    """
    Return an id for a tool call that its server gives none.

    The same call of the same reply always gets the same id; calls of other rounds, which are in the same history, get
    others.

    Args:
        reply_id: The server's id of the reply.
        position: Which call of the reply it is.
        name: The tool's name.
        arguments: Its arguments, as text.
        earlier: How many calls the conversation held before (`calls_before`): they tell replies apart that have no id.
    """
    content = "\0".join((reply_id or str(earlier or ""), str(position), name, arguments))
    return f"call_{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
