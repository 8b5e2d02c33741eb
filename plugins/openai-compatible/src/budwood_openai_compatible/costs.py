"""
Read the cost that a server reports in its usage.

Sources: OpenRouter's guide to usage accounting (``cost``, in US dollars), xAI's page on cost tracking
(``cost_in_usd_ticks``: 10,000,000,000 ticks are one US dollar), Perplexity's API reference (``cost.total_cost``) and
DeepInfra's (``estimated_cost``).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

TICKS_PER_DOLLAR: Final = Decimal(10**10)

_MAX_DIGITS: Final = 40
"""Longer numbers are not amounts of money."""


def reported_cost(usage: Mapping[str, Any]) -> Decimal | None:
    """Return the US dollars that the server charges for a call, or None if it does not report them."""
    ticks = _amount(usage.get("cost_in_usd_ticks"))
    if ticks is not None:
        return ticks / TICKS_PER_DOLLAR
    cost = usage.get("cost")
    if isinstance(cost, Mapping):
        return _amount(cost.get("total_cost"))
    dollars = _amount(cost)
    if dollars is None:
        return _amount(usage.get("estimated_cost"))
    return _with_upstream(dollars, usage) if usage.get("is_byok") is True else dollars


def _with_upstream(fee: Decimal, usage: Mapping[str, Any]) -> Decimal | None:
    """Add the upstream cost that is charged to the caller's own key; OpenRouter's ``cost`` is then only its fee."""
    details = usage.get("cost_details")
    upstream = _amount(details.get("upstream_inference_cost")) if isinstance(details, Mapping) else None
    return None if upstream is None else fee + upstream


def _amount(value: object) -> Decimal | None:
    """Return an amount of money; None for anything else: text without a number, infinity, a negative number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, int) and value.bit_length() > 4 * _MAX_DIGITS:
        return None  # Python cannot format integers above 4,300 digits
    text = str(value).strip()
    try:
        amount = Decimal(text) if len(text) <= _MAX_DIGITS else None
    except InvalidOperation:
        return None
    if amount is None or not amount.is_finite() or amount < 0 or abs(amount.adjusted()) > _MAX_DIGITS:
        return None
    return amount
