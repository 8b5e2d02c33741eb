"""
Encode chat requests for Ollama's ``/api/chat``.

Source: Ollama's API description, ``ChatRequest``, and its documentation of tools and thinking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

from budwood.errors import UnsupportedError
from budwood.providing import (
    DROPPED_CACHE_MARKS,
    DROPPED_CALL_FIELDS,
    INVALID_ARGUMENTS,
    adapt_parameters,
    has_cache_marks,
    has_further_fields,
    has_invalid_arguments,
    inline_media,
    reject_parts,
)
from budwood.types import (
    Adaptation,
    AnyMedia,
    ChatRequest,
    ImagePart,
    MediaKind,
    MediaPart,
    Message,
    ModelRules,
    NamedTool,
    OutputSchema,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    ToolResultPart,
    VendorPart,
)
from budwood_ollama.decoding import VENDOR

THINKING_LEVELS: Final = "thinking_levels"
"""The catalog's trait of models that take a thinking level; all others take true or false."""

_UNSUPPORTED: Final = ("parallel_tool_calls",)
"""Our parameters that Ollama does not have."""


_CURES: Final[Mapping[MediaKind, str]] = {
    "audio": "Transcribe it with another provider, and pass the text.",
    "video": "Pass some of its frames as images.",
    "document": "Pass its text, or its pages as images.",
}
"""What to pass in place of media that Ollama does not take."""


