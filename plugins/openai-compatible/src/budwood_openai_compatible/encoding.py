"""
Write chat requests in the form of Chat Completions.

Source: OpenAI's API description, ``CreateChatCompletionRequest``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from budwood.errors import UnsupportedError
from budwood.providing import fit_call_id, reject_parts
from budwood.types import (
    Adaptation,
    ChatRequest,
    ImagePart,
    Message,
    NamedTool,
    OutputSchema,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)
from budwood_openai_compatible.content import REASONING_DETAILS, REASONING_FIELDS, encode_reasoning_part
from budwood_openai_compatible.schemas import encode_strict_schema, schema_fields
from budwood_openai_compatible.tool_calls import encode_call

RETURNED_FIELDS: Final = frozenset({"audio", REASONING_DETAILS})
"""Fields of a model's message that Budwood does not model and that the vendor wants back in the next request."""


class MessageDialect(NamedTuple):
    """
    How a server takes messages.

    Attributes:
        vendor: The receiving instance; parts of other vendors are left out.
        system_role: The role of system and developer messages; None leaves each as it is.
        image_results: Whether the server takes images in the result of a tool.
        extra_fields: Fields beyond OpenAI's that the server takes in messages that it did not write; None for all.
        call_id_length: How many letters and digits the ids of tool calls have; None if any id is taken.
        max_call_id_length: How many characters such an id may have; None for any number.
    """

    vendor: str
    system_role: str | None = None
    image_results: bool = False
    extra_fields: frozenset[str] | None = None
    call_id_length: int | None = None
    max_call_id_length: int | None = None

    def call_id(self, own: str) -> str:
        """Return the id under which a tool call is sent."""
        return fit_call_id(own, length=self.call_id_length, max_length=self.max_call_id_length)

    def field_for(self, part: ReasoningPart) -> str | None:
        """
        Return the field in which reasoning is sent; None if it is not sent in one.

        It goes back in the field in which the server itself wrote it. In a dictionary of the caller it has another
        name where the server takes only that.
        """
        if not isinstance(part.data, str) or part.provider not in (None, self.vendor):
            return None
        if part.provider == self.vendor or self.extra_fields is None or part.data in self.extra_fields:
            return part.data
        return next((name for name in REASONING_FIELDS if name in self.extra_fields), None)


def encode_messages(messages: Iterable[Message], dialect: MessageDialect) -> list[dict[str, Any]]:
    """
    Encode messages.

    Chat Completions takes only text in the result of a tool. Images in results follow in a message of the user, after
    all results of the turn; `report_moved_images` reports that.

    Args:
        messages: A tool message becomes one message for each result.
        dialect: How the server takes them.
    """
    vendor, image_results = dialect.vendor, dialect.image_results
    encoded: list[dict[str, Any]] = []
    moved: tuple[Part, ...] = ()
    for message in messages:
        if message.role == "tool":
            reject_parts(message, ImagePart, ToolCallPart)
            encoded += [_encode_result(one, dialect) for one in message.tool_results]
            moved = moved if image_results else (*moved, *_images_of(message))
            continue
        if moved:
            encoded.append({"role": "user", "content": _content(moved, vendor)})
            moved = ()
        encoded.append(_encode_message(message, dialect))
    return [*encoded, {"role": "user", "content": _content(moved, vendor)}] if moved else encoded


def _images_of(message: Message) -> Iterator[Part]:
    """List the images in results, each group after the name of its tool."""
    for result in message.tool_results:
        if result.images:
            yield TextPart(text=f"Returned by {result.name} ({result.call_id}):")
            yield from result.images


def report_moved_images(messages: Iterable[Message]) -> tuple[Adaptation, ...]:
    """Return the adaptation for images that `encode_messages` moved out of results of tools, if there are any."""
    if not any(part.images for message in messages if message.role == "tool" for part in message.tool_results):
        return ()
    reason = "images in a tool's result are sent in a user message after it: the API takes only text there"
    return (Adaptation(parameter="messages", action="changed", reason=reason),)


