"""
Encode chat requests for ``generateContent``.

Source: ai.google.dev/api/generate-content, and the discovery document ``aiplatform.v1`` for names and types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from budwood.providing import (
    DROPPED_CACHE_MARKS,
    DROPPED_CALL_FIELDS,
    INVALID_ARGUMENTS,
    adapt_parameters,
    has_cache_marks,
    has_further_fields,
    has_invalid_arguments,
)
from budwood.types import (
    JSON,
    Adaptation,
    ChatRequest,
    ModelRules,
    NamedTool,
    ReasoningPart,
    ToolDefinition,
    VendorPart,
)
from budwood_gemini.content import encode_contents, encode_instruction, find_signature, has_late_system_message
from budwood_gemini.media import VENDOR, Form
from budwood_gemini.resolutions import choose_resolution
from budwood_gemini.schemas import convert_schema
from budwood_gemini.settings import GeminiSettings
from budwood_gemini.tool_results import has_moved_media

THINKING_BUDGET: Final = "thinking_budget"
"""Trait of models that take a thinking budget instead of a level, and no signatures (2.5)."""

SCHEMA_OR_TOOLS: Final = "schema_or_tools"
"""Trait of models that reject a response schema together with functions (all before 3)."""

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
    "minimal": 512,  # the minimum of all models
    "low": 1024,
    "medium": 8192,
    "high": 24576,
}
"""The thinking budget of each effort; from "low" on those of Google's OpenAI-compatible API."""


class Body(NamedTuple):
    """The body of a request, and its adaptations."""

    values: dict[str, Any]
    adaptations: tuple[Adaptation, ...] = ()


def encode_request(request: ChatRequest, rules: ModelRules, settings: GeminiSettings) -> Body:
    """Encode a request."""
    config, adaptations = _encode_generation(request, rules, settings)
    signed = is_signed(rules)
    resolution = choose_resolution(request, signed=signed)
    form = Form(signed, settings.base_url, resolution.is_of_parts)
    body: dict[str, Any] = {
        **encode_instruction(request.messages),
        "contents": encode_contents(request.messages, form),
        **_encode_tools(request, rules),
    }
    if resolution.level is not None:
        config["mediaResolution"] = resolution.level
    if request.output_schema is not None:
        if request.tools and SCHEMA_OR_TOOLS in rules.traits:
            _request_in_words(body, request.output_schema.json_schema)
            reason = f"{request.model} takes no schema together with tools: it was sent in words"
            adaptations.append(Adaptation(parameter="output_schema", action="changed", reason=reason))
        else:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = convert_schema(request.output_schema.json_schema)
    if config:
        body["generationConfig"] = config
    body |= encode_safety_settings(settings)
    adaptations += (*resolution.adaptations, *_other_adaptations(request, form))
    return Body(merge_extra(body, request.extra), tuple(adaptations))


def is_signed(rules: ModelRules) -> bool:
    """Return whether a model is Gemini 3 or later; see `Form`."""
    return THINKING_BUDGET not in rules.traits


def encode_safety_settings(settings: GeminiSettings) -> dict[str, Any]:
    """Encode the thresholds of the settings, if there are any."""
    rows = settings.safety_settings.items()
    return {"safetySettings": [{"category": name, "threshold": threshold} for name, threshold in rows]} if rows else {}


