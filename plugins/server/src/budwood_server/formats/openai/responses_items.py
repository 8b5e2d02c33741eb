"""Encode parts of a message as output items of the Responses API."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final, Literal

from pydantic_core import from_json

from budwood.types import (
    OUTPUT_TOOL,
    AudioPart,
    ImagePart,
    Message,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    VendorPart,
)
from budwood_server.formats.vendor_data import FIELD, encode_vendor_data

Item = dict[str, Any]
Status = Literal["in_progress", "completed", "incomplete"]

CUSTOM_INPUT: Final = "input"
"""The argument of the function that replaces a custom tool, for vendors that have none."""

_OWN_ID: Final = "_bw"


def new_id(kind: str) -> str:
    """Return an id for an item, such as ``msg_…``."""
    return f"{kind}{_OWN_ID}{uuid.uuid4().hex}"


def is_own_id(item_id: object) -> bool:
    """Tell whether an id is from `new_id`, so that no vendor knows it."""
    return isinstance(item_id, str) and _OWN_ID in item_id


def list_items(message: Message, custom_tools: frozenset[str], *, has_vendor_items: bool) -> list[Item]:
    """
    Return a message as items.

    Args:
        message: A message of the model.
        custom_tools: The names of tools that are custom ones for the client, and functions for the vendor.
        has_vendor_items: Whether content that Budwood does not model is an item of this API.
    """
    items: list[Item] = []
    for is_text, parts in groupby(message.parts, key=lambda part: isinstance(part, TextPart | RefusalPart)):
        if is_text:
            texts = [part for part in parts if isinstance(part, TextPart | RefusalPart)]
            items.append(make_message(new_id("msg"), [encode_content(part) for part in texts], find_message(texts[0])))
        else:
            for part in parts:
                items.extend(_encode_part(part, custom_tools, has_vendor_items))
    return items


def make_message(
    item_id: str, content: list[Item], fields: Mapping[str, Any] | None = None, status: Status = "completed"
) -> Item:
    """Return a message; ``fields`` are those that its vendor sent."""
    item = {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}
    return item | dict(fields or {})


def encode_content(part: TextPart | RefusalPart) -> Item:
    """Return the content part for a text or a refusal."""
    data = part.data if isinstance(part.data, dict) else {}
    kept: Item = {}
    if "message" in data:  # it is from this API
        kept = {name: value for name, value in data.items() if name != "message"}
    elif part.data is not None:
        kept = {FIELD: encode_vendor_data(part.provider, part.data)}
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.text, **kept}
    return {"type": "output_text", "annotations": [], "logprobs": [], **kept, "text": part.text}


def find_message(part: TextPart | RefusalPart) -> Mapping[str, Any]:
    """Return the fields of the message in which a vendor with this API sent a text; empty for other vendors."""
    fields = part.data.get("message") if isinstance(part.data, dict) else None
    return fields if isinstance(fields, dict) else {}


def make_reasoning(item_id: str, part: ReasoningPart) -> Item:
    """Return the item for reasoning, with what its vendor needs back as its encrypted content."""
    data = part.data
    if isinstance(data, dict) and data.get("type") == "reasoning":
        return {"id": item_id, "summary": [], **data}
    item: Item = {"id": item_id, "type": "reasoning", "summary": _encode_summary(part.text)}
    return item | ({} if data is None else {"encrypted_content": encode_vendor_data(part.provider, data)})


def make_call(item_id: str, part: ToolCallPart, custom_tools: frozenset[str], status: Status = "completed") -> Item:
    """Return the item for a tool call."""
    data: Any = part.data
    is_of_api = isinstance(data, dict) and data.get("type") in ("function_call", "custom_tool_call")
    kept = data if is_of_api else {} if data is None else {FIELD: encode_vendor_data(part.provider, data)}
    item: Item = {"id": item_id, "status": status, **kept, "call_id": part.id, "name": part.name}
    if is_of_api and data["type"] == "custom_tool_call":
        return {**item, "input": part.arguments}
    if part.name in custom_tools:
        return {**item, "type": "custom_tool_call", "input": read_custom_input(part.arguments)}
    return {**item, "type": "function_call", "arguments": part.arguments}


def read_custom_input(arguments: str) -> str:
    """Return the input of a custom tool from the arguments of the function that replaces it."""
    try:
        value = from_json(arguments)
    except ValueError:
        return arguments
    return str(value[CUSTOM_INPUT]) if isinstance(value, dict) and CUSTOM_INPUT in value else arguments


def make_image(item_id: str, part: ImagePart) -> Item:
    """Return the item for a generated image."""
    fields = part.vendor_data if isinstance(part.vendor_data, dict) else {}
    content = base64.b64encode(part.data).decode() if isinstance(part.data, bytes) else part.url
    return {"id": item_id, **fields, "type": "image_generation_call", "status": "completed", "result": content}


def _encode_part(part: Part, custom_tools: frozenset[str], has_vendor_items: bool) -> Iterator[Item]:  # noqa: FBT001
    match part:
        case ReasoningPart():
            yield make_reasoning(new_id("rs"), part)
        case ToolCallPart(name=name) if name == OUTPUT_TOOL:  # structured output that does not satisfy its schema
            yield make_message(new_id("msg"), [encode_content(TextPart(text=part.arguments))])
        case ToolCallPart():
            yield make_call(new_id("fc"), part, custom_tools)
        case ImagePart():
            yield make_image(new_id("ig"), part)
        case AudioPart(transcript=str(transcript)):
            yield make_message(new_id("msg"), [encode_content(TextPart(text=transcript))])
        case VendorPart(data=dict() as data) if has_vendor_items and data.get("type") == part.kind:
            yield data
        case _:
            pass  # the API has no item for it


def _encode_summary(text: str) -> list[Item]:
    return [{"type": "summary_text", "text": text}] if text else []
