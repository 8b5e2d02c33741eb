"""Check before sending that a request fits the known limits of its model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from budwood.contracts import TruncationProvider
from budwood.engine.drivers.effects import Flow, Invoke
from budwood.engine.endpoints.endpoint import Endpoint
from budwood.engine.pipeline.attempt import Attempt
from budwood.errors import ContextLengthError
from budwood.plugins import faults
from budwood.providing import count_characters
from budwood.types import Adaptation, ChatRequest

MAX_TOKENS_PER_CHARACTER: Final = 4
"""A character has at most four bytes, and a token at least one."""

ROUNDING: Final = 1.05
"""Round numbers in the catalog may be rounded down: a million for 1,048,576."""


def within_window(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """
    Reduce ``max_tokens`` to the output limit, and reject a request that cannot fit the context window.

    Only the minimum number of tokens that a request can have counts, so that no request is rejected by an estimate.

    Raises:
        ContextLengthError: It cannot fit. Nothing was sent.
        UnsupportedError: ``max_tokens`` is too large, and ``on_unsupported`` is ``"error"``.
    """

    def run(attempt: Attempt) -> Flow[Any]:
        if attempt.request.max_tokens is not None:
            attempt.request = _within_output_limit(attempt, attempt.request)
        request, endpoint, counter = attempt.request, attempt.endpoint, attempt.round.call.counter
        window = context_window(attempt)
        output = request.max_tokens or 0 if endpoint.counts_output else 0
        if window is not None and _may_exceed(request, window - output) and not _may_truncate(endpoint, request):
            least: int = yield Invoke(lambda: counter.least(endpoint, request))
            if least + output > window:
                raise _too_long(attempt, least, output, window)
        response = yield from send(attempt)
        counter.learn(endpoint.name, request, response.usage.input_tokens)
        return response

    return run


def check_window(attempt: Attempt) -> None:
    """
    Do the same for a request that is sent later, in a batch. It may count tokens, so call it in a thread.

    Raises:
        ContextLengthError: The request cannot fit.
    """
    attempt.request = request = _within_output_limit(attempt, attempt.request)
    endpoint, window = attempt.endpoint, context_window(attempt)
    output = request.max_tokens or 0 if endpoint.counts_output else 0
    if window is None or not _may_exceed(request, window - output) or _may_truncate(endpoint, request):
        return
    least = attempt.round.call.counter.least(endpoint, request)
    if least + output > window:
        raise _too_long(attempt, least, output, window)


def context_window(attempt: Attempt) -> int | None:
    """Return the context window by the settings, the provider or the catalog, in this order, or None."""
    endpoint, model = attempt.endpoint, attempt.model
    facts = endpoint.facts(model) if endpoint.facts else None
    window = facts.context_window if facts else None
    if facts and "context_window" in facts.own:
        return window
    known = endpoint.context_window(model) if endpoint.context_window else None
    if known is not None:
        return known
    return window if window is None or window % 1000 else round(window * ROUNDING)


def _within_output_limit(attempt: Attempt, request: ChatRequest) -> ChatRequest:
    limit = attempt.endpoint.rules(attempt.model).max_output_tokens
    if limit is None or request.max_tokens is None or request.max_tokens <= limit:
        return request
    reason = f"{request.model} writes at most {limit:,} tokens"
    attempt.adapt((Adaptation(parameter="max_tokens", action="changed", reason=reason),))
    return request.model_copy(update={"max_tokens": limit})


def _may_exceed(request: ChatRequest, room: int) -> bool:
    """Tell by the length alone whether the messages may be too long. Nearly all are far from the limit."""
    return MAX_TOKENS_PER_CHARACTER * count_characters(request.messages) > room


def _may_truncate(endpoint: Endpoint, request: ChatRequest) -> bool:
    provider = endpoint.remote
    if not isinstance(provider, TruncationProvider):
        return False
    with faults.call_boundary(endpoint.source, "may_truncate"):
        return provider.may_truncate(request)


def _too_long(attempt: Attempt, least: int, output: int, window: int) -> ContextLengthError:
    address = attempt.target.address
    requested = f", plus max_tokens of {output:,}" if output else ""
    lower = ", lower max_tokens" if output else ""
    error = ContextLengthError(
        f"The request has at least {least:,} tokens{requested}; the context window of {attempt.model} is {window:,}.",
        hint=f"Shorten the messages{lower}, or use a model with a larger context window. "
        f'If that is wrong, set context_window in [models."{address}"].',
        param="messages",
    )
    return error.add_target(attempt.endpoint.name, attempt.model)