def merge_extra(body: dict[str, Any], extra: Mapping[str, JSON]) -> dict[str, Any]:
    """Merge the caller's `extra` into the body; objects such as ``generationConfig`` are merged, not replaced."""
    merged = dict(body)
    for name, value in extra.items():
        known = merged.get(name)
        merged[name] = merge_extra(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged


def _encode_generation(
    request: ChatRequest, rules: ModelRules, settings: GeminiSettings
) -> tuple[dict[str, Any], list[Adaptation]]:
    parameters = adapt_parameters(request.model_copy(update={"parallel_tool_calls": None}), rules, names=NAMES)
    config, adaptations = parameters.values, list(parameters.adaptations)
    effort, budget = config.pop("reasoning_effort", None), config.pop("thinkingBudget", None)
    if effort is not None and budget is not None:
        reason = "Gemini takes an effort or a budget, not both: the budget was sent"
        adaptations.append(Adaptation(parameter="reasoning_effort", action="dropped", reason=reason))
    thinking = _encode_thinking(effort, budget, takes_budget=THINKING_BUDGET in rules.traits)
    is_on = bool(thinking) and thinking != {"thinkingBudget": 0}
    if is_on if settings.include_thoughts is None else settings.include_thoughts:
        thinking["includeThoughts"] = True
    if thinking:
        config["thinkingConfig"] = thinking
    return config, adaptations


def _encode_thinking(effort: str | None, budget: int | None, *, takes_budget: bool) -> dict[str, Any]:
    if budget is not None:
        return {"thinkingBudget": budget}
    if effort is None:
        return {}
    if takes_budget and effort in _BUDGETS:
        return {"thinkingBudget": _BUDGETS[effort]}
    return {"thinkingLevel": effort.upper()}


def _encode_tools(request: ChatRequest, rules: ModelRules) -> dict[str, Any]:
    """Encode functions, Google's own tools, and the tool choice."""
    own = [dict(tool.data) for tool in request.vendor_tools if tool.provider == VENDOR]
    functions = [_encode_function(tool) for tool in request.tools]
    encoded: dict[str, Any] = {}
    if tools := [*own, *([{"functionDeclarations": functions}] if functions else ())]:
        encoded["tools"] = tools
    config: dict[str, Any] = {}
    if choice := _encode_tool_choice(request):
        config["functionCallingConfig"] = choice
    if own and functions and THINKING_BUDGET not in rules.traits:
        config["includeServerSideToolInvocations"] = True  # the API requires it for both together
    return {**encoded, "toolConfig": config} if config else encoded


def _encode_function(tool: ToolDefinition) -> dict[str, Any]:
    schema: dict[str, Any] = {"parametersJsonSchema": convert_schema(tool.parameters)} if tool.parameters else {}
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, **schema, **tool.extra}


def _encode_tool_choice(request: ChatRequest) -> dict[str, Any]:
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


def _request_in_words(body: dict[str, Any], schema: Mapping[str, JSON]) -> None:
    words = (
        "When you need no more tools, answer with one JSON value and nothing else. It must satisfy this JSON schema:\n"
        + to_json(schema).decode()
    )
    body.setdefault("systemInstruction", {"parts": []})["parts"].append({"text": words})


def _other_adaptations(request: ChatRequest, form: Form) -> Iterator[Adaptation]:
    """Yield adaptations for what the API has no place for."""
    if has_late_system_message(request.messages):
        reason = "Gemini has one system instruction: later system messages were moved there"
        yield Adaptation(parameter="messages", action="changed", reason=reason)
    if any(has_moved_media(message, form) for message in request.messages):
        reason = "media in a tool's result are sent after it, since the model does not take them inside"
        yield Adaptation(parameter="messages", action="changed", reason=reason)
    calls = [call for message in request.messages for call in message.tool_calls]
    if any(map(has_invalid_arguments, calls)):
        yield Adaptation(parameter="messages", action="changed", reason=INVALID_ARGUMENTS)
    if any(has_further_fields(call) and not find_signature(call) for call in calls):
        yield Adaptation(parameter="messages", action="changed", reason=DROPPED_CALL_FIELDS)
    if any(message.name for message in request.messages):
        yield Adaptation(parameter="name", action="dropped", reason="the API has no names of speakers")
    if has_cache_marks(request.messages):
        yield DROPPED_CACHE_MARKS
    if request.parallel_tool_calls is False:
        reason = "Gemini may always call several functions at once"
        yield Adaptation(parameter="parallel_tool_calls", action="dropped", reason=reason)
    if any(tool.provider != VENDOR for tool in request.vendor_tools):
        yield Adaptation(parameter="vendor_tools", action="dropped", reason="they are tools of another vendor")
    if _has_foreign_parts(request):
        reason = "parts of other vendors are not sent"
        yield Adaptation(parameter="messages", action="changed", reason=reason)


def _has_foreign_parts(request: ChatRequest) -> bool:
    parts = (part for message in request.messages for part in message.parts)
    return any(isinstance(part, VendorPart | ReasoningPart) and part.provider != VENDOR for part in parts)
