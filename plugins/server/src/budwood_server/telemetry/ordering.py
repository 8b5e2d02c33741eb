"""The order of groups of calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, Literal, get_args

from budwood.types import UsageTotals

Order = Literal["cost", "calls", "errors", "latency", "group"]

ORDERS: Final[Sequence[Order]] = get_args(Order)
"""Those with the highest cost first, the most calls, the most errors, or the longest average duration; or by name."""

_RANKS: Final[dict[Order, Callable[[UsageTotals], tuple[float | Decimal, ...]]]] = {
    "cost": lambda totals: (-totals.cost, -totals.calls),
    "calls": lambda totals: (-totals.calls, -totals.cost),
    "errors": lambda totals: (-totals.errors, -totals.calls),
    "latency": lambda totals: (-totals.seconds / totals.calls, -totals.calls),
    "group": lambda _: (),
}


def sort_groups(groups: Iterable[UsageTotals], order: Order) -> Sequence[UsageTotals]:
    """Return groups in an order. Equal ones are in the order of their names, those without a name first."""
    named = sorted(groups, key=lambda totals: [(name is not None, name or "") for name in totals.group])
    return sorted(named, key=_RANKS[order])
