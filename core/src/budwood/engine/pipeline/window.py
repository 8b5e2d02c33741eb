"""See before sending that a request fits the limits of its model, where they are known."""

from __future__ import annotations

from typing import Final

from budwood.contracts import TruncationProvider
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.pipeline.attempts import note
from budwood.engine.pipeline.call import Call
from budwood.errors import ContextLengthError
from budwood.providing import characters
from budwood.types import Adaptation, ChatRequest

MOST_PER_CHARACTER: Final = 4
"""A character has at most four bytes, and no vocabulary has tokens of less than a byte."""

ROUNDING: Final = 1.05
"""The catalog's round figures may stand for somewhat larger ones: a million for 1,048,576."""


def fitted(call: Call, request: ChatRequest) -> Flow[ChatRequest]:
    """
    Lower a bound of the output that the model does not reach, and refuse what cannot fit its context window.

    Nothing is refused on a guess: a request counts as what it has at least.

    Raises:
        ContextLengthError: It cannot fit. Nothing was sent.
        UnsupportedError: ``max_tokens`` is too large, and the caller wants that to be an error.
    """
    request = _within_output_limit(call, request)
    window = _context_window(call)
    output = request.max_tokens or 0 if call.endpoint.counts_output else 0
    if window is None or not _may_exceed(request, window - output) or _may_truncate(call, request):
        return request
    least: int = yield Invoke(lambda: call.counter.least(call.endpoint, request))
    if least + output > window:
        raise _too_long(call, least, output, window)
    return request


def _context_window(call: Call) -> int | None:
    """Return how many tokens the model may hold: as the user says, or the provider, or the catalog, or None."""
    facts = call.endpoint.facts(call.model) if call.endpoint.facts else None
    window = facts.context_window if facts else None
    if facts and "context_window" in facts.own:
        return window
    known = call.endpoint.context_window(call.model) if call.endpoint.context_window else None
    if known is not None:
        return known
    return window if window is None or window % 1000 else round(window * ROUNDING)


def _within_output_limit(call: Call, request: ChatRequest) -> ChatRequest:
    if request.max_tokens is None:
        return request
    limit = call.endpoint.rules(call.model).max_output_tokens
    if limit is None or request.max_tokens <= limit:
        return request
    reason = f"{request.model} writes at most {limit:,} tokens"
    note(call, (Adaptation(parameter="max_tokens", action="changed", reason=reason),))
    return request.model_copy(update={"max_tokens": limit})


def _may_exceed(request: ChatRequest, room: int) -> bool:
    """Tell from the lengths alone whether the messages may be too long: nearly all are far from it."""
    return MOST_PER_CHARACTER * characters(request.messages) > room


def _may_truncate(call: Call, request: ChatRequest) -> bool:
    provider = call.endpoint.remote
    return isinstance(provider, TruncationProvider) and provider.may_truncate(request)


def _too_long(call: Call, least: int, output: int, window: int) -> ContextLengthError:
    address = f"{call.endpoint.name}/{call.model}"
    asked = f" and asks for up to {output:,} more (max_tokens)" if output else ""
    lower = ", lower max_tokens" if output else ""
    error = ContextLengthError(
        f"The request has at least {least:,} tokens{asked}; {call.model} holds no more than {window:,}.",
        hint=f"Shorten the messages{lower}, or ask a model with a larger context window. "
        f'If that is wrong, set context_window in [models."{address}"].',
        param="messages",
    )
    return error.located(call.endpoint.name, call.model)
