"""
Decode and encode tool calls.

Source: OpenAI's API description, ``ChatCompletionMessageToolCall`` and ``ChatCompletionMessageToolCallChunk``. Fields
that Budwood does not model are returned to the vendor that sent them: Gemini rejects the next request without the
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
_RESPONSES_TYPES: Final = frozenset({"function_call", "custom_tool_call"})
"""Types of calls in the data of parts from Responses."""


def list_calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the calls of a message or a delta. Some servers send a single object, or null in the list."""
    value = message.get("tool_calls")
    calls = [call for call in (value if isinstance(value, list) else [value]) if isinstance(call, Mapping) and call]
    if isinstance(legacy := message.get("function_call"), Mapping) and legacy:
        calls.append({"index": 0, "function": legacy})
    return calls


def decode_calls(
    calls: Iterable[Mapping[str, Any]], vendor: str, reply_id: str | None, request: ChatRequest | None
) -> list[ToolCallPart]:
    """Decode the calls of a complete reply. A call without an id, or with a duplicate id, gets a new id."""
    earlier = count_tool_calls(request) if request is not None else 0
    parts: list[ToolCallPart] = []
    ids: set[str] = set()
    for number, call in enumerate(calls):
        name, arguments = get_name(call), get_arguments(call)
        call_id = get_call_id(call)
        if not call_id or call_id in ids:
            call_id = make_call_id(reply_id, number, name, arguments, earlier=earlier)
        ids.add(call_id)
        parts.append(create_call_part(call_id, name, arguments, find_extra_fields(call), vendor))
    return parts


def create_call_part(call_id: str, name: str, arguments: str, data: dict[str, JSON], vendor: str) -> ToolCallPart:
    """Return the part of a call; ``data`` has its other fields."""
    return ToolCallPart(
        id=call_id, name=name, arguments=arguments, provider=vendor if data else None, data=data or None
    )


def encode_call(part: ToolCallPart, call_id: str, *, with_data: bool) -> dict[str, Any]:
    """
    Encode a call.

    Args:
        part: The call.
        call_id: The id to send.
        with_data: Whether the receiver accepts the other fields of the call.
    """
    data: Any = part.data if with_data and isinstance(part.data, dict) else {}
    if data.get("type") in _RESPONSES_TYPES:
        data = {}
    kind = data.get("type", "function")
    inner = {**data.get(kind, {}), "name": part.name}
    if kind == "custom":
        inner["input"] = part.arguments
    else:
        inner["arguments"] = part.json_arguments
    return {**data, "id": call_id, "type": kind, kind: inner}


def get_call_id(call: Mapping[str, Any]) -> str:
    """Return the id of a call as a text; some servers send a number."""
    call_id = call.get("id")
    if isinstance(call_id, str):
        return call_id
    return str(call_id) if isinstance(call_id, int | float) and not isinstance(call_id, bool) else ""


def get_name(call: Mapping[str, Any]) -> str:
    """Return the name of the tool, or the part of it in a fragment."""
    name = _inner(call).get("name") or call.get("name")
    return name if isinstance(name, str) else ""


def get_arguments(call: Mapping[str, Any]) -> str:
    """Return the arguments as JSON text, or the part of it in a fragment. Some servers send an object."""
    inner = _inner(call)
    for name in ("arguments", "input", "parameters"):
        if inner.get(name) is not None:
            return serialize_arguments(inner[name])
    return serialize_arguments(call.get("arguments"))


def serialize_arguments(arguments: object) -> str:
    """Return arguments as JSON text."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else to_json(arguments).decode()


def find_extra_fields(call: Mapping[str, Any]) -> dict[str, JSON]:
    """Return the fields of a call, or of a fragment, that Budwood does not model."""
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