def report_dropped_reasoning(messages: Iterable[Message], dialect: MessageDialect) -> tuple[Adaptation, ...]:
    """Return the adaptation for reasoning of the caller's dictionaries that the server does not take, if any."""
    if dialect.extra_fields is None:
        return ()
    reasoning = (part for message in messages for part in message.parts if isinstance(part, ReasoningPart))
    if not any(isinstance(part.data, str) and not part.provider and not dialect.field_for(part) for part in reasoning):
        return ()
    return (Adaptation(parameter="messages", action="changed", reason="the server takes no reasoning in messages"),)


def _encode_result(result: ToolResultPart, dialect: MessageDialect) -> dict[str, Any]:
    content: str | list[Any] = result.text
    if result.images:
        parts = _content(result.parts, dialect.vendor)
        content = parts if dialect.image_results else content or "The result is the image below."
    return {"role": "tool", "tool_call_id": dialect.call_id(result.call_id), "content": content}


def _encode_message(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    match message.role:
        case "assistant":
            reject_parts(message, ImagePart, ToolResultPart)
            encoded = _assistant(message, dialect)
        case "system" | "developer":
            reject_parts(message, ImagePart, ToolCallPart, ToolResultPart)
            encoded = {"role": dialect.system_role or message.role, "content": message.text}
        case _:
            encoded = {"role": "user", "content": _content(message.parts, dialect.vendor)}
    if message.name:
        encoded["name"] = message.name
    return encoded


def _assistant(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    encoded: dict[str, Any] = {"role": "assistant", "content": message.text or None}
    if encoded["content"] and len(message.parts) == 1:  # nearly all
        return encoded
    refusal = "".join(part.text for part in message.parts if isinstance(part, RefusalPart))
    if refusal:
        encoded["refusal"] = refusal
    if message.tool_calls:
        encoded["tool_calls"] = [_call(call, dialect) for call in message.tool_calls]
    elif encoded["content"] is None and not refusal:
        encoded["content"] = ""  # null is taken only beside tool calls
    return encoded | _returned(message, dialect)


def _call(call: ToolCallPart, dialect: MessageDialect) -> dict[str, Any]:
    takes_data = call.provider == dialect.vendor or (call.provider is None and dialect.extra_fields is None)
    return encode_call(call, dialect.call_id(call.id), with_data=takes_data)


def _returned(message: Message, dialect: MessageDialect) -> dict[str, Any]:
    """Encode what the vendor wants back; a stream brought it in several parts."""
    returned: dict[str, Any] = {}
    for part in message.parts:
        if isinstance(part, VendorPart) and part.provider == dialect.vendor and part.kind in RETURNED_FIELDS:
            if part.kind == "audio":
                if isinstance(part.data, dict) and "id" in part.data:
                    returned["audio"] = {"id": part.data["id"]}  # audio goes back by its id alone
            elif isinstance(part.data, list):
                returned[part.kind] = [*returned.get(part.kind, ()), *part.data]
            else:
                returned[part.kind] = part.data
    return returned | _returned_reasoning(message, dialect, with_fields=REASONING_DETAILS not in returned)


def _returned_reasoning(message: Message, dialect: MessageDialect, *, with_fields: bool) -> dict[str, Any]:
    """Encode reasoning as it came: in a field beside the content, or among the pieces of the content (Mistral)."""
    returned: dict[str, Any] = {}
    pieces: list[Any] = []
    for part in message.parts:
        if isinstance(part, TextPart) and part.text:
            pieces.append({"type": "text", "text": part.text})
        elif not isinstance(part, ReasoningPart):
            continue
        elif with_fields and (name := dialect.field_for(part)):
            returned[name] = returned.get(name, "") + part.text
        elif part.provider == dialect.vendor and (piece := encode_reasoning_part(part)):
            pieces.append(piece)
    return returned | {"content": pieces} if any(piece["type"] != "text" for piece in pieces) else returned


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
    tools = [*map(_tool, request.tools), *list_own_tools(request, vendor)]
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


def list_own_tools(request: ChatRequest, vendor: str) -> list[dict[str, Any]]:
    """Return the tools that the vendor knows in its own form."""
    return [tool.data for tool in request.vendor_tools if tool.provider == vendor]


def report_foreign_tools(request: ChatRequest, vendor: str) -> tuple[Adaptation, ...]:
    """Return the receipt for tools of other vendors, where there are some."""
    if not request.vendor_tools or len(list_own_tools(request, vendor)) == len(request.vendor_tools):
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
