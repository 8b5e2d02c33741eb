"""Ids and arguments of tool calls."""

from __future__ import annotations

import hashlib
from typing import Final

from budwood.types import ChatRequest, ToolCallPart

INVALID_ARGUMENTS: Final = "arguments of a tool call that are not a valid JSON object were repaired, or wrapped in one"
"""The reason of the adaptation for calls with `has_invalid_arguments`."""


def has_invalid_arguments(call: ToolCallPart) -> bool:
    """Return whether the arguments are not a valid JSON object. Empty arguments count as an empty object."""
    return call.arguments.strip() not in ("", call.json_arguments)


def count_tool_calls(request: ChatRequest) -> int:
    """Count the tool calls in the messages of a request."""
    return sum(len(message.tool_calls) for message in request.messages)


def make_call_id(reply_id: str | None, position: int, name: str, arguments: str, *, earlier: int = 0) -> str:
    """
    Return an id for a tool call to which the server gave none.

    The same call of the same reply always gets the same id. Calls of other replies in the same conversation get other
    ids.

    Args:
        reply_id: The server's id of the reply.
        position: The place of the call among those of the reply.
        name: The tool's name.
        arguments: Its arguments, as text.
        earlier: The number of calls before this reply (`count_tool_calls`), which distinguishes replies without ids.
    """
    content = "\0".join((reply_id or str(earlier or ""), str(position), name, arguments))
    return f"call_{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
