"""
Write chat requests for ``generateContent``.

Source: ai.google.dev/api/generate-content, and the discovery document ``aiplatform.v1`` for names and types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from budwood.providing import INVALID_ARGUMENTS, adapt_parameters, has_invalid_arguments
from budwood.types import (
    JSON,
    Adaptation,
    ChatRequest,
    ImagePart,
    ModelRules,
    NamedTool,
    ToolDefinition,
    VendorPart,
)
from budwood_gemini.content import VENDOR, encode_contents, encode_instruction, has_late_instruction
from budwood_gemini.schemas import known_schema
from budwood_gemini.settings import GeminiSettings
from budwood_gemini.tool_results import encode_moved_images

COUNTS_BUDGET: Final = "thinking_budget"
"""Trait of models that think for a number of tokens, not on a level, and that ask for no signatures (2.5)."""

SCHEMA_OR_TOOLS: Final = "schema_or_tools"
"""Trait of models that refuse a schema of the reply beside functions (all before 3)."""

NAMES: Final = {
    "top_p": "topP",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "frequency_penalty": "frequencyPenalty",
    "presence_penalty": "presencePenalty",
    "reasoning_budget": "thinkingBudget",
}
"""The vendor's names of parameters, by ours."""

_BUDGETS: Final[Mapping[str, int]] = {
    "none": 0,
    "minimal": 512,  # the least that all of them take
    "low": 1024,
    "medium": 8192,
    "high": 24576,
}
"""Tokens of thought by effort; from "low" on as Google's own OpenAI-compatible API has it."""

_RESOLUTIONS: Final = {
    "low": "MEDIA_RESOLUTION_LOW",
    "medium": "MEDIA_RESOLUTION_MEDIUM",
    "high": "MEDIA_RESOLUTION_HIGH",
}


class Body(NamedTuple):
    """The body of a request, and the receipts for what is not in it as it was given."""

    values: dict[str, Any]
    adaptations: tuple[Adaptation, ...] = ()


def encode_request(request: ChatRequest, rules: ModelRules, settings: GeminiSettings) -> Body:
    """Write a whole request."""
    config, receipts = _generation(request, rules, settings)
    body: dict[str, Any] = {
        **encode_instruction(request.messages),
        "contents": encode_contents(request.messages, signed=COUNTS_BUDGET not in rules.traits),
        **_tools(request, rules),
    }
    if request.output_schema is not None:
        if request.tools and SCHEMA_OR_TOOLS in rules.traits:
            _demand_in_words(body, request.output_schema.json_schema)
            reason = f"{request.model} takes no schema beside tools: it is asked for in words"
            receipts.append(Adaptation(parameter="output_schema", action="changed", reason=reason))
        else:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = known_schema(request.output_schema.json_schema)
    if config:
        body["generationConfig"] = config
    if settings.safety_settings:
        rows = settings.safety_settings.items()
        body["safetySettings"] = [{"category": category, "threshold": threshold} for category, threshold in rows]
    receipts.extend(_receipts(request, multimodal=COUNTS_BUDGET not in rules.traits))
    return Body(_merged(body, request.extra), tuple(receipts))


def _merged(body: dict[str, Any], extra: Mapping[str, JSON]) -> dict[str, Any]:
    """Put the vendor's own parameters in; objects such as ``generationConfig`` are completed, not replaced."""
    merged = dict(body)
    for name, value in extra.items():
        known = merged.get(name)
        merged[name] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _generation(
    request: ChatRequest, rules: ModelRules, settings: GeminiSettings
) -> tuple[dict[str, Any], list[Adaptation]]:
    parameters = adapt_parameters(request.model_copy(update={"parallel_tool_calls": None}), rules, names=NAMES)
    config, receipts = parameters.values, list(parameters.adaptations)
    effort, budget = config.pop("reasoning_effort", None), config.pop("thinkingBudget", None)
    if effort is not None and budget is not None:
        reason = "Gemini takes an effort or a budget: the budget was sent"
        receipts.append(Adaptation(parameter="reasoning_effort", action="dropped", reason=reason))
    thinking = _thinking(effort, budget, counted=COUNTS_BUDGET in rules.traits)
    wished = bool(thinking) and thinking != {"thinkingBudget": 0}
    if wished if settings.include_thoughts is None else settings.include_thoughts:
        thinking["includeThoughts"] = True
    if thinking:
        config["thinkingConfig"] = thinking
    details = {part.detail for message in request.messages for part in message.parts if isinstance(part, ImagePart)}
    if wanted := [detail for detail in _RESOLUTIONS if detail in details]:
        config["mediaResolution"] = _RESOLUTIONS[wanted[-1]]
    if len(details) > 1 or details - {None, "auto", *_RESOLUTIONS}:
        reason = "Gemini knows three resolutions, and one for the whole request: the highest that it knows was sent"
        receipts.append(Adaptation(parameter="detail", action="changed", reason=reason))
    return config, receipts


