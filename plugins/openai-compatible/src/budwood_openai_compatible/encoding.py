"""
Write chat requests in the form of Chat Completions.

Source: OpenAI's API description, ``CreateChatCompletionRequest``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from budwood.errors import UnsupportedError
from budwood.providing import reject_parts
from budwood.types import (
    Adaptation,
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    Part,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)
from budwood_openai_compatible.schemas import encode_strict_schema, schema_fields

RETURNED_FIELDS: Final = frozenset({"audio", "reasoning_details"})
"""Fields of a model's message that Budwood does not model and that the vendor wants back in the next request."""


def encode_messages(
    messages: Iterable[Message], *, vendor: str, system_role: str | None, image_results: bool = False
) -> list[dict[str, Any]]:
    """
    Encode messages.

    Chat Completions takes only text in the result of a tool. Images in results follow in a message of the user, after
    all results of the turn; `moved_images` reports that.

    Args:
        messages: A tool message becomes one message for each result.
        vendor: The receiving instance; parts of other vendors are left out.
        system_role: The role of system and developer messages; None leaves each as it is.
        image_results: Whether the server takes images in the result of a tool.
    """
    encoded: list[dict[str, Any]] = []
    moved: tuple[Part, ...] = ()
    for message in messages:
        if message.role == "tool":
            reject_parts(message, ImagePart, ToolCallPart)
            encoded += [_encode_result(one, vendor, image_results=image_results) for one in message.tool_results]
            moved = moved if image_results else (*moved, *_images_of(message))
            continue
        if moved:
            encoded.append({"role": "user", "content": _content(moved, vendor)})
            moved = ()
        encoded.append(_encode_message(message, vendor, system_role))
    return [*encoded, {"role": "user", "content": _content(moved, vendor)}] if moved else encoded


def _images_of(message: Message) -> Iterator[Part]:
    """List the images in results, each group after the name of its tool."""
    for result in message.tool_results:
        if result.images:
            yield TextPart(text=f"Returned by {result.name} ({result.call_id}):")
            yield from result.images


def moved_images(messages: Iterable[Message]) -> tuple[Adaptation, ...]:
    """Return the adaptation for images that `encode_messages` moved out of results of tools, if there are any."""
    if not any(part.images for message in messages if message.role == "tool" for part in message.tool_results):
        return ()
    reason = "images in a tool's result are sent in a user message after it: the API takes only text there"
    return (Adaptation(parameter="messages", action="changed", reason=reason),)


def _encode_result(result: ToolResultPart, vendor: str, *, image_results: bool) -> dict[str, Any]:
    content: str | list[Any] = result.text
    if result.images:
        content = _content(result.parts, vendor) if image_results else content or "The result is the image below."
    return {"role": "tool", "tool_call_id": result.call_id, "content": content}


def _encode_message(message: Message, vendor: str, system_role: str | None) -> dict[str, Any]:
    match message.role:
        case "assistant":
            reject_parts(message, ImagePart, ToolResultPart)
            encoded = _assistant(message, vendor)
        case "system" | "developer":
            reject_parts(message, ImagePart, ToolCallPart, ToolResultPart)
            encoded = {"role": system_role or message.role, "content": message.text}
        case _:
            encoded = {"role": "user", "content": _content(message.parts, vendor)}
    if message.name:
        encoded["name"] = message.name
    return encoded


def _assistant(message: Message, vendor: str) -> dict[str, Any]:
    written: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    if refusal:
        written["refusal"] = refusal
    if message.tool_calls:
        written["tool_calls"] = [_call(wanted) for wanted in message.tool_calls]
    elif written["content"] is None and not refusal:
        written["content"] = ""  # null is taken only beside tool calls
    return written | _returned(message, vendor)


def _returned(message: Message, vendor: str) -> dict[str, Any]:
    """Write what the vendor wants back; a stream brought it in several parts."""
    returned: dict[str, Any] = {}
    for part in message.parts:
        if not isinstance(part, VendorPart) or part.provider != vendor or part.kind not in RETURNED_FIELDS:
            continue
        if part.kind == "audio":
            if isinstance(part.data, dict) and "id" in part.data:
                returned["audio"] = {"id": part.data["id"]}  # audio goes back by its id alone
        elif isinstance(part.data, list):
            returned[part.kind] = [*returned.get(part.kind, ()), *part.data]
        else:
            returned[part.kind] = part.data
    return returned


def _call(wanted: ToolCallPart) -> dict[str, Any]:
    return {"id": wanted.id, "type": "function", "function": {"name": wanted.name, "arguments": wanted.json_arguments}}


def _content(parts: tuple[Part, ...], vendor: str) -> str | list[Any]:
    """Write text alone as a text, which every server takes, and all else as a list."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) < len(parts):
        parts = tuple([part for part in parts if not isinstance(part, VendorPart) or part.provider == vendor])
        if len(texts) < len(parts):
            return [_content_part(part) for part in parts]
    return "".join(texts)


def _content_part(part: Part) -> Any:  # noqa: ANN401 - a vendor's own part may be any JSON
    match part:
        case VendorPart():
            return part.data
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            detail = {"detail": part.detail} if part.detail else {}
            return {"type": "image_url", "image_url": {"url": part.data_url, **detail}}
        case _:
            raise UnsupportedError(f"A user's message cannot hold {part.type} here.")


def encode_tools(request: ChatRequest, *, vendor: str, with_choice: bool) -> dict[str, Any]:
    """Write the tools of a request, and which of them must be called; nothing where there are none."""
    tools = [*map(_tool, request.tools), *own_tools(request, vendor)]
    if not tools:
        return {}
    written: dict[str, Any] = {"tools": tools}
    if request.tool_choice is not None and with_choice:
        written["tool_choice"] = (
            {"type": "function", "function": {"name": request.tool_choice.name}}
            if isinstance(request.tool_choice, NamedTool)
            else request.tool_choice
        )
    return written


def own_tools(request: ChatRequest, vendor: str) -> list[dict[str, Any]]:
    """Return the tools that the vendor knows in its own form."""
    return [tool.data for tool in request.vendor_tools if tool.provider == vendor]


def foreign_tools(request: ChatRequest, vendor: str) -> tuple[Adaptation, ...]:
    """Return the receipt for tools of other vendors, where there are some."""
    if not request.vendor_tools or len(own_tools(request, vendor)) == len(request.vendor_tools):
        return ()
    return (Adaptation(parameter="vendor_tools", action="dropped", reason="they are tools of another vendor"),)


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    if tool.strict:
        function["parameters"] = encode_strict_schema(tool.parameters) or tool.parameters
    return {"type": "function", "function": function | tool.extra}


def encode_output_schema(schema: OutputSchema) -> dict[str, Any]:
    """Write the JSON schema that the reply must satisfy."""
    written: dict[str, Any] = {"name": schema.name, **schema_fields(schema)}
    if schema.description:
        written["description"] = schema.description
    return {"type": "json_schema", "json_schema": written}
