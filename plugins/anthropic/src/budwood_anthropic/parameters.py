"""
Write the parameters of a request in the form of Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.11.0: ``types/message_create_params.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from budwood.providing import adapt_parameters
from budwood.types import Adaptation, Capability, ChatRequest, ModelRules, NamedTool, ToolDefinition
from budwood_anthropic.decoding import VENDOR
from budwood_anthropic.encoding import encode_conversation
from budwood_anthropic.marks import encode_mark, marked
from budwood_anthropic.schemas import accepted
from budwood_anthropic.thinking import Thinking, encode_thinking, with_traits

LEAST_KNOWN_OUTPUT: Final = 4096
"""The vendor demands a bound of the output; every one of its models can write so many tokens."""

HIGHEST_TEMPERATURE: Final = 1.0

_LEAST_WHILE_THINKING: Final = {"temperature": HIGHEST_TEMPERATURE, "top_p": 0.95}
"""While the model thinks, less is refused."""

_UNKNOWN: Final = frozenset({"seed", "frequency_penalty", "presence_penalty"})
_NAMES: Final = {"stop": "stop_sequences", "reasoning_budget": "reasoning_budget"}
_WRITTEN_ELSEWHERE: Final = ("reasoning_effort", "reasoning_budget", "parallel_tool_calls", "max_tokens")


class Body(NamedTuple):
    """The body of a request, the features under test that it asks for, and its receipts."""

    values: dict[str, Any]
    betas: tuple[str, ...]
    adaptations: tuple[Adaptation, ...]


def encode_body(request: ChatRequest, rules: ModelRules) -> Body:
    """Write a request, all but whether it is streamed."""
    rules = with_traits(rules)
    thinking = encode_thinking(request, rules)
    conversation = encode_conversation(request.messages, inline_system="inline_system" in rules.traits)
    sampling, receipts = _sampling(request, rules, thinking)
    tools, of_tools = _tools(request, rules, thinking)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or _most_output(rules, thinking),
        "messages": conversation.messages,
        **({"system": conversation.system} if conversation.system else {}),
        **sampling,
        **({"thinking": thinking.config} if thinking.config else {}),
        **tools,
        **_output(request, thinking),
    }
    if request.prompt_cache is not None:
        body["cache_control"] = encode_mark(request.prompt_cache)
    betas = _add_extra(body, request)
    return Body(body, betas, (*receipts, *thinking.adaptations, *of_tools, *conversation.adaptations))


def _most_output(rules: ModelRules, thinking: Thinking) -> int:
    return rules.max_output_tokens or LEAST_KNOWN_OUTPUT + (thinking.budget or 0)


def _sampling(
    request: ChatRequest, rules: ModelRules, thinking: Thinking
) -> tuple[dict[str, Any], tuple[Adaptation, ...]]:
    """Write what the model is told of chance and of where to stop."""
    rules = rules.model_copy(update={"refuses": rules.refuses | _UNKNOWN})
    parameters = adapt_parameters(request, rules, names=_NAMES)
    values = {name: value for name, value in parameters.values.items() if name not in _WRITTEN_ELSEWHERE}
    receipts = list(parameters.adaptations)
    if values.get("temperature", 0) > HIGHEST_TEMPERATURE:
        values["temperature"] = HIGHEST_TEMPERATURE
        receipts.append(Adaptation(parameter="temperature", action="changed", reason="1 is the highest that there is"))
    if thinking.on:
        for name, least in _LEAST_WHILE_THINKING.items():
            if values.get(name, least) < least:
                del values[name]
                reason = "it is refused while the model thinks"
                receipts.append(Adaptation(parameter=name, action="dropped", reason=reason))
    return values, tuple(receipts)


def _tools(
    request: ChatRequest, rules: ModelRules, thinking: Thinking
) -> tuple[dict[str, Any], tuple[Adaptation, ...]]:
    """Write the tools, and which of them must be called."""
    strict = Capability.JSON_SCHEMA not in rules.lacks
    written: list[dict[str, Any]] = [_tool(tool, strict=strict) for tool in request.tools]
    written += [tool.data for tool in request.vendor_tools if tool.provider == VENDOR]
    if not written:
        return {}, ()
    receipts: list[Adaptation] = []
    if not strict and any(tool.strict for tool in request.tools):
        reason = f"{request.model} does not promise to follow a schema"
        receipts.append(Adaptation(parameter="tools.strict", action="dropped", reason=reason))
    choice = _choice(request)
    thinks = thinking.budget is not None or _thinks_by_extra(request)
    if choice and choice["type"] in ("any", "tool") and (thinks or "no_forced_tools" in rules.traits):
        choice = {**{name: value for name, value in choice.items() if name != "name"}, "type": "auto"}
        reason = "a model that thinks decides itself" if thinks else f"{request.model} decides itself"
        receipts.append(Adaptation(parameter="tool_choice", action="changed", reason=reason))
    return {"tools": written, **({"tool_choice": choice} if choice else {})}, tuple(receipts)


def _thinks_by_extra(request: ChatRequest) -> bool:
    """Whether the caller's own `extra` sets a thinking budget."""
    own = request.extra.get("thinking")
    return isinstance(own, Mapping) and own.get("type") == "enabled"


def _choice(request: ChatRequest) -> dict[str, Any]:
    choice = request.tool_choice
    written: dict[str, Any] = {}
    if isinstance(choice, NamedTool):
        written = {"type": "tool", "name": choice.name}
    elif choice is not None:
        written = {"type": "any" if choice == "required" else choice}
    if request.parallel_tool_calls is False and choice != "none":
        written = {"type": "auto", **written, "disable_parallel_tool_use": True}
    return written


def _tool(tool: ToolDefinition, *, strict: bool) -> dict[str, Any]:
    written: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters}
    if tool.description:
        written["description"] = tool.description
    if tool.strict is not None and strict:
        written["strict"] = tool.strict
    return marked({**written, **tool.extra}, tool.cache)


def _output(request: ChatRequest, thinking: Thinking) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if thinking.effort:
        config["effort"] = thinking.effort
    if request.output_schema is not None:
        config["format"] = {"type": "json_schema", "schema": accepted(request.output_schema.json_schema)}
    return {"output_config": config} if config else {}


def _add_extra(body: dict[str, Any], request: ChatRequest) -> tuple[str, ...]:
    """Add the vendor's own parameters: tools and the configuration of the output to what is there, all else over it."""
    extra: dict[str, Any] = dict(request.extra)
    betas = extra.pop("betas", None) or ()
    if isinstance(extra.get("tools"), list):
        body["tools"] = [*body.get("tools", ()), *extra.pop("tools")]
    if isinstance(extra.get("output_config"), dict):
        body["output_config"] = {**body.get("output_config", {}), **extra.pop("output_config")}
    body.update(extra)
    return (betas,) if isinstance(betas, str) else tuple(betas)
