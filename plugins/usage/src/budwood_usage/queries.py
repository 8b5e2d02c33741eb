"""
The statements that read records.

SQLite and PostgreSQL understand them, but for the expressions of hours and days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from budwood.contracts.usage import GROUPS
from budwood.providing.money import PICO
from budwood.types import CallFilter
from budwood_usage.rows import CALLS, COLUMNS, DROPPED, MAX_INTEGER, to_stored_text

SELECT_DROPPED: Final = f"SELECT calls FROM {DROPPED}"  # noqa: S608 - constant
_DOLLAR: Final = 10**PICO
_SUMS: Final = f"""
    count(*), count(error), coalesce(sum(cached), 0), coalesce(sum(attempts), 0), coalesce(sum(input_tokens), 0),
    coalesce(sum(output_tokens), 0), coalesce(sum(cost / {_DOLLAR}), 0), coalesce(sum(cost % {_DOLLAR}), 0),
    count(cost_unknown), coalesce(sum(saved / {_DOLLAR}), 0), coalesce(sum(saved % {_DOLLAR}), 0),
    coalesce(sum(seconds), 0.0)
"""
"""Costs are added in two parts, so that no sum exceeds 64 bits."""


def select_totals(by: Sequence[str], where: CallFilter, times: Mapping[str, str]) -> tuple[str, list[Any]]:
    """
    Return the statement for `UsageStore.totals`, and its arguments.

    Args:
        by: What calls are grouped by.
        where: Selects the calls.
        times: The expressions for hours and days.

    Raises:
        ValueError: Calls cannot be grouped by one of the names.
    """
    for name in by:
        if name not in GROUPS:
            raise ValueError(f"Calls cannot be grouped by {name!r}, only by {', '.join(GROUPS)}.")
    groups = [times.get(name, name) for name in by]
    condition, arguments = _condition(where)
    numbers = ", ".join(str(number) for number in range(1, len(by) + 1))
    end = f"GROUP BY {numbers}" if by else ""
    return f"SELECT {', '.join([*groups, _SUMS])} FROM {CALLS} WHERE {condition} {end}", arguments  # noqa: S608 - constants


def select_calls(where: CallFilter, after: int | None, limit: int) -> tuple[str, list[Any]]:
    """Return the statement for `UsageStore.calls`, and its arguments."""
    condition, arguments = _condition(where)
    order = "time DESC, id DESC"
    if after is not None:
        condition, order = f"{condition} AND id > ?", "id"
        arguments.append(after)
    arguments.append(min(limit, MAX_INTEGER))
    columns = ", ".join(("id", *COLUMNS))
    return f"SELECT {columns} FROM {CALLS} WHERE {condition} ORDER BY {order} LIMIT ?", arguments  # noqa: S608 - constants


def _condition(where: CallFilter) -> tuple[str, list[Any]]:
    conditions: list[str] = ["1 = 1"]
    arguments: list[Any] = []
    for expression, value in (
        ("time >= ?", where.since),
        ("time < ?", where.until),
        ("provider = ?", where.provider),
        ("? IN (model, provider || '/' || model)", where.model),
        ("label = ?", where.label),
        ("key = ?", where.key),
        ("error = ?", None if where.error == "*" else where.error),
        ("seconds >= ?", where.slower_than),
    ):
        if value is not None:
            conditions.append(expression)
            arguments.append(to_stored_text(value) if isinstance(value, str) else value)
    if where.error == "*":
        conditions.append("error IS NOT NULL")
    if where.has_failures:
        conditions.append("failures IS NOT NULL")
    return " AND ".join(conditions), arguments