def _thinking(effort: str | None, budget: int | None, *, counted: bool) -> dict[str, Any]:
    if budget is not None:
        return {"thinkingBudget": budget}
    if effort is None:
        return {}
    if counted and effort in _BUDGETS:
        return {"thinkingBudget": _BUDGETS[effort]}
    return {"thinkingLevel": effort.upper()}


def _tools(request: ChatRequest, rules: ModelRules) -> dict[str, Any]:
    """Write the functions that the model may call, the vendor's own tools, and which of them must be called."""
    own = [dict(tool.data) for tool in request.vendor_tools if tool.provider == VENDOR]
    functions = [_function(tool) for tool in request.tools]
    written: dict[str, Any] = {}
    if tools := [*own, *([{"functionDeclarations": functions}] if functions else ())]:
        written["tools"] = tools
    config: dict[str, Any] = {}
    if calling := _calling(request):
        config["functionCallingConfig"] = calling
    if own and functions and COUNTS_BUDGET not in rules.traits:
        config["includeServerSideToolInvocations"] = True  # else the API refuses the two together
    return {**written, "toolConfig": config} if config else written


def _function(tool: ToolDefinition) -> dict[str, Any]:
    schema: dict[str, Any] = {"parametersJsonSchema": known_schema(tool.parameters)} if tool.parameters else {}
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, **schema, **tool.extra}


def _calling(request: ChatRequest) -> dict[str, Any]:
    choice = request.tool_choice
    if not request.tools:
        return {}
    if isinstance(choice, NamedTool):
        return {"mode": "ANY", "allowedFunctionNames": [choice.name]}
    if choice in ("none", "required"):
        return {"mode": "NONE" if choice == "none" else "ANY"}
    if any(tool.strict for tool in request.tools):
        return {"mode": "VALIDATED"}
    return {"mode": "AUTO"} if choice == "auto" else {}


def _demand_in_words(body: dict[str, Any], schema: Mapping[str, JSON]) -> None:
    demand = (
        "When you need no more tools, answer with one JSON value and nothing else. It must satisfy this JSON schema:\n"
        + to_json(schema).decode()
    )
    body.setdefault("systemInstruction", {"parts": []})["parts"].append({"text": demand})


def _receipts(request: ChatRequest, *, multimodal: bool) -> Iterator[Adaptation]:
    """List what Gemini has no place for."""
    if has_late_instruction(request.messages):
        reason = "Gemini has one instruction, before the conversation: later system messages were moved there"
        yield Adaptation(parameter="messages", action="changed", reason=reason)
    if any(encode_moved_images(message, multimodal=multimodal) for message in request.messages):
        where = "images with an address" if multimodal else "images"
        reason = f"{where} in a tool's result are sent after it: the model takes none inside"
        yield Adaptation(parameter="messages", action="changed", reason=reason)
    if any(has_invalid_arguments(call) for message in request.messages for call in message.tool_calls):
        yield Adaptation(parameter="messages", action="changed", reason=INVALID_ARGUMENTS)
    if any(message.name for message in request.messages):
        yield Adaptation(parameter="name", action="dropped", reason="Gemini's messages have no names")
    if request.parallel_tool_calls is False:
        reason = "Gemini cannot be kept from calling several functions at once"
        yield Adaptation(parameter="parallel_tool_calls", action="dropped", reason=reason)
    if any(tool.provider != VENDOR for tool in request.vendor_tools):
        yield Adaptation(parameter="vendor_tools", action="dropped", reason="they are another vendor's")
    if _is_foreign(request):
        reason = "parts of other vendors stay with them"
        yield Adaptation(parameter="messages", action="changed", reason=reason)


def _is_foreign(request: ChatRequest) -> bool:
    parts = (part for message in request.messages for part in message.parts)
    return any(isinstance(part, VendorPart) and part.provider != VENDOR for part in parts)
