"""Budgets of calls that are requests of a batch. Results are charged when they are read."""

from __future__ import annotations

from typing import Any

from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.call import Call
from budwood.errors import BudgetExceededError


def check_budgets(call: Call, request: Any) -> Flow[Any]:  # noqa: ANN401 - a chat request
    """
    Limit the output of a request to what budgets allow.

    Raises:
        BudgetExceededError: A budget has nothing left.
    """
    from budwood.engine.budgets.client_budgets import limit_output  # few programs have budgets

    yield from check_left(call)
    return limit_output(call, call.target, request)


def check_left(call: Call) -> Flow[None]:
    """
    Check that all budgets of a call have something left.

    Raises:
        BudgetExceededError: One has nothing left.
    """
    from budwood.engine.budgets.reservation import read_left  # see above

    for budget in call.budgets:
        now = call.clock.time()
        left = yield from read_left(budget, call.find_limiter, now)
        if left <= 0:
            raise BudgetExceededError(
                f"The {budget.describe()} has nothing left.",
                budget=budget.name,
                left=0.0,
                required=None,
                unit=budget.unit,
                hint="Raise the budget, or wait until it resets.",
                resets_at=budget.resets_at(now),
            )
