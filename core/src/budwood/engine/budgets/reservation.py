"""What one attempt takes from its budgets, as flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from budwood.engine.budgets.budget import Budget
from budwood.engine.drivers.effects import Flow

if TYPE_CHECKING:
    from budwood.engine.limits.client_limiter import ClientLimiter
    from budwood.types.limits import BudgetUnit

Used = Mapping["BudgetUnit", int | None]
"""What an attempt used, by unit; None if that is not known."""


class Shortage(NamedTuple):
    """A budget that has no room for an attempt: what is left of it, and what the attempt could take."""

    budget: Budget
    left: int
    required: int


class Reservation:
    """
    What one attempt takes from its budgets: from all of them, or from none.

    Args:
        ticket: Identifies the attempt for the limiter.
        amounts: What it takes from each budget.
        find_limiter: Returns the limiter that counts budgets per day, week and month.
        now: Seconds since 1970.
    """

    def __init__(
        self, ticket: str, amounts: Sequence[tuple[Budget, int]], find_limiter: Callable[[], ClientLimiter], now: float
    ) -> None:
        self._ticket = ticket
        self._here = [(budget, amount) for budget, amount in amounts if not budget.is_lasting]
        self._claims = {budget.claim(amount, now): budget for budget, amount in amounts if budget.is_lasting}
        self._find_limiter = find_limiter
        self._taken: list[tuple[Budget, int]] = []
        self._is_granted = False

    def take(self) -> Flow[Shortage | None]:
        """Take all amounts. If a budget has no room, `end` has to give back those of the others."""
        for budget, amount in self._here:
            left = budget.reserve(amount)
            if left is not None:
                return Shortage(budget, left, amount)
            self._taken.append((budget, amount))
        if not self._claims:
            return None
        limiter, claims = self._find_limiter(), tuple(self._claims)
        denial = yield from limiter.reserve(self._ticket, claims)
        self._is_granted = denial is None
        if denial is None:
            return None
        yield from limiter.cancel(self._ticket, claims)
        claim = next(claim for claim in claims if claim.key == denial.claim.key)
        return Shortage(self._claims[claim], int(denial.available), int(claim.amount))

    def end(self, used: Used) -> Flow[None]:
        """Replace the amounts with what was used; those of unknown use remain."""
        while self._taken:
            budget, amount = self._taken.pop()
            actual = used[budget.unit]
            if actual is not None:
                budget.settle(amount, actual)
        if not self._is_granted:
            return
        self._is_granted = False
        units = {claim.key: used[budget.unit] for claim, budget in self._claims.items()}
        amounts = {key: float(actual) for key, actual in units.items() if actual is not None}
        limiter, claims = self._find_limiter(), tuple(self._claims)
        try:
            yield from limiter.settle(self._ticket, claims, amounts)
        except BaseException:  # the caller has left, possibly before it was settled; a second time changes nothing
            yield from limiter.settle(self._ticket, claims, amounts)
            raise


def read_left(budget: Budget, find_limiter: Callable[[], ClientLimiter], now: float) -> Flow[int]:
    """Return what is left of a budget. A limiter denies a claim for more than the limit with what is left."""
    if not budget.is_lasting:
        return budget.left
    limiter, ticket, claims = find_limiter(), f"read-{uuid4().hex}", (budget.claim(budget.limit + 1, now),)
    denial = yield from limiter.reserve(ticket, claims)
    yield from limiter.cancel(ticket, claims)
    return int(denial.available) if denial is not None else budget.limit
