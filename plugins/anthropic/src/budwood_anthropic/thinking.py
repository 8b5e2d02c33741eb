"""
Encode how much the model may think.

Older models take a number of tokens (a budget). Newer ones decide themselves (adaptive) and take an effort. The catalog
describes each model by traits:

* ``adaptive``: takes ``{"type": "adaptive"}``; ``no_budget``: takes no budget;
* ``effort``: takes an effort, by the names in its rules;
* ``thinks``: thinks by default; ``always_thinks``: cannot be told not to;
* ``between_tools``: takes ``between_tools`` in place of ``disabled``.

A model that the catalog does not know has the traits of the newest. Source: the profiles of ``pydantic-ai`` 2.68,
``profiles/anthropic.py``, which were verified live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from budwood.types import Adaptation, Capability, ChatRequest, Message, ModelRules, ReasoningPart
from budwood_anthropic.decoding import VENDOR

MIN_BUDGET: Final = 1024
"""The smallest budget that the API takes. A budget must also be smaller than ``max_tokens``."""

BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
"""The budget for each effort, in tokens."""

_NEWEST: Final = {"traits": frozenset({"adaptive", "effort", "thinks"})}
_NEWEST_EFFORTS: Final = {"minimal": "low"}


class Thinking(NamedTuple):
    """
    The encoded parameters of thinking.

    Attributes:
        config: The field ``thinking``, or None.
        effort: The effort in ``output_config``, or None.
        budget: The budget in tokens, or None.
        adaptations: What was changed.
    """

    config: dict[str, Any] | None = None
    effort: str | None = None
    budget: int | None = None
    adaptations: tuple[Adaptation, ...] = ()

    @property
    def on(self) -> bool:
        """Whether the request turns thinking on."""
        return self.config is not None and self.config["type"] in ("adaptive", "enabled")


def with_traits(rules: ModelRules) -> ModelRules:
    """Return the rules of a model, with the traits of the newest models if the catalog does not know it."""
    if rules.source or rules.traits:
        return rules
    return rules.model_copy(update={**_NEWEST, "efforts": {**_NEWEST_EFFORTS, **rules.efforts}})


def encode_thinking(request: ChatRequest, rules: ModelRules) -> Thinking:
    """Encode effort and budget. The caller reports what the rules reject or rename."""
    if refused := rules.refuses & {"reasoning_effort", "reasoning_budget"}:
        request = request.model_copy(update=dict.fromkeys(refused))
    requested, budget = request.reasoning_effort, request.reasoning_budget
    if requested is None and budget is None:
        return Thinking()
    if Capability.REASONING in rules.lacks:
        return _dropped(request, f"{request.model} does not think")
    if requested == "none":
        return _without_thinking(request, rules)
    takes_budget = "adaptive" not in rules.traits or (budget is not None and "no_budget" not in rules.traits)
    if takes_budget and _calls_tools_without_thinking(request.messages):
        return _dropped(request, "the tool calls of this turn have no thinking with a signature")
    effort = rules.efforts.get(requested, requested) if requested and "effort" in rules.traits else None
    if budget is not None and "no_budget" not in rules.traits:
        return Thinking({"type": "enabled", "budget_tokens": budget}, effort, budget)
    if "adaptive" not in rules.traits:
        return _by_budget(request, effort)
    reason = f"{request.model} takes no budget"
    dropped = Adaptation(parameter="reasoning_budget", action="dropped", reason=reason)
    return Thinking({"type": "adaptive"}, effort, adaptations=(dropped,) if budget is not None else ())


def _calls_tools_without_thinking(messages: Sequence[Message]) -> bool:
    """
    Tell whether tool calls are answered before which the model did not think, or another one did.

    With a budget the API then rejects the request: "a final `assistant` message must start with a thinking block
    (preceding the lastmost set of `tool_use` and `tool_result` blocks)"
    (deepset-ai/haystack-core-integrations#2146, pydantic/pydantic-ai#2075).
    """
    has_calls = False
    for message in reversed(messages):
        if message.role == "assistant":
            has_calls = has_calls or bool(message.tool_calls)
            if any(isinstance(part, ReasoningPart) and part.provider == VENDOR for part in message.parts):
                return False
        elif message.role != "tool":
            break
    return has_calls


def _without_thinking(request: ChatRequest, rules: ModelRules) -> Thinking:
    if "always_thinks" in rules.traits:
        return _dropped(request, f"{request.model} always thinks")
    if "between_tools" in rules.traits:
        return Thinking({"type": "between_tools"})
    return Thinking({"type": "disabled"} if "thinks" in rules.traits else None)


def _by_budget(request: ChatRequest, effort: str | None) -> Thinking:
    """Convert an effort to a budget that leaves some of ``max_tokens`` for the answer."""
    budget = BUDGETS[request.reasoning_effort or "medium"]
    if request.max_tokens is not None:
        budget = min(budget, max(request.max_tokens // 2, MIN_BUDGET))
        if budget >= request.max_tokens:
            return _dropped(request, "max_tokens leaves no room for thinking")
    reason = f"{request.model} takes a budget: {budget} tokens"
    changed = Adaptation(parameter="reasoning_effort", action="changed", reason=reason)
    return Thinking({"type": "enabled", "budget_tokens": budget}, effort, budget, (changed,))


def _dropped(request: ChatRequest, reason: str) -> Thinking:
    names = [name for name in ("reasoning_effort", "reasoning_budget") if getattr(request, name) is not None]
    return Thinking(adaptations=tuple(Adaptation(parameter=name, action="dropped", reason=reason) for name in names))
