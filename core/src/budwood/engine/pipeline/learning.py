"""Learn from a server's error which parameter a model rejects."""

from __future__ import annotations

from typing import Final

from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.sending import encode_again
from budwood.errors import UnsupportedParameterError
from budwood.providing import DROPPABLE, clip
from budwood.types import ChatRequest, ModelRules

MAX_LEARNED: Final = 8
"""The maximum number of rules per request; servers reject one parameter at a time."""

MAX_REASON: Final = 160
"""The number of characters of the server's message in an adaptation."""


def learn_from(error: UnsupportedParameterError, attempt: Attempt) -> bool:
    """
    Record the parameter that the server rejected, for the endpoint and the model.

    Returns:
        Whether to retry immediately, because the request is now encoded differently. That is not the case if
        ``on_unsupported`` is ``"error"``, if the caller did not pass the parameter, if it cannot be omitted, or if the
        provider ignores rules.
    """
    rule = error.rule
    if attempt.encoded is None or rule is None or not _applies(attempt, rule):
        return False
    names = parameters_of(rule)
    reason = clip(error.message, MAX_REASON)
    attempt.learned.append(rule)
    endpoint, call = attempt.endpoint, attempt.round.call
    endpoint.learned_rules.add(
        endpoint.name, attempt.model, rule.model_copy(update={"learned": dict.fromkeys(names, reason)})
    )
    if call.observers is not None:
        call.observers.report_learned(call, attempt.target, sorted(names))
    for name in names:
        attempt.adaptations.pop(name, None)  # the next request has its own adaptations
    return encode_again(attempt).body != attempt.encoded.body


def _applies(attempt: Attempt, rule: ModelRules) -> bool:
    request = attempt.request
    if not isinstance(request, ChatRequest) or attempt.round.call.options.on_unsupported == "error":
        return False
    if rule in attempt.learned or len(attempt.learned) >= MAX_LEARNED:
        return False
    names = parameters_of(rule)
    if not names <= DROPPABLE | {"max_tokens"} or "max_tokens" in rule.refuses:
        return False
    return not names or any(getattr(request, name, None) not in (None, ()) for name in names)


def parameters_of(rule: ModelRules) -> frozenset[str]:
    """Return the parameters of a request that a rule concerns."""
    effort = ("reasoning_effort",) if rule.efforts else ()
    return rule.refuses.union(rule.renames, rule.refuses_beside, effort)
