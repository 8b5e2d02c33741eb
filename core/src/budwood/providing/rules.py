"""Write a request's parameters as the rules of its model want them, with a receipt for each change."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from budwood.types import Adaptation, ChatRequest, ModelRules

PARAMETERS: Final = (
    "temperature",
    "top_p",
    "max_tokens",
    "stop",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "parallel_tool_calls",
)
"""The parameters of `ChatRequest` that most vendors take as they are, under this name or another."""


RARE_PARAMETERS: Final = ("reasoning_budget",)
"""The parameters that few vendors take: written only under a name that the vendor's plugin gives."""


class Parameters(NamedTuple):
    """Parameters under the vendor's names, and the receipts for what was changed."""

    values: dict[str, Any]
    adaptations: tuple[Adaptation, ...] = ()


def adapted(request: ChatRequest, rules: ModelRules, *, names: dict[str, str] | None = None) -> Parameters:
    """
    Write the parameters that a request sets.

    Args:
        request: What was asked for; what is None or empty is not written.
        rules: What the model refuses, and under which names it wants the rest.
        names: The vendor's names where they differ from ours for all its models. No receipt is due for these.
    """
    values: dict[str, Any] = dict(rules.defaults)
    receipts: list[Adaptation] = []
    refused = _refused(request, rules)
    for name in PARAMETERS:
        value = getattr(request, name)
        if value is None or value == ():
            continue
        if name in refused:
            receipts.append(Adaptation(parameter=name, action="dropped", reason=_reason(request, rules)))
            continue
        wanted = (names or {}).get(name, name)
        renamed = rules.renames.get(name, wanted)
        if renamed != wanted:
            receipts.append(Adaptation(parameter=name, action="renamed", reason=f"{request.model} wants {renamed}"))
        if name == "reasoning_effort" and (effort := rules.efforts.get(value, value)) != value:
            reason = f"{request.model} knows no effort {value}: {effort} was sent"
            receipts.append(Adaptation(parameter=name, action="changed", reason=reason))
            value = effort
        values[renamed] = list(value) if isinstance(value, tuple) else value
    for name in RARE_PARAMETERS:
        if getattr(request, name) is None:
            continue
        if name in refused:
            receipts.append(Adaptation(parameter=name, action="dropped", reason=_reason(request, rules)))
        elif name in (names or {}):
            values[(names or {})[name]] = getattr(request, name)
        else:
            receipts.append(Adaptation(parameter=name, action="dropped", reason="the vendor has no such parameter"))
    return Parameters(values, tuple(receipts))


def _refused(request: ChatRequest, rules: ModelRules) -> frozenset[str]:
    effort = request.reasoning_effort or rules.default_effort
    if effort == "none":
        return rules.refuses
    return rules.refuses | rules.refuses_unless_effort_none


def _reason(request: ChatRequest, rules: ModelRules) -> str:
    source = f" ({rules.source})" if rules.source else ""
    return f"{request.model} refuses it{source}"
