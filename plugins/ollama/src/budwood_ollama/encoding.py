"""
Write chat requests in the form of Ollama's ``/api/chat``.

Source: Ollama's API description, ``ChatRequest``, and its documentation of tools and thinking.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

from budwood.errors import UnsupportedError
from budwood.providing import INVALID_ARGUMENTS, adapt_parameters, has_invalid_arguments, inline_image, reject_parts
from budwood.types import (
    Adaptation,
    ChatRequest,
    ImagePart,
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

LEVELS: Final = "thinking_levels"
"""The trait in the catalog of models that take levels of thinking; all others take true or false."""

_LACKS: Final = ("parallel_tool_calls",)
"""Parameters of ours that Ollama has nothing for."""


class ChatWriter:
    """
    Writes one request, and the receipts for what is not sent as given.

    Args:
        request: What is asked.
        rules: What the catalog says of the model.
    """

    def __init__(self, request: ChatRequest, rules: ModelRules) -> None:
        self._request = request
        self._rules = rules
        self._names = {call.id: call.name for message in request.messages for call in message.tool_calls}
        self.receipts: list[Adaptation] = []

    def write(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Write the body; ``options`` are those of the settings, and those of the request come before them."""
        request = self._request
        own = self._parameters()
        think = own.pop("reasoning_effort", None)
        options = {**options, **own, **_table(request.extra.get("options"))}
        body: dict[str, Any] = {"model": request.model, "messages": list(self._messages())}
        if options:
            body["options"] = options
        if tools := self._tools():
            body["tools"] = tools
        if think is not None:
            body["think"] = self._think(think)
        if request.output_schema is not None:
            body["format"] = _format(request.output_schema)
        return body | {name: value for name, value in request.extra.items() if name != "options"}

    def _parameters(self) -> dict[str, Any]:
        parameters = adapt_parameters(self._request, self._rules, names={"max_tokens": "num_predict"})
        self.receipts.extend(parameters.adaptations)
        for name in _LACKS:
            if parameters.values.pop(name, None) is not None:
                self._note(name, "dropped", "Ollama has no such parameter")
        return parameters.values

    def _note(self, parameter: str, action: str, reason: str) -> None:
        self.receipts.append(Adaptation(parameter=parameter, action=action, reason=reason))

    def _think(self, effort: str) -> bool | str:
        """
        Write whether to think, or how long, for models that know levels: the catalog says which.

        To any other model a level is an error, on older servers, or means no more than true.
        """
        if LEVELS in self._rules.traits:
            return effort
        if effort != "none":
            self._note("reasoning_effort", "changed", f"{self._request.model} is told to think, but not how long")
        return effort != "none"

    def _tools(self) -> list[dict[str, Any]]:
        vendors = self._request.vendor_tools
        if any(tool.provider != VENDOR for tool in vendors):
            self._note("vendor_tools", "dropped", "they are tools of another vendor")
        if any(tool.strict for tool in self._request.tools):
            self._note("tools.strict", "dropped", "Ollama does not bind arguments to their schema")
        return [*map(_tool, self._offered()), *(tool.data for tool in vendors if tool.provider == VENDOR)]

    def _offered(self) -> tuple[ToolDefinition, ...]:
        """Choose the tools to offer: Ollama has no ``tool_choice``, so leaving tools out is all that can be done."""
        tools, choice = self._request.tools, self._request.tool_choice
        if not tools or choice in (None, "auto"):
            return tools
        if choice == "none":
            self._note("tool_choice", "changed", "Ollama has none: the tools are left out")
            return ()
        if isinstance(choice, NamedTool):
            self._note("tool_choice", "changed", f"Ollama has none: {choice.name} is the only tool offered")
            return tuple(tool for tool in tools if tool.name == choice.name)
        self._note("tool_choice", "dropped", "Ollama has none: the model decides whether it calls a tool")
        return tools

    def _messages(self) -> Iterator[dict[str, Any]]:
        for message in self._request.messages:
            if message.name:
                self._note("name", "dropped", "Ollama's messages have no name")
            match message.role:
                case "tool":
                    reject_parts(message, ImagePart, ToolCallPart)
                    yield from self._results(message)
                case "assistant":
                    reject_parts(message, ImagePart, ToolResultPart)
                    yield self._assistant(message)
                case "system" | "developer":
                    reject_parts(message, ImagePart, ToolCallPart, ToolResultPart)
                    yield {"role": "system", "content": message.text}
                case _:
                    yield self._user(message)

    def _results(self, message: Message) -> Iterator[dict[str, Any]]:
        for result in message.tool_results:
            name = result.name or self._names.get(result.call_id, "")
            written: dict[str, Any] = {"role": "tool", "content": result.text}
            if result.images:
                written["images"] = [self._image(part) for part in result.images]
            yield written | ({"tool_name": name} if name else {}) | {"tool_call_id": result.call_id}

    def _assistant(self, message: Message) -> dict[str, Any]:
        spoken = (part.text for part in message.parts if isinstance(part, TextPart | RefusalPart))
        written: dict[str, Any] = {"role": "assistant", "content": "".join(spoken)}
        thought = "".join(
            part.text for part in message.parts if isinstance(part, ReasoningPart) and part.provider in (None, VENDOR)
        )
        if thought:
            written["thinking"] = thought
        if message.tool_calls:
            written["tool_calls"] = [self._call(wanted) for wanted in message.tool_calls]
        return written | _returned(message)

    def _call(self, wanted: ToolCallPart) -> dict[str, Any]:
        if has_invalid_arguments(wanted):
            self._note("messages", "changed", INVALID_ARGUMENTS)
        more = _table(wanted.data) if wanted.provider == VENDOR else {}
        function = {**_table(more.get("function")), "name": wanted.name, "arguments": from_json(wanted.json_arguments)}
        return {**more, "id": wanted.id, "function": function}

    def _user(self, message: Message) -> dict[str, Any]:
        written: dict[str, Any] = {"role": "user", "content": message.text}
        images = [self._image(part) for part in message.parts if isinstance(part, ImagePart)]
        for part in message.parts:
            if not isinstance(part, TextPart | ImagePart | VendorPart):
                raise UnsupportedError(f"A user's message cannot hold {part.type} here.")
        if _has_text_after_image(message):
            self._note("messages", "changed", "Ollama has images beside the text: their place in it was not sent")
        return written | ({"images": images} if images else {}) | _returned(message)

    def _image(self, part: ImagePart) -> str:
        if part.detail is not None:
            self._note("detail", "dropped", "Ollama looks at every image in one resolution")
        image = inline_image(part)
        if image is None:
            raise UnsupportedError(
                "Ollama fetches no images from addresses.", hint="Give the image itself: files=[…], or its bytes."
            )
        return image.base64


def _has_text_after_image(message: Message) -> bool:
    kinds = [type(part) for part in message.parts if isinstance(part, TextPart | ImagePart)]
    return ImagePart in kinds and TextPart in kinds[kinds.index(ImagePart) :]


def _returned(message: Message) -> dict[str, Any]:
    """Write the fields that only Ollama understands; a stream brought lists in several parts."""
    returned: dict[str, Any] = {}
    for part in _of_ollama(message.parts):
        known = returned.get(part.kind)
        if isinstance(known, list) and isinstance(part.data, list):
            returned[part.kind] = [*known, *part.data]
        else:
            returned[part.kind] = part.data
    return returned


def _of_ollama(parts: Iterable[object]) -> Iterator[VendorPart]:
    return (part for part in parts if isinstance(part, VendorPart) and part.provider == VENDOR)


def _format(schema: OutputSchema) -> dict[str, Any]:
    """Write a schema, with its description inside: Ollama has no other place for one."""
    return {"description": schema.description, **schema.json_schema} if schema.description else schema.json_schema


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": {**function, "parameters": tool.parameters, **tool.extra}}


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
