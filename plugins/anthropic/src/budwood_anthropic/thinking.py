"""
Write how long the model may think.

Models differ: some are told how many tokens they may think (a budget), newer ones decide for themselves (adaptive) and
are told an effort. Which does what is told by the traits of its rules in the catalog:

* ``adaptive``: takes ``{"type": "adaptive"}``; ``no_budget``: takes no budget;
* ``effort``: takes an effort, by the names that its rules know;
* ``thinks``: thinks when nothing is said; ``always_thinks``: whatever is said;
* ``between_tools``: is quietened by that word.

A model that the catalog does not know counts as one of the newest. Source: the profiles of ``pydantic-ai`` 2.68,
``profiles/anthropic.py``, which are tried live.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from budwood.types import Adaptation, Capability, ChatRequest, ModelRules

LEAST_BUDGET: Final = 1024
"""The vendor takes no smaller one, and it must be smaller than ``max_tokens``."""

BUDGETS: Final = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
"""How many tokens an effort means, for models that are told a budget."""

_NEWEST: Final = {"traits": frozenset({"adaptive", "effort", "thinks"})}
_NEWEST_EFFORTS: Final = {"minimal": "low"}


class Thinking(NamedTuple):
    """
    What is sent of it, and the receipts.

    Attributes:
        config: The field ``thinking``, or None.
        effort: The effort in ``output_config``, or None.
        budget: Tokens that the model may think, where it is told.
        adaptations: What was not sent as given.
    """

    config: dict[str, Any] | None = None
    effort: str | None = None
    budget: int | None = None
    adaptations: tuple[Adaptation, ...] = ()

    @property
    def on(self) -> bool:
        """Whether the request asks the model to think."""
        return self.config is not None and self.config["type"] in ("adaptive", "enabled")


def with_traits(rules: ModelRules) -> ModelRules:
    """Give a model that the catalog does not know the traits of the newest."""
    if rules.source or rules.traits:
        return rules
    return rules.model_copy(update={**_NEWEST, "efforts": {**_NEWEST_EFFORTS, **rules.efforts}})


def encode_thinking(request: ChatRequest, rules: ModelRules) -> Thinking:
    """Write what the request says of thinking; receipts for what the rules refuse or rename are the caller's."""
    if refused := rules.refuses & {"reasoning_effort", "reasoning_budget"}:
        request = request.model_copy(update=dict.fromkeys(refused))
    wanted, budget = request.reasoning_effort, request.reasoning_budget
    if wanted is None and budget is None:
        return Thinking()
    if Capability.REASONING in rules.lacks:
        return _dropped(request, f"{request.model} does not think")
    if wanted == "none":
        return _quietened(request, rules)
    effort = rules.efforts.get(wanted, wanted) if wanted and "effort" in rules.traits else None
    if budget is not None and "no_budget" not in rules.traits:
        return Thinking({"type": "enabled", "budget_tokens": budget}, effort, budget)
    if "adaptive" not in rules.traits:
        return _by_budget(request, effort)
    reason = f"{request.model} decides itself how many"
    said = (Adaptation(parameter="reasoning_budget", action="dropped", reason=reason),) if budget is not None else ()
    return Thinking({"type": "adaptive"}, effort, adaptations=said)


def _quietened(request: ChatRequest, rules: ModelRules) -> Thinking:
    if "always_thinks" in rules.traits:
        return _dropped(request, f"{request.model} always thinks")
    if "between_tools" in rules.traits:
        return Thinking({"type": "between_tools"})
    return Thinking({"type": "disabled"} if "thinks" in rules.traits else None)


def _by_budget(request: ChatRequest, effort: str | None) -> Thinking:
    """Say an effort in tokens, so many that some of ``max_tokens`` are left for the answer."""
    budget = BUDGETS[request.reasoning_effort or "medium"]
    if request.max_tokens is not None:
        budget = min(budget, max(request.max_tokens // 2, LEAST_BUDGET))
        if budget >= request.max_tokens:
            return _dropped(request, "max_tokens leaves no room for thinking")
    reason = f"{request.model} is told a number: {budget} tokens"
    said = Adaptation(parameter="reasoning_effort", action="changed", reason=reason)
    return Thinking({"type": "enabled", "budget_tokens": budget}, effort, budget, (said,))


def _dropped(request: ChatRequest, reason: str) -> Thinking:
    names = [name for name in ("reasoning_effort", "reasoning_budget") if getattr(request, name) is not None]
    return Thinking(adaptations=tuple(Adaptation(parameter=name, action="dropped", reason=reason) for name in names))
