"""
Encode requests to Responses.

Source: OpenAI's API description, ``CreateResponse``.
"""

from __future__ import annotations

from typing import Any, Final

from budwood.providing import adapt_parameters
from budwood.types import Adaptation, ChatRequest, ModelRules, NamedTool, OutputSchema, TextPart, ToolDefinition
from budwood_openai_compatible.body import Body
from budwood_openai_compatible.encoding import list_own_tools, report_foreign_tools
from budwood_openai_compatible.responses.items import InputEncoder
from budwood_openai_compatible.schemas import encode_strict_schema, schema_fields

MISSING_PARAMETERS: Final = ("stop", "seed", "frequency_penalty", "presence_penalty")
"""Parameters of Chat Completions that Responses does not support."""

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
"""The fields of a request that ``/responses/input_tokens`` accepts (``TokenCountsBody``)."""


def encode_response(
    request: ChatRequest, rules: ModelRules, *, vendor: str, system_role: str | None, stream: bool
) -> Body:
    """
    Return the body of a request.

    Args:
        request: The request.
        rules: The catalog's rules for the model. Its renames apply only to Chat Completions.
        vendor: The receiving provider. Parts of other vendors are not sent.
        system_role: The role of system and developer messages; None leaves it unchanged.
        stream: Whether to request a stream.
    """
    parameters = adapt_parameters(
        request, rules.model_copy(update={"renames": {}}), names={"max_tokens": "max_output_tokens"}
    )
    values = parameters.values
    adaptations = [*parameters.adaptations, *_remove_unsupported(values), *report_foreign_tools(request, vendor)]
    effort = values.pop("reasoning_effort", None)
    body: dict[str, Any] = {
        "model": request.model,
        **_encode_messages(request, vendor, system_role, adaptations),
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
        encoded = body.get(name)
        body[name] = {**encoded, **value} if isinstance(encoded, dict) and isinstance(value, dict) else value
    return Body(body, tuple(adaptations))


def _remove_unsupported(values: dict[str, Any]) -> list[Adaptation]:
    """Remove parameters that the API does not have, and return their adaptations."""
    return [
        Adaptation(parameter=name, action="dropped", reason="the Responses API has no such parameter")
        for name in MISSING_PARAMETERS
        if values.pop(name, None) is not None
    ]


def _encode_messages(
    request: ChatRequest, vendor: str, system_role: str | None, adaptations: list[Adaptation]
) -> dict[str, Any]:
    """
    Encode messages: a system message at the beginning as ``instructions``, the others as items.

    Instructions apply to one request. With ``previous_response_id``, an item would be repeated.
    """
    messages = request.messages
    encoded: dict[str, Any] = {}
    if messages and messages[0].role == "system" and all(isinstance(part, TextPart) for part in messages[0].parts):
        encoded["instructions"] = messages[0].text
        messages = messages[1:]
    encoder = InputEncoder(vendor, system_role, stored=request.extra.get("store") is not False)
    encoder.add(messages)
    if encoder.items:
        encoded["input"] = encoder.items
    if encoder.omitted:
        reason = "with store=False, the server needs encrypted reasoning, and it sent none"
        adaptations.append(Adaptation(parameter="reasoning", action="dropped", reason=reason))
    if any(message.name for message in messages):
        reason = "the Responses API does not support names of messages"
        adaptations.append(Adaptation(parameter="name", action="dropped", reason=reason))
    return encoded


def _encode_tools(request: ChatRequest, vendor: str) -> dict[str, Any]:
    tools = [*map(_encode_tool, request.tools), *list_own_tools(request, vendor)]
    if not tools:
        return {}
    encoded: dict[str, Any] = {"tools": tools}
    choice = request.tool_choice
    if choice is not None:
        encoded["tool_choice"] = {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice
    return encoded


def _encode_tool(tool: ToolDefinition) -> dict[str, Any]:
    """Encode a function. Unlike Chat Completions, this API is strict by default and rejects most schemas."""
    encoded: dict[str, Any] = {
        "type": "function",
        "name": tool.name,
        "parameters": (encode_strict_schema(tool.parameters) if tool.strict else None) or tool.parameters,
        "strict": bool(tool.strict),
    }
    if tool.description:
        encoded["description"] = tool.description
    return encoded | tool.extra


def _encode_schema(schema: OutputSchema) -> dict[str, Any]:
    encoded: dict[str, Any] = {"type": "json_schema", "name": schema.name, **schema_fields(schema)}
    if schema.description:
        encoded["description"] = schema.description
    return encoded
