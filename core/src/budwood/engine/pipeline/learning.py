"""Learn from a server's refusal what the catalog does not know of its model."""

from __future__ import annotations

from typing import Final

from budwood import logs
from budwood.engine.pipeline.call import Call, Written
from budwood.errors import UnsupportedParameterError
from budwood.providing import DROPPABLE, clip
from budwood.types import ChatRequest, ModelRules

MAX_LESSONS: Final = 8
"""So often one call is written anew; servers refuse one parameter at a time."""

MAX_WORDS: Final = 160
"""So many characters of a server's words stand in a receipt."""


def learns(call: Call, error: UnsupportedParameterError) -> bool:
    """
    Remember for its endpoint and model what a refusal teaches.

    Returns:
        Whether the request is now written otherwise than it was sent. It is not where the caller wants an error, where
        the parameter is none that the caller gave or none that can be spared, and where the provider heeds no rules.
    """
    written, rule = call.written, error.rule
    if written is None or rule is None or not _serves(call, written.request, rule):
        return False
    named = parameters_of(rule)
    words = clip(error.message, MAX_WORDS)
    call.taught.append(rule)
    call.endpoint.lessons.add(
        call.endpoint.name, call.model, rule.model_copy(update={"learnt": dict.fromkeys(named, words)})
    )
    logs.emit(
        "parameter learnt",
        call=call.id,
        provider=call.endpoint.name,
        model=call.model,
        parameters=sorted(named),
    )
    for name in named:
        call.adaptations.pop(name, None)  # what the refused request was changed in is no receipt for the next
    return _changes(written)


def _serves(call: Call, request: ChatRequest, rule: ModelRules) -> bool:
    if call.options.on_unsupported == "error" or rule in call.taught or len(call.taught) >= MAX_LESSONS:
        return False
    named = parameters_of(rule)
    if not named <= DROPPABLE | {"max_tokens"} or "max_tokens" in rule.refuses:
        return False
    return not named or any(getattr(request, name, None) not in (None, ()) for name in named)


def parameters_of(rule: ModelRules) -> frozenset[str]:
    """Name the parameters of a request that a rule is about."""
    effort = ("reasoning_effort",) if rule.efforts else ()
    return rule.refuses.union(rule.renames, rule.refuses_beside, effort)


def _changes(written: Written) -> bool:
    """Whether the provider now writes the request otherwise: one that heeds no rules would be refused again."""
    return written.again().body != written.body
