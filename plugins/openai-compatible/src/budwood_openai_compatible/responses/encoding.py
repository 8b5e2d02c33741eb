"""
Write chat requests in the form of Responses.

Source: OpenAI's API description, ``CreateResponse``.
"""

from __future__ import annotations

from typing import Any, Final

from budwood.providing import adapt_parameters
from budwood.types import Adaptation, ChatRequest, ModelRules, NamedTool, OutputSchema, TextPart, ToolDefinition
from budwood_openai_compatible.body import Body
from budwood_openai_compatible.encoding import foreign_tools, own_tools
from budwood_openai_compatible.responses.items import InputWriter
from budwood_openai_compatible.schemas import encode_strict_schema, schema_fields

MISSING_PARAMETERS: Final = ("stop", "seed", "frequency_penalty", "presence_penalty")
"""Parameters of Chat Completions that Responses does not take."""

COUNTED_FIELDS: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "text",
        "reasoning",
        "truncation",
        "previous_response_id",
        "conversation",
        "personality",
    }
)
"""The fields of a request that ``/responses/input_tokens`` takes (``TokenCountsBody``)."""


def encode_response(
    request: ChatRequest, rules: ModelRules, *, vendor: str, system_role: str | None, stream: bool
) -> Body:
    """
    Write the body of a request.

    Args:
        request: What is asked.
        rules: What the model refuses. Its new names of parameters are those of Chat Completions.
        vendor: The plugin's name: parts of other vendors are left out.
        system_role: The role of system and developer messages; None leaves each as it is.
        stream: Whether the reply is to be streamed.
    """
    parameters = adapt_parameters(
        request, rules.model_copy(update={"renames": {}}), names={"max_tokens": "max_output_tokens"}
    )
    values = parameters.values
    receipts = [*parameters.adaptations, *_missing(values), *foreign_tools(request, vendor)]
    effort = values.pop("reasoning_effort", None)
    body: dict[str, Any] = {
        "model": request.model,
        **_encode_messages(request, vendor, system_role, receipts),
        **values,
    }
    if effort is not None:
        body["reasoning"] = {"effort": effort}
    body.update(_encode_tools(request, vendor))
    if request.output_schema is not None:
        body["text"] = {"format": _encode_schema(request.output_schema)}
    if stream:
        body["stream"] = True
    for name, value in request.extra.items():
        written = body.get(name)
        body[name] = {**written, **value} if isinstance(written, dict) and isinstance(value, dict) else value
    return Body(body, tuple(receipts))


def _missing(values: dict[str, Any]) -> list[Adaptation]:
    """Take out what the API has no parameter for."""
    return [
        Adaptation(parameter=name, action="dropped", reason="the Responses API has no such parameter")
        for name in MISSING_PARAMETERS
        if values.pop(name, None) is not None
    ]


def _encode_messages(
    request: ChatRequest, vendor: str, system_role: str | None, receipts: list[Adaptation]
) -> dict[str, Any]:
    """
    Write the messages: a system message at the beginning as ``instructions``, all else as items.

    Instructions hold for one request: with ``previous_response_id`` the server would repeat an item, not these.
    """
    messages = request.messages
    written: dict[str, Any] = {}
    if messages and messages[0].role == "system" and all(isinstance(part, TextPart) for part in messages[0].parts):
        written["instructions"] = messages[0].text
        messages = messages[1:]
    writer = InputWriter(vendor, system_role, stored=request.extra.get("store") is not False)
    writer.add(messages)
    if writer.items:
        written["input"] = writer.items
    if writer.left_out:
        reason = "the vendor was told not to keep its replies, and gave no encrypted content to return"
        receipts.append(Adaptation(parameter="reasoning", action="dropped", reason=reason))
    if any(message.name for message in messages):
        reason = "the Responses API knows no names of those who speak"
        receipts.append(Adaptation(parameter="name", action="dropped", reason=reason))
    return written


def _encode_tools(request: ChatRequest, vendor: str) -> dict[str, Any]:
    tools = [*map(_tool, request.tools), *own_tools(request, vendor)]
    if not tools:
        return {}
    written: dict[str, Any] = {"tools": tools}
    choice = request.tool_choice
    if choice is not None:
        written["tool_choice"] = {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice
    return written


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    """Write a function. Unlike Chat Completions, this API is strict where nothing is said, and refuses most schemas."""
    written: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "parameters": (encode_strict_schema(tool.parameters) if tool.strict else None) or tool.parameters,
        "strict": bool(tool.strict),
    }
    if tool.description:
        written["description"] = tool.description
    return written | tool.extra


def _encode_schema(schema: OutputSchema) -> dict[str, Any]:
    written: dict[str, Any] = {"type": "json_schema", "name": schema.name, **schema_fields(schema)}
    if schema.description:
        written["description"] = schema.description
    return written
