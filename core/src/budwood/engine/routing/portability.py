"""Rewrite a request for an endpoint other than the one that it was written for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from budwood.catalog.extra import OUTPUT_LENGTHS
from budwood.engine.endpoints.endpoint import Endpoint, Target
from budwood.types import (
    OUTPUT_TOOL,
    Adaptation,
    ChatRequest,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
)

_STORED: Final = ("previous_response_id", "conversation", "container", "cached_content", "cachedContent", "prompt")
"""Keys of ``extra`` that refer to what one vendor has stored."""

_FILE_KEYS: Final = frozenset({"file_id", "fileId", "fileUri", "file_uri", "vector_store_ids"})
"""Keys with the ids of files that one vendor has stored."""


def find_previous_response(request: object) -> str | None:
    """Return the id of the stored response that a request continues, or None."""
    previous = request.extra.get("previous_response_id") if isinstance(request, ChatRequest) else None
    return previous if isinstance(previous, str) else None


def find_tie(request: object) -> str | None:
    """Return why only one endpoint can answer a request, as a clause; None if others can as well."""
    if not isinstance(request, ChatRequest):
        return None
    if request.vendor_tools:
        return f"vendor_tools= run only at {request.vendor_tools[0].provider}"
    for key in _STORED:
        if request.extra.get(key) is not None:
            return f"{key} refers to data that the first endpoint stores"
    if _mentions_file(request.extra) or any(_mentions_file(data) for data in _vendor_data(request.messages)):
        return "the request refers to a file that the first endpoint stores"
    return None


def _vendor_data(messages: Iterable[Message]) -> Iterator[object]:
    for message in messages:
        if message.role in ("user", "system", "developer"):
            yield from (part.data for part in message.parts if isinstance(part, VendorPart))


def _mentions_file(value: object) -> bool:
    if isinstance(value, dict):
        return not _FILE_KEYS.isdisjoint(value) or any(_mentions_file(inner) for inner in value.values())
    return isinstance(value, list | tuple) and any(_mentions_file(inner) for inner in value)


def move_request(
    request: Any,  # noqa: ANN401 - each service has requests of its own
    first: Target,
    target: Target,
    is_foreign: Callable[[Message], bool],
) -> tuple[Any, tuple[Adaptation, ...]]:
    """
    Return a request for another endpoint, and what was changed.

    Signatures and other content that only one vendor accepts are left out, ids of tool calls are numbered in a form
    that all vendors accept, and calls of the output tool become text. ``extra`` is sent only to the same API.

    Args:
        request: The request for the first endpoint; requests other than `ChatRequest` are not changed.
        first: The endpoint that the user asked for.
        target: The endpoint that is asked now.
        is_foreign: Tells whether a message of the history was written for, or by, another endpoint.
    """
    if not isinstance(request, ChatRequest):
        return request, ()
    update: dict[str, object] = {}
    adaptations: list[Adaptation] = []
    foreign = [message for message in request.messages if message.role != "tool" and is_foreign(message)]
    messages = _move_messages(request.messages, foreign) if foreign else request.messages
    if messages != request.messages:
        update["messages"] = messages
        if _has_vendor_content(foreign):
            reason = f"content that only another endpoint accepts was left out for {target.endpoint.label}"
            adaptations.append(Adaptation(parameter="messages", action="changed", reason=reason))
    if request.extra and not _takes_same_parameters(target.endpoint, first.endpoint):
        update["extra"] = {}
        reason = f"a parameter of {first.endpoint.name} in extra, and {target.endpoint.label} has another API"
        names = (name for name, value in request.extra.items() if not _repeats_length(name, value, request))
        adaptations.extend(Adaptation(parameter=name, action="dropped", reason=reason) for name in names)
    return (request.model_copy(update=update) if update else request), tuple(adaptations)


def _repeats_length(name: str, value: object, request: ChatRequest) -> bool:
    """Tell whether a parameter is ``max_tokens`` under the vendor's name, which each endpoint gets."""
    return name in OUTPUT_LENGTHS and value == request.max_tokens


def _takes_same_parameters(endpoint: Endpoint, other: Endpoint) -> bool:
    """Tell whether two endpoints take the same ``extra``: those of the same plugin, or of plugins for the same API."""
    return endpoint.plugin == other.plugin or (bool(endpoint.api) and endpoint.api == other.api)


def _has_vendor_content(messages: Iterable[Message]) -> bool:
    return any(
        isinstance(part, VendorPart) or getattr(part, "provider", None) is not None
        for message in messages
        for part in message.parts
    )


def _move_messages(messages: tuple[Message, ...], foreign: Sequence[Message]) -> tuple[Message, ...]:
    """Rewrite foreign messages, and the results of their tool calls."""
    calls = (call for message in foreign for call in message.tool_calls)
    numbers = {call.id: f"call{number:05d}" for number, call in enumerate(calls, 1)}
    return tuple(
        moved
        for message in messages
        for moved in (
            _move_message(message, numbers)
            if message.role == "tool" or any(message is other for other in foreign)
            else (message,)
        )
    )


def _move_message(message: Message, numbers: Mapping[str, str]) -> Iterator[Message]:
    parts = tuple(moved for part in message.parts if (moved := _move_part(part, numbers)) is not None)
    if parts == message.parts:
        yield message
        return
    corrections = tuple(part for part in parts if message.role == "tool" and isinstance(part, TextPart))
    results = tuple(part for part in parts if part not in corrections)
    if results:
        yield message.model_copy(update={"parts": results})
    if corrections:
        yield Message(role="user", parts=corrections)


def _move_part(part: Part, numbers: Mapping[str, str]) -> Part | None:
    """Return a part for another endpoint. Ids of calls get nine letters and digits, which all vendors accept."""
    match part:
        case VendorPart() | ReasoningPart():
            return None
        case ToolCallPart(name=name) if name == OUTPUT_TOOL:
            return TextPart(text=part.arguments)
        case ToolCallPart():
            return part.model_copy(update={"id": numbers[part.id], "provider": None, "data": None})
        case ToolResultPart(call_id=call_id) if call_id not in numbers:
            return part
        case ToolResultPart(name=name) if name == OUTPUT_TOOL:
            return TextPart(text=part.text)
        case ToolResultPart():
            content = part.content
            if not isinstance(content, str):
                content = tuple(inner for inner in content if not isinstance(inner, VendorPart))
            return part.model_copy(update={"call_id": numbers[part.call_id], "content": content})
        case TextPart(provider=str()):
            return part.model_copy(update={"provider": None, "data": None})
        case _:
            return part