class ChatEncoder:
    """
    Encodes one request.

    Args:
        request: The request.
        rules: The catalog's rules for the model.

    Attributes:
        adaptations: What was changed.
    """

    def __init__(self, request: ChatRequest, rules: ModelRules) -> None:
        self._request = request
        self._rules = rules
        self._names = {call.id: call.name for message in request.messages for call in message.tool_calls}
        self.adaptations: list[Adaptation] = []

    def encode(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Encode the body. `options` are those of the settings; the request's own take precedence."""
        request = self._request
        own = self._encode_parameters()
        effort = own.pop("reasoning_effort", None)
        options = {**options, **own, **_object(request.extra.get("options"))}
        body: dict[str, Any] = {"model": request.model, "messages": list(self._encode_messages())}
        if options:
            body["options"] = options
        if tools := self._encode_tools():
            body["tools"] = tools
        if effort is not None:
            body["think"] = self._encode_effort(effort)
        if request.output_schema is not None:
            body["format"] = _encode_schema(request.output_schema)
        return body | {name: value for name, value in request.extra.items() if name != "options"}

    def _encode_parameters(self) -> dict[str, Any]:
        parameters = adapt_parameters(self._request, self._rules, names={"max_tokens": "num_predict"})
        self.adaptations.extend(parameters.adaptations)
        if has_cache_marks(self._request.messages):
            self.adaptations.append(DROPPED_CACHE_MARKS)
        for name in _UNSUPPORTED:
            if parameters.values.pop(name, None) is not None:
                self._adapt(name, "dropped", "Ollama has no such parameter")
        return parameters.values

    def _adapt(self, parameter: str, action: str, reason: str) -> None:
        self.adaptations.append(Adaptation(parameter=parameter, action=action, reason=reason))

    def _encode_effort(self, effort: str) -> bool | str:
        """
        Encode an effort: a level for models that take one, otherwise true or false.

        For other models, older servers reject a level, and newer ones treat it as true.
        """
        if THINKING_LEVELS in self._rules.traits:
            return effort
        if effort != "none":
            self._adapt("reasoning_effort", "changed", f"{self._request.model} takes no thinking level: true was sent")
        return effort != "none"

    def _encode_tools(self) -> list[dict[str, Any]]:
        vendors = self._request.vendor_tools
        if any(tool.provider != VENDOR for tool in vendors):
            self._adapt("vendor_tools", "dropped", "they are tools of another vendor")
        if any(tool.strict for tool in self._request.tools):
            self._adapt("tools.strict", "dropped", "Ollama does not enforce the schema of arguments")
        return [*map(_encode_tool, self._select_tools()), *(tool.data for tool in vendors if tool.provider == VENDOR)]

    def _select_tools(self) -> tuple[ToolDefinition, ...]:
        """Select the tools to send. Ollama has no ``tool_choice``; other tools can only be left out."""
        tools, choice = self._request.tools, self._request.tool_choice
        if not tools or choice in (None, "auto"):
            return tools
        if choice == "none":
            self._adapt("tool_choice", "changed", "Ollama has no tool_choice: no tools were sent")
            return ()
        if isinstance(choice, NamedTool):
            self._adapt("tool_choice", "changed", f"Ollama has no tool_choice: only {choice.name} was sent")
            return tuple(tool for tool in tools if tool.name == choice.name)
        self._adapt("tool_choice", "dropped", "Ollama has no tool_choice: the model decides whether to call a tool")
        return tools

    def _encode_messages(self) -> Iterator[dict[str, Any]]:
        for message in self._request.messages:
            if message.name:
                self._adapt("name", "dropped", "Ollama has no names of speakers")
            match message.role:
                case "tool":
                    reject_parts(message, MediaPart, ToolCallPart)
                    yield from self._encode_results(message)
                case "assistant":
                    reject_parts(message, MediaPart, ToolResultPart)
                    yield self._encode_assistant(message)
                case "system" | "developer":
                    reject_parts(message, MediaPart, ToolCallPart, ToolResultPart)
                    yield {"role": "system", "content": message.text}
                case _:
                    yield self._encode_user(message)

    def _encode_results(self, message: Message) -> Iterator[dict[str, Any]]:
        for result in message.tool_results:
            name = result.name or self._names.get(result.call_id, "")
            encoded: dict[str, Any] = {"role": "tool", "content": result.text}
            if result.media:
                encoded["images"] = [self._encode_media(part) for part in result.media]
            yield encoded | ({"tool_name": name} if name else {}) | {"tool_call_id": result.call_id}

    def _encode_assistant(self, message: Message) -> dict[str, Any]:
        texts = (part.text for part in message.parts if isinstance(part, TextPart | RefusalPart))
        encoded: dict[str, Any] = {"role": "assistant", "content": "".join(texts)}
        thinking = "".join(
            part.text for part in message.parts if isinstance(part, ReasoningPart) and part.provider in (None, VENDOR)
        )
        if thinking:
            encoded["thinking"] = thinking
        if message.tool_calls:
            encoded["tool_calls"] = [self._encode_call(call) for call in message.tool_calls]
        return encoded | _vendor_fields(message)

    def _encode_call(self, call: ToolCallPart) -> dict[str, Any]:
        if has_invalid_arguments(call):
            self._adapt("messages", "changed", INVALID_ARGUMENTS)
        if has_further_fields(call):
            self._adapt("messages", "changed", DROPPED_CALL_FIELDS)
        own = _object(call.data) if call.provider == VENDOR else {}
        function = {**_object(own.get("function")), "name": call.name, "arguments": from_json(call.json_arguments)}
        return {**own, "id": call.id, "function": function}

    def _encode_user(self, message: Message) -> dict[str, Any]:
        encoded: dict[str, Any] = {"role": "user", "content": message.text}
        images = [self._encode_media(part) for part in message.parts if isinstance(part, MediaPart)]
        for part in message.parts:
            if not isinstance(part, TextPart | MediaPart | VendorPart):
                raise UnsupportedError(f"A user message cannot contain a part of type {part.type!r} here.")
        if _has_text_after_image(message):
            self._adapt("messages", "changed", "Ollama has images beside the text: their positions in it were not sent")
        return encoded | ({"images": images} if images else {}) | _vendor_fields(message)

    def _encode_media(self, part: AnyMedia) -> str:
        """Encode an image: Ollama takes no other media, and only their content."""
        if not isinstance(part, ImagePart):
            raise UnsupportedError(f"Ollama takes no {part.type}.", hint=_CURES[part.type])
        if part.detail is not None:
            self._adapt("detail", "dropped", "Ollama has no parameter for the resolution of images")
        image = inline_media(part)
        if image is None:
            raise UnsupportedError(
                "Ollama does not fetch images from URLs, and stores no files.",
                hint="Pass the image itself: files=[…], or its bytes.",
            )
        return image.base64


def _has_text_after_image(message: Message) -> bool:
    kinds = [type(part) for part in message.parts if isinstance(part, TextPart | ImagePart)]
    return ImagePart in kinds and TextPart in kinds[kinds.index(ImagePart) :]


def _vendor_fields(message: Message) -> dict[str, Any]:
    """Return Ollama's own fields of a message; lists from a stream may be in several parts."""
    fields: dict[str, Any] = {}
    for part in _own_parts(message.parts):
        known = fields.get(part.kind)
        if isinstance(known, list) and isinstance(part.data, list):
            fields[part.kind] = [*known, *part.data]
        else:
            fields[part.kind] = part.data
    return fields


def _own_parts(parts: Iterable[object]) -> Iterator[VendorPart]:
    return (part for part in parts if isinstance(part, VendorPart) and part.provider == VENDOR)


def _encode_schema(schema: OutputSchema) -> dict[str, Any]:
    """Encode a schema, including its description, for which Ollama has no other field."""
    return {"description": schema.description, **schema.json_schema} if schema.description else schema.json_schema


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": {**function, "parameters": tool.parameters, **tool.extra}}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
