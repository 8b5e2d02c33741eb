"""Ids and arguments of tool calls."""

from __future__ import annotations

import hashlib
import string
from typing import Final

from budwood.types import ChatRequest, ToolCallPart

INVALID_ARGUMENTS: Final = "arguments of a tool call that are not a valid JSON object were repaired, or wrapped in one"
"""The reason given in the adaptation of calls for which `has_invalid_arguments` is true."""


def has_invalid_arguments(call: ToolCallPart) -> bool:
    """Return whether the arguments are not a valid JSON object. Empty arguments count as an empty object."""
    return call.arguments.strip() not in ("", call.json_arguments)


DROPPED_CALL_FIELDS: Final = "the API accepts no further fields in tool calls"
"""The reason given in the adaptation of calls for which `has_further_fields` is true, if the fields are not sent."""


def has_further_fields(call: ToolCallPart) -> bool:
    """Return whether a call from a caller's dictionary has fields besides those of `ToolCallPart`."""
    return call.provider is None and bool(call.data)


CREATED_ID_LENGTH: Final = 9
"""The length of ids that Budwood creates. All vendors accept nine letters and digits; some accept no other length."""

_ALPHABET: Final = string.ascii_letters + string.digits


def count_tool_calls(request: ChatRequest) -> int:
    """Count the tool calls in the messages of a request."""
    return sum(len(message.tool_calls) for message in request.messages)


def make_call_id(reply_id: str | None, position: int, name: str, arguments: str, *, earlier: int = 0) -> str:
    """
    Create an id for a tool call that has none.

    The same call of the same reply always gets the same id. Calls of other replies in the same conversation get other
    ids.

    Args:
        reply_id: The server's id of the reply.
        position: The index of the call in the reply.
        name: The tool's name.
        arguments: Its arguments, as text.
        earlier: The number of calls before this reply (`count_tool_calls`), which distinguishes replies without ids.
    """
    content = "\0".join((reply_id or str(earlier or ""), str(position), name, arguments))
    return _hash(content, CREATED_ID_LENGTH)


def fit_call_id(call_id: str, *, length: int | None = None, max_length: int | None = None) -> str:
    """
    Return an id of a tool call that a vendor accepts: the id itself, or a hash of it.

    The same id always has the same result, so a call and its result still have the same id.

    Args:
        call_id: The id of the call.
        length: The length of the vendor's ids, if it accepts only letters and digits of one length.
        max_length: The maximum length of an id, in characters.
    """
    if length is not None and not (len(call_id) == length and call_id.isascii() and call_id.isalnum()):
        return _hash(call_id, length)
    if max_length is not None and len(call_id) > max_length:
        return _hash(call_id, CREATED_ID_LENGTH)
    return call_id


def _hash(text: str, length: int) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)
