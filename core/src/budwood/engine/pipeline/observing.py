"""Notify observers of each request of the user, and complete its response."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from budwood.engine.accounting import costs
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.call import Call, Round
from budwood.errors import StreamInterruptedError, StructuredOutputError, ToolLoopError
from budwood.types import Answer, Attempt, ChatResponse


def with_observers(answer: Callable[[Round], Flow[Any]]) -> Callable[[Round], Flow[Any]]:
    """Complete a response, or the partial one of an error, with attempts, cost and adaptations; notify observers."""

    def run(round_: Round) -> Flow[Any]:
        call = round_.call
        report = call.observers.report_request(call, round_) if call.observers is not None else None
        try:
            if report is not None:
                report.start()
            response = yield from answer(round_)
            if isinstance(response, Answer):
                response = complete(call, response)
        except BaseException as error:
            if isinstance(error, StructuredOutputError | ToolLoopError | StreamInterruptedError) and error.response:
                error.response = complete(call, error.response)
            if report is not None:
                report.finish(None, error)
            raise
        if report is not None:
            report.finish(response if isinstance(response, Answer) else None, None)
        return response

    return run


def sum_saved(attempts: list[Attempt]) -> Decimal | None:
    """Return what replies from the cache have saved, in US dollars; None if the cost of one is not known."""
    total = Decimal(0)
    for attempt in attempts:
        if attempt.cached:
            if attempt.saved is None:
                return None
            total += attempt.saved
    return total


def complete(call: Call, response: Any) -> Any:  # noqa: ANN401 - returns the type that it receives
    """Add provider, model, attempts, cost and adaptations to a response."""
    attempts = call.attempts
    dollars, unknown = (attempts[0].cost, attempts[0].cost_unknown) if len(attempts) == 1 else costs.total(attempts)
    update: dict[str, object] = {
        "provider": call.target.endpoint.name,
        "model": response.model or call.target.model,
        "attempts": tuple(attempts),
        "cost": dollars,
        "cost_unknown": unknown,
    }
    if [attempt for attempt in attempts if attempt.cached]:
        update["saved"] = sum_saved(attempts)
        update["cached"] = not [one for one in attempts if not (one.cached or one.error or one.skipped)]
    if isinstance(response, ChatResponse):
        update["messages"] = response.messages or (response.message,)
    update["adaptations"] = tuple(call.adaptations.values())
    return response.model_copy(update=update)
