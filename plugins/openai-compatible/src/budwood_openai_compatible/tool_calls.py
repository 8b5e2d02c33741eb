"""
Read tool calls, in whole replies and in fragments of streams, and write them back.

Source: OpenAI's API description, ``ChatCompletionMessageToolCall`` and ``ChatCompletionMessageToolCallChunk``. Fields
that Budwood does not model go back to the vendor that sent them: Gemini refuses the next turn without the
``thought_signature`` in ``extra_content``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import count_tool_calls, make_call_id
from budwood.types import JSON, ChatRequest, ToolCallPart

_CALL_FIELDS: Final = frozenset({"id", "index", "type", "function", "custom", "name", "arguments"})
_FUNCTION_FIELDS: Final = frozenset({"name", "arguments", "parameters", "input"})
_ITEMS: Final = frozenset({"function_call", "custom_tool_call"})
"""Types of calls in the data of parts that came by Responses."""


def calls_in(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """List the calls of a message or a delta; some servers send one as an object, or null among them."""
    found = message.get("tool_calls")
    calls = [call for call in (found if isinstance(found, list) else [found]) if isinstance(call, Mapping) and call]
    if isinstance(legacy := message.get("function_call"), Mapping) and legacy:
        calls.append({"index": 0, "function": legacy})
    return calls


def decode_calls(
    calls: Iterable[Mapping[str, Any]], vendor: str, reply_id: str | None, request: ChatRequest | None
) -> list[ToolCallPart]:
    """Read the calls of a whole reply. One without an id, or with the id of an earlier one, gets an id."""
    earlier = count_tool_calls(request) if request is not None else 0
    parts: list[ToolCallPart] = []
    ids: set[str] = set()
    for number, call in enumerate(calls):
        name, arguments = name_of(call), arguments_of(call)
        own = id_of(call)
        if not own or own in ids:
            own = make_call_id(reply_id, number, name, arguments, earlier=earlier)
        ids.add(own)
        parts.append(call_part(own, name, arguments, unknown_in(call), vendor))
    return parts


def call_part(call_id: str, name: str, arguments: str, data: dict[str, JSON], vendor: str) -> ToolCallPart:
    """Make the part of a call; ``data`` is what else the vendor said of it."""
    return ToolCallPart(
        id=call_id, name=name, arguments=arguments, provider=vendor if data else None, data=data or None
    )


def encode_call(part: ToolCallPart, call_id: str, *, with_data: bool) -> dict[str, Any]:
    """
    Encode a call.

    Args:
        part: The call.
        call_id: The id to send.
        with_data: Whether the receiver takes what else its vendor said of it.
    """
    own: Any = part.data if with_data and isinstance(part.data, dict) else {}
    if own.get("type") in _ITEMS:
        own = {}
    kind = own.get("type", "function")
    inner = {**own.get(kind, {}), "name": part.name}
    if kind == "custom":
        inner["input"] = part.arguments
    else:
        inner["arguments"] = part.json_arguments
    return {**own, "id": call_id, "type": kind, kind: inner}


def id_of(call: Mapping[str, Any]) -> str:
    """Return the id of a call; some servers count calls instead of naming them."""
    own = call.get("id")
    if isinstance(own, str):
        return own
    return str(own) if isinstance(own, int | float) and not isinstance(own, bool) else ""


def name_of(call: Mapping[str, Any]) -> str:
    """Return the name of the tool, or of what of it came in a fragment."""
    name = _inner(call).get("name") or call.get("name")
    return name if isinstance(name, str) else ""


def arguments_of(call: Mapping[str, Any]) -> str:
    """Return the arguments as JSON text, or what of it came in a fragment; some servers send the object itself."""
    inner = _inner(call)
    for name in ("arguments", "input", "parameters"):
        if inner.get(name) is not None:
            return arguments_text(inner[name])
    return arguments_text(call.get("arguments"))


def arguments_text(arguments: object) -> str:
    """Return arguments as the JSON text that they should be."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else to_json(arguments).decode()


def unknown_in(call: Mapping[str, Any]) -> dict[str, JSON]:
    """Return what a call, or a fragment of one, holds besides what Budwood models."""
    if _CALL_FIELDS.issuperset(call) and _FUNCTION_FIELDS.issuperset(_inner(call)) and "custom" not in call:
        return {}
    kind = "custom" if isinstance(call.get("custom"), Mapping) else "function"
    rest = {name: value for name, value in call.items() if name not in _CALL_FIELDS and value is not None}
    more = {name: value for name, value in _inner(call).items() if name not in _FUNCTION_FIELDS and value is not None}
    if more:
        rest[kind] = more
    return rest | {"type": kind} if kind == "custom" else rest


def _inner(call: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in ("function", "custom"):
        if isinstance(inner := call.get(name), Mapping):
            return inner
    return {}
