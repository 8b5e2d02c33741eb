"""The budgets of a client, and of each of its calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from budwood.budget_settings import BudgetSettings, parse_budgets
from budwood.engine.budgets.budget import OF_CALL, Budget
from budwood.engine.budgets.reservation import read_left
from budwood.engine.drivers.effects import Flow
from budwood.engine.endpoints.endpoint import Target
from budwood.types import Adaptation, BudgetState, ChatRequest

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.engine.limits.client_limiter import ClientLimiter
    from budwood.engine.pipeline.call import Call


def make_budgets(
    settings: Mapping[str, Any], arguments: object, find_limiter: Callable[[], ClientLimiter]
) -> tuple[Budget, ...]:
    """
    Create the budgets of a client from those of the settings and those that were passed.

    Raises:
        ConfigurationError: A budget is not valid.
        PluginError: The limiter, which counts budgets per day, week and month, cannot be used.
    """
    budgets = tuple(Budget(name, budget) for name, budget in parse_budgets(settings, arguments).items())
    if any(budget.is_lasting for budget in budgets):
        find_limiter()
    return budgets


def select_budgets(budgets: Iterable[Budget], label: str | None, own: BudgetSettings | None) -> tuple[Budget, ...]:
    """
    Return the budgets of a new call.

    Args:
        budgets: The budgets of its client.
        label: The label of the call.
        own: The budget that was passed with the call.
    """
    selected = [budget.for_call() for budget in budgets if budget.label is None or budget.label == label]
    return (*selected, Budget(OF_CALL, own)) if own is not None else tuple(selected)


def limit_output(call: Call, target: Target, request: ChatRequest) -> ChatRequest:
    """
    Send ``assume_output`` as ``max_tokens`` if a request has none, and record that.

    Requests of new calls pass through this before the cache, because the limit is a part of its keys.
    """
    if request.max_tokens is not None or target.endpoint.local is not None:
        return request
    limit = call.options.assume_output + (request.reasoning_budget or 0)
    limit = min(limit, target.endpoint.rules(target.model).max_output_tokens or limit)
    call.adaptations["max_tokens"] = Adaptation(
        parameter="max_tokens",
        action="changed",
        reason=f"the budget limits the output to {limit:,} tokens; max_tokens or assume_output sets another limit",
    )
    return request.model_copy(update={"max_tokens": limit})


def read_budgets(
    budgets: Iterable[Budget], find_limiter: Callable[[], ClientLimiter], clock: Clock
) -> Flow[tuple[BudgetState, ...]]:
    """Return the state of the budgets that outlive a call."""
    states = []
    for budget in budgets:
        if budget.per != "call":
            now = clock.time()
            left = yield from read_left(budget, find_limiter, now)
            states.append(budget.state(now, left))
    return tuple(states)
