"""
Encode the parameters of a request for Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/message_create_params.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from budwood.providing import adapt_parameters
from budwood.types import Adaptation, Capability, ChatRequest, ModelRules, NamedTool, ToolDefinition
from budwood_anthropic.cache_control import encode_cache_control, with_cache_control
from budwood_anthropic.decoding import VENDOR
from budwood_anthropic.encoding import encode_conversation
from budwood_anthropic.schemas import convert_schema
from budwood_anthropic.thinking import Thinking, encode_thinking, with_traits

DEFAULT_MAX_OUTPUT: Final = 4096
"""The ``max_tokens`` of models that the catalog does not know. The API requires one; all its models support this."""

VERSION: Final = "anthropic_version"
"""The parameter in ``extra`` with the version of the API, which becomes a header."""

MAX_TEMPERATURE: Final = 1.0

_MIN_WHILE_THINKING: Final = {"temperature": MAX_TEMPERATURE, "top_p": 0.95}
"""The least values that the API takes while the model thinks."""

_UNSUPPORTED: Final = frozenset({"seed", "frequency_penalty", "presence_penalty"})
_NAMES: Final = {"stop": "stop_sequences", "reasoning_budget": "reasoning_budget"}
_ENCODED_ELSEWHERE: Final = ("reasoning_effort", "reasoning_budget", "parallel_tool_calls", "max_tokens")


class Body(NamedTuple):
    """
    The body of a request.

    Attributes:
        values: The fields.
        betas: The beta features that the request asks for.
        adaptations: What was changed.
        version: The version of the API that the request asks for, or None for that of the settings.
    """

    values: dict[str, Any]
    betas: tuple[str, ...]
    adaptations: tuple[Adaptation, ...]
    version: str | None = None


def encode_body(request: ChatRequest, rules: ModelRules) -> Body:
    """Encode a request, without the field ``stream``."""
    rules = with_traits(rules)
    thinking = encode_thinking(request, rules)
    conversation = encode_conversation(request.messages, inline_system="inline_system" in rules.traits)
    sampling, of_sampling = _encode_sampling(request, rules, thinking)
    tools, of_tools = _encode_tools(request, rules, thinking)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or _max_output(rules, thinking),
        "messages": conversation.messages,
        **({"system": conversation.system} if conversation.system else {}),
        **sampling,
        **({"thinking": thinking.config} if thinking.config else {}),
        **tools,
        **_encode_output(request, thinking),
    }
    if request.prompt_cache is not None:
        body["cache_control"] = encode_cache_control(request.prompt_cache)
    adaptations = (*of_sampling, *thinking.adaptations, *of_tools, *conversation.adaptations)
    betas = _add_extra(body, request)
    return Body(body, betas, adaptations, body.pop(VERSION, None))


def _max_output(rules: ModelRules, thinking: Thinking) -> int:
    return rules.max_output_tokens or DEFAULT_MAX_OUTPUT + (thinking.budget or 0)


def _encode_sampling(
    request: ChatRequest, rules: ModelRules, thinking: Thinking
) -> tuple[dict[str, Any], tuple[Adaptation, ...]]:
    """Encode the sampling parameters and the stop sequences."""
    rules = rules.model_copy(update={"refuses": rules.refuses | _UNSUPPORTED})
    parameters = adapt_parameters(request, rules, names=_NAMES)
    values = {name: value for name, value in parameters.values.items() if name not in _ENCODED_ELSEWHERE}
    adaptations = list(parameters.adaptations)
    if values.get("temperature", 0) > MAX_TEMPERATURE:
        values["temperature"] = MAX_TEMPERATURE
        adaptations.append(Adaptation(parameter="temperature", action="changed", reason="the maximum is 1"))
    if thinking.on:
        for name, minimum in _MIN_WHILE_THINKING.items():
            if values.get(name, minimum) < minimum:
                del values[name]
                reason = "it is rejected while the model thinks"
                adaptations.append(Adaptation(parameter=name, action="dropped", reason=reason))
    return values, tuple(adaptations)


def _encode_tools(
    request: ChatRequest, rules: ModelRules, thinking: Thinking
) -> tuple[dict[str, Any], tuple[Adaptation, ...]]:
    """Encode the tools and the tool choice."""
    strict = Capability.JSON_SCHEMA not in rules.lacks
    encoded: list[dict[str, Any]] = [_encode_tool(tool, strict=strict) for tool in request.tools]
    encoded += [tool.data for tool in request.vendor_tools if tool.provider == VENDOR]
    if not encoded:
        return {}, ()
    adaptations: list[Adaptation] = []
    if not strict and any(tool.strict for tool in request.tools):
        reason = f"{request.model} does not guarantee to follow a schema"
        adaptations.append(Adaptation(parameter="tools.strict", action="dropped", reason=reason))
    choice = _encode_choice(request)
    thinks = thinking.budget is not None or _thinks_by_extra(request)
    if choice and choice["type"] in ("any", "tool") and (thinks or "no_forced_tools" in rules.traits):
        choice = {**{name: value for name, value in choice.items() if name != "name"}, "type": "auto"}
        reason = "a model that thinks cannot be forced" if thinks else f"{request.model} cannot be forced"
        adaptations.append(Adaptation(parameter="tool_choice", action="changed", reason=reason))
    return {"tools": encoded, **({"tool_choice": choice} if choice else {})}, tuple(adaptations)


def _thinks_by_extra(request: ChatRequest) -> bool:
    """Return whether the caller's `extra` sets a thinking budget."""
    own = request.extra.get("thinking")
    return isinstance(own, Mapping) and own.get("type") == "enabled"


def _encode_choice(request: ChatRequest) -> dict[str, Any]:
    choice = request.tool_choice
    encoded: dict[str, Any] = {}
    if isinstance(choice, NamedTool):
        encoded = {"type": "tool", "name": choice.name}
    elif choice is not None:
        encoded = {"type": "any" if choice == "required" else choice}
    if request.parallel_tool_calls is False and choice != "none":
        encoded = {"type": "auto", **encoded, "disable_parallel_tool_use": True}
    return encoded


def _encode_tool(tool: ToolDefinition, *, strict: bool) -> dict[str, Any]:
    encoded: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters}
    if tool.description:
        encoded["description"] = tool.description
    if tool.strict is not None and strict:
        encoded["strict"] = tool.strict
    return with_cache_control({**encoded, **tool.extra}, tool.cache)


def _encode_output(request: ChatRequest, thinking: Thinking) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if thinking.effort:
        config["effort"] = thinking.effort
    if request.output_schema is not None:
        config["format"] = {"type": "json_schema", "schema": convert_schema(request.output_schema.json_schema)}
    return {"output_config": config} if config else {}


def _add_extra(body: dict[str, Any], request: ChatRequest) -> tuple[str, ...]:
    """Add the caller's `extra`, of which tools and ``output_config`` are merged with ours; return the betas."""
    extra: dict[str, Any] = dict(request.extra)
    betas = extra.pop("betas", None) or ()
    if isinstance(extra.get("tools"), list):
        body["tools"] = [*body.get("tools", ()), *extra.pop("tools")]
    if isinstance(extra.get("output_config"), dict):
        body["output_config"] = {**body.get("output_config", {}), **extra.pop("output_config")}
    body.update(extra)
    return (betas,) if isinstance(betas, str) else tuple(betas)
