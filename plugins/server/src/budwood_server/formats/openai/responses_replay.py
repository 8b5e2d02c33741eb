"""Encode a reply that is complete as the events of a stream of the Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood_server.formats.openai.responses_open_items import EventWriter

Item = Mapping[str, Any]


STARTING_EVENTS: Final = 2
"""The number of events before the first item."""


def encode_start(body: Item, starting_after: int = -1) -> bytes:
    """Return the events of a reply before its first item; the arguments are those of `replay`."""
    writer = EventWriter(starting_after)
    _start(writer, body)
    return writer.take()


def replay(body: Item, starting_after: int = -1) -> bytes:
    """
    Return the events of a reply that has ended, each text as one delta.

    Args:
        body: The reply.
        starting_after: The number of the last event that the client has.
    """
    writer = EventWriter(starting_after)
    _start(writer, body)
    for index, item in enumerate(body.get("output") or ()):
        writer.write("response.output_item.added", output_index=index, item=_empty(item))
        _replay_item(writer, item, {"item_id": item.get("id"), "output_index": index})
        writer.write("response.output_item.done", output_index=index, item=item)
    status = body.get("status")
    writer.write(f"response.{'failed' if status == 'cancelled' else status}", response=body)
    return writer.take()


def _start(writer: EventWriter, body: Item) -> None:
    for kind in ("response.created", "response.in_progress"):
        writer.write(kind, response={**body, "status": "in_progress", "output": [], "usage": None, "error": None})


def _empty(item: Item) -> dict[str, Any]:
    """Return an item before its content."""
    match item.get("type"):
        case "message":
            return {**item, "status": "in_progress", "content": []}
        case "reasoning":
            return {**item, "summary": []}
        case "function_call":
            return {**item, "status": "in_progress", "arguments": ""}
        case _:
            return dict(item)


def _replay_item(writer: EventWriter, item: Item, place: dict[str, Any]) -> None:
    match item.get("type"):
        case "message":
            for number, part in enumerate(item.get("content") or ()):
                _replay_part(writer, part, {**place, "content_index": number})
        case "reasoning":
            for number, part in enumerate(item.get("summary") or ()):
                _replay_summary(writer, part, {**place, "summary_index": number})
        case "function_call":
            arguments = item.get("arguments", "")
            writer.write("response.function_call_arguments.delta", **place, delta=arguments)
            writer.write("response.function_call_arguments.done", **place, name=item.get("name"), arguments=arguments)
        case "custom_tool_call":
            text = item.get("input", "")
            writer.write("response.custom_tool_call_input.delta", **place, delta=text)
            writer.write("response.custom_tool_call_input.done", **place, input=text)
        case _:
            pass  # it has no content of its own


def _replay_part(writer: EventWriter, part: Item, place: dict[str, Any]) -> None:
    if part.get("type") == "refusal":
        text = part.get("refusal", "")
        writer.write("response.content_part.added", **place, part={**part, "refusal": ""})
        writer.write("response.refusal.delta", **place, delta=text)
        writer.write("response.refusal.done", **place, refusal=text)
    else:
        text, logprobs = part.get("text", ""), part.get("logprobs") or []
        writer.write("response.content_part.added", **place, part={**part, "text": "", "annotations": []})
        writer.write("response.output_text.delta", **place, delta=text, logprobs=logprobs)
        writer.write("response.output_text.done", **place, text=text, logprobs=logprobs)
    writer.write("response.content_part.done", **place, part=part)


def _replay_summary(writer: EventWriter, part: Item, place: dict[str, Any]) -> None:
    writer.write("response.reasoning_summary_part.added", **place, part={**part, "text": ""})
    writer.write("response.reasoning_summary_text.delta", **place, delta=part.get("text", ""))
    writer.write("response.reasoning_summary_text.done", **place, text=part.get("text", ""))
    writer.write("response.reasoning_summary_part.done", **place, part=part)
