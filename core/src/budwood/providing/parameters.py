"""Encode the parameters of a request as the rules of its model require, with an adaptation for each change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from budwood.types import Adaptation, ChatRequest, ModelRules, Record

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
"""The parameters of `ChatRequest` that most vendors accept unchanged, under this name or another."""


RARE_PARAMETERS: Final = ("reasoning_budget",)
"""The parameters that few vendors accept: sent only if the vendor's plugin names them."""


_ALL_PARAMETERS: Final = frozenset((*PARAMETERS, *RARE_PARAMETERS))


FieldNames = Mapping[str, str]
"""The vendor's names of the fields of a request."""


class Parameters(NamedTuple):
    """Parameters under the vendor's names, and the adaptations."""

    values: dict[str, Any]
    adaptations: tuple[Adaptation, ...] = ()


def adapt_parameters(
    request: ChatRequest,
    rules: ModelRules,
    *,
    names: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> Parameters:
    """
    Encode the parameters that a request sets.

    Args:
        request: The request; parameters that are None or empty are left out.
        rules: The catalog's rules for the model. Their defaults take precedence over `defaults`.
        names: The vendor's names of parameters, by ours, if they differ for all its models. They need no adaptation.
        defaults: Values for parameters that neither the request nor the rules set, by the vendor's names.
    """
    values: dict[str, Any] = {**(defaults or {}), **rules.defaults}
    set_names = request.model_fields_set
    if not values and set_names.isdisjoint(_ALL_PARAMETERS):
        return Parameters(values)
    adaptations: list[Adaptation] = []
    rejected = _find_rejected(request, rules)
    for name in PARAMETERS:
        if values or name in set_names:
            adaptations += _encode(name, request, rules, rejected=rejected, names=names or {}, values=values)
    for name in RARE_PARAMETERS:
        if name in set_names and getattr(request, name) is not None:
            adaptations += _encode_rare(name, request, rules, rejected=rejected, names=names or {}, values=values)
    return Parameters(values, tuple(adaptations))


def adapt_fields(request: Record, rules: ModelRules, names: FieldNames) -> Parameters:
    """
    Encode the fields that a request other than chat sets, with an adaptation for each that is not sent as passed.

    Args:
        request: The request; fields that are None, False or empty are left out.
        rules: The catalog's rules for its model.
        names: The vendor's names of the fields to encode, unless the model has other names.
    """
    values: dict[str, Any] = dict(rules.defaults)
    adaptations: list[Adaptation] = []
    for field, usual in names.items():
        if not _is_set(request, field):
            continue
        if field in rules.refuses:
            source = f" ({rules.source})" if rules.source else ""
            reason = f"{getattr(request, 'model', 'the model')} does not take it{source}"
            adaptations.append(Adaptation(parameter=field, action="dropped", reason=reason))
        else:
            values[rules.renames.get(field, usual)] = getattr(request, field)
    return Parameters(values, tuple(adaptations))


def drop_fields(request: Record, reasons: Mapping[str, str]) -> tuple[Adaptation, ...]:
    """Return the adaptations for fields that the vendor does not have, with their reasons, if the request sets them."""
    return tuple(
        Adaptation(parameter=field, action="dropped", reason=reason)
        for field, reason in reasons.items()
        if _is_set(request, field)
    )


def _is_set(request: Record, field: str) -> bool:
    """Return whether a request has a value for a field. Zero is one."""
    value = getattr(request, field)
    return value is not None and value is not False and value not in ((), {})


def _encode(
    name: str,
    request: ChatRequest,
    rules: ModelRules,
    *,
    rejected: frozenset[str],
    names: Mapping[str, str],
    values: dict[str, Any],
) -> Iterator[Adaptation]:
    """Encode one parameter, and yield its adaptations."""
    value = getattr(request, name)
    is_set = value not in (None, ())
    usual = names.get(name, name)
    if name in rejected and (is_set or usual in values):
        values.pop(usual, None)
        yield Adaptation(parameter=name, action="dropped", reason=_describe_rejection(name, request, rules))
    elif is_set and name not in rejected:
        renamed = rules.renames.get(name, usual)
        if renamed != usual:
            reason = f"{request.model} calls it {renamed}{_describe_source(name, rules)}"
            yield Adaptation(parameter=name, action="renamed", reason=reason)
        if name == "reasoning_effort" and (effort := rules.efforts.get(value, value)) != value:
            reason = (
                f"{request.model} does not support effort {value}: {effort} was sent{_describe_source(name, rules)}"
            )
            yield Adaptation(parameter=name, action="changed", reason=reason)
            value = effort
        values[renamed] = list(value) if isinstance(value, tuple) else value


def _encode_rare(
    name: str,
    request: ChatRequest,
    rules: ModelRules,
    *,
    rejected: frozenset[str],
    names: Mapping[str, str],
    values: dict[str, Any],
) -> Iterator[Adaptation]:
    """Encode a parameter that few vendors accept, or yield that it was dropped."""
    if name in rejected:
        yield Adaptation(parameter=name, action="dropped", reason=_describe_rejection(name, request, rules))
    elif name in names:
        values[names[name]] = getattr(request, name)
    else:
        yield Adaptation(parameter=name, action="dropped", reason="the vendor has no such parameter")


def _find_rejected(request: ChatRequest, rules: ModelRules) -> frozenset[str]:
    effort = request.reasoning_effort or rules.default_effort
    rejected = rules.refuses if effort == "none" else rules.refuses | rules.refuses_unless_effort_none
    if not rules.refuses_beside:
        return rejected
    exclusive = (
        name
        for name, other in rules.refuses_beside.items()
        if other not in rejected and getattr(request, other, None) not in (None, ())
    )
    return rejected.union(exclusive)


def _describe_rejection(name: str, request: ChatRequest, rules: ModelRules) -> str:
    together = f" together with {rules.refuses_beside[name]}" if _is_exclusive(name, rules) else ""
    source = f" ({rules.source})" if rules.source else ""
    return f"{request.model} rejects it{together}{_describe_source(name, rules) or source}"


def _is_exclusive(name: str, rules: ModelRules) -> bool:
    return name in rules.refuses_beside and name not in rules.refuses | rules.refuses_unless_effort_none


def _describe_source(name: str, rules: ModelRules) -> str:
    return f" (learned from the server: {rules.learned[name]})" if name in rules.learned else ""
