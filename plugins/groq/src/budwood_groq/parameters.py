"""
Adapt requests to parameters that Groq does not support, or supports in another form.

Source: console.groq.com/docs/openai, "Currently Unsupported OpenAI Features"; docs/reasoning; Groq's API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.types import Adaptation, ChatRequest, ModelRules
from budwood_groq.settings import GroqSettings
from budwood_openai_compatible import Body

_REJECTED: Final = {
    "logprobs": "Groq rejects it",
    "top_logprobs": "Groq rejects it",
    "logit_bias": "Groq rejects it",
    "metadata": "Groq does not support it",
    "store": "Groq does not support it",
}
"""Parameters of OpenAI, passed as ``extra``, that Groq rejects with status 400 or ignores."""

_IGNORED: Final = ("frequency_penalty", "presence_penalty")
"""Parameters of Budwood that no model of Groq supports yet."""


BEST_EFFORT: Final = "best_effort_schema"
"""The catalog's trait of models that accept a JSON schema, but not with ``strict``."""


def drop_unsupported(request: ChatRequest, rules: ModelRules) -> tuple[ChatRequest, tuple[Adaptation, ...]]:
    """Return the request without what Groq rejects, and an adaptation for each omission."""
    adaptations = tuple(_find_unsupported(request, rules))
    if not adaptations:
        return request, ()
    dropped = {adaptation.parameter for adaptation in adaptations}
    changes: dict[str, Any] = {
        "extra": {name: value for name, value in request.extra.items() if name not in dropped},
        **{name: None for name in _IGNORED if name in dropped},
    }
    if "name" in dropped:
        changes["messages"] = tuple(message.model_copy(update={"name": None}) for message in request.messages)
    if "strict" in dropped and request.output_schema is not None:
        changes["output_schema"] = request.output_schema.model_copy(update={"strict": None})
    return request.model_copy(update=changes), adaptations


def _find_unsupported(request: ChatRequest, rules: ModelRules) -> Iterator[Adaptation]:
    for name, reason in _REJECTED.items():
        if request.extra.get(name) is not None:
            yield Adaptation(parameter=name, action="dropped", reason=reason)
    if request.extra.get("n", 1) not in (None, 1):
        yield Adaptation(parameter="n", action="dropped", reason="Groq returns only one choice")
    for name in _IGNORED:
        if getattr(request, name) is not None:
            yield Adaptation(parameter=name, action="dropped", reason="no model of Groq supports it yet")
    if any(message.name for message in request.messages):
        yield Adaptation(parameter="name", action="dropped", reason="Groq rejects names of messages")
    if BEST_EFFORT in rules.traits and request.output_schema is not None and request.output_schema.strict:
        yield Adaptation(
            parameter="strict", action="dropped", reason=f"{request.model} does not support strict schemas"
        )


def apply_settings(body: Body, request: ChatRequest, settings: GroqSettings, *, can_reason: bool) -> Body:
    """
    Add the parameters of the settings that the call does not set.

    Args:
        body: The body of the request; changed in place.
        request: The request.
        settings: The settings of the instance.
        can_reason: Whether the model may reason, as far as is known. Other models reject options for reasoning.
    """
    values, adaptations = body
    if settings.service_tier is not None:
        values.setdefault("service_tier", settings.service_tier)
    in_call = {"reasoning_format", "include_reasoning"} & set(request.extra)
    if can_reason and not in_call:
        if settings.reasoning_format is not None:
            values["reasoning_format"] = settings.reasoning_format
        elif settings.include_reasoning is not None:
            values["include_reasoning"] = settings.include_reasoning
    if "include_reasoning" in values and values.pop("reasoning_format", None) and len(in_call) > 1:
        reason = "Groq accepts it or include_reasoning, not both"
        adaptations += (Adaptation(parameter="reasoning_format", action="dropped", reason=reason),)
    if values.get("reasoning_effort") == "none" and not in_call:
        values.pop("reasoning_format", None)  # without reasoning, its format is rejected
    return Body(values, adaptations + _parse_reasoning_beside_json(values))


def _parse_reasoning_beside_json(values: dict[str, Any]) -> tuple[Adaptation, ...]:
    """Change the reasoning format to ``parsed`` if Groq rejects ``raw``: with tools or JSON output."""
    output: Mapping[str, Any] = values.get("response_format") or {}
    bound = bool(values.get("tools")) or output.get("type") in ("json_object", "json_schema")
    if values.get("reasoning_format") != "raw" or not bound:
        return ()
    values["reasoning_format"] = "parsed"
    reason = "Groq rejects raw reasoning with tools or JSON output; sent as parsed"
    return (Adaptation(parameter="reasoning_format", action="changed", reason=reason),)
