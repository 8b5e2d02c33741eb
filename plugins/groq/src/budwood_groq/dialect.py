"""
What Groq takes otherwise than OpenAI, or not at all.

Source: console.groq.com/docs/openai, "Currently Unsupported OpenAI Features"; docs/reasoning; Groq's API reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from budwood.types import Adaptation, ChatRequest, ModelRules
from budwood_groq.settings import GroqSettings
from budwood_openai_compatible import Body

_REFUSED: Final = {
    "logprobs": "Groq refuses it",
    "top_logprobs": "Groq refuses it",
    "logit_bias": "Groq refuses it",
    "metadata": "Groq does not support it",
    "store": "Groq does not support it",
}
"""Parameters of OpenAI that come as ``extra``, which Groq answers with 400 or passes over."""

_PASSED_OVER: Final = ("frequency_penalty", "presence_penalty")
"""Parameters of ours that none of Groq's models heeds yet."""


BEST_EFFORT: Final = "best_effort_schema"
"""The catalog's trait of models that take a JSON schema, but not with ``strict``."""


def understood(request: ChatRequest, rules: ModelRules) -> tuple[ChatRequest, tuple[Adaptation, ...]]:
    """Leave out what Groq refuses, with a receipt for each."""
    receipts = tuple(_refused(request, rules))
    if not receipts:
        return request, ()
    dropped = {receipt.parameter for receipt in receipts}
    changes: dict[str, Any] = {
        "extra": {name: value for name, value in request.extra.items() if name not in dropped},
        **{name: None for name in _PASSED_OVER if name in dropped},
    }
    if "name" in dropped:
        changes["messages"] = tuple(message.model_copy(update={"name": None}) for message in request.messages)
    if "strict" in dropped and request.output_schema is not None:
        changes["output_schema"] = request.output_schema.model_copy(update={"strict": None})
    return request.model_copy(update=changes), receipts


def _refused(request: ChatRequest, rules: ModelRules) -> Iterator[Adaptation]:
    for name, reason in _REFUSED.items():
        if request.extra.get(name) is not None:
            yield Adaptation(parameter=name, action="dropped", reason=reason)
    if request.extra.get("n", 1) not in (None, 1):
        yield Adaptation(parameter="n", action="dropped", reason="Groq writes one choice only")
    for name in _PASSED_OVER:
        if getattr(request, name) is not None:
            yield Adaptation(parameter=name, action="dropped", reason="no model of Groq heeds it yet")
    if any(message.name for message in request.messages):
        yield Adaptation(parameter="name", action="dropped", reason="Groq refuses names of messages")
    if BEST_EFFORT in rules.traits and request.output_schema is not None and request.output_schema.strict:
        yield Adaptation(parameter="strict", action="dropped", reason=f"{request.model} has no strict schemas")


def with_settings(body: Body, request: ChatRequest, settings: GroqSettings, *, reasons: bool) -> Body:
    """
    Add what the settings say, where the call does not say it.

    Args:
        body: What is to be sent; changed in place.
        request: What was asked for.
        settings: The instance's own.
        reasons: Whether the model may reason, as far as is known: others refuse to be asked for their thoughts.
    """
    values, receipts = body
    if settings.service_tier is not None:
        values.setdefault("service_tier", settings.service_tier)
    said = {"reasoning_format", "include_reasoning"} & set(request.extra)
    if reasons and not said:
        if settings.reasoning_format is not None:
            values["reasoning_format"] = settings.reasoning_format
        elif settings.include_reasoning is not None:
            values["include_reasoning"] = settings.include_reasoning
    if "include_reasoning" in values and values.pop("reasoning_format", None) and len(said) > 1:
        reason = "Groq takes it or include_reasoning, not both"
        receipts += (Adaptation(parameter="reasoning_format", action="dropped", reason=reason),)
    if values.get("reasoning_effort") == "none" and not said:
        values.pop("reasoning_format", None)  # there is no thought whose form could be asked for
    return Body(values, receipts + _with_parsed_reasoning(values))


def _with_parsed_reasoning(values: dict[str, Any]) -> tuple[Adaptation, ...]:
    """Have thoughts apart from the text where Groq refuses them in it: beside tools and JSON."""
    output: Mapping[str, Any] = values.get("response_format") or {}
    bound = bool(values.get("tools")) or output.get("type") in ("json_object", "json_schema")
    if values.get("reasoning_format") != "raw" or not bound:
        return ()
    values["reasoning_format"] = "parsed"
    reason = "Groq refuses raw reasoning beside tools and JSON: parsed was sent"
    return (Adaptation(parameter="reasoning_format", action="changed", reason=reason),)
