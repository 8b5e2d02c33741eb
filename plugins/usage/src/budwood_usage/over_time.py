"""The statements that read sums and durations over consecutive intervals of time, for charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from budwood.types import CallFilter, UsageTotals
from budwood_usage.queries import SUMS, Dialect, find_condition, find_group
from budwood_usage.rows import CALLS, read_sums, to_stored_text

_TIMED: Final = "error IS NULL AND cached = 0"
"""The calls that durations are read of: failures and replies of the cache are often much faster."""


class Interval(NamedTuple):
    """
    A part of time.

    Attributes:
        since: Its start, in seconds since 1970.
        until: Its end, which it excludes.
    """

    since: float
    until: float


class IntervalSums(NamedTuple):
    """
    The sums over the calls of an interval, or over a group of them.

    Attributes:
        interval: The index of the interval.
        value: What the calls of the group have in common; None for all other calls, and without groups.
        timed: The number of calls whose durations count: those that succeeded without the cache.
        totals: The sums, without a group.
    """

    interval: int
    value: str | None
    timed: int
    totals: UsageTotals


class RankedInterval(NamedTuple):
    """
    What durations are read of an interval.

    Attributes:
        number: The index of the interval in the results.
        interval: The interval.
        ranks: The places of the durations, from 1 for the shortest.
    """

    number: int
    interval: Interval
    ranks: Sequence[int]


def select_interval_sums(
    intervals: Sequence[Interval], where: CallFilter, dialect: Dialect, by: str | None, values: Sequence[str]
) -> tuple[str, list[Any]]:
    """
    Return the statement for the sums over each interval, and its arguments.

    Each interval is a query of its own: it reads a range of the index on time, and nothing is sorted.

    Args:
        intervals: The intervals.
        where: Selects the calls.
        dialect: The dialect of the database.
        by: What the calls of an interval are grouped by, or None.
        values: The values that have a group. All other calls are one group.

    Raises:
        ValueError: Calls cannot be grouped by this name.
    """
    value, value_arguments = _select_value(by, values, dialect)
    parts, arguments = [], []
    for index, interval in enumerate(intervals):
        condition, more = find_condition(_within(where, interval), dialect)
        columns = f"{index}, {value}, count(CASE WHEN {_TIMED} THEN 1 END), {SUMS}"
        parts.append(f"SELECT {columns} FROM {CALLS} WHERE {condition} GROUP BY 2")  # noqa: S608 - constants
        arguments += [*value_arguments, *more]
    return " UNION ALL ".join(parts), arguments


def select_durations(intervals: Iterable[RankedInterval], where: CallFilter, dialect: Dialect) -> tuple[str, list[Any]]:
    """Return the statement for durations: rows of the index of an interval, a rank, and seconds; and its arguments."""
    parts, arguments = [], []
    for index, interval, ranks in intervals:
        condition, more = find_condition(_within(where, interval), dialect)
        ranked = (
            f"SELECT seconds, row_number() OVER (ORDER BY seconds) AS place "  # noqa: S608 - constants
            f"FROM {CALLS} WHERE {condition} AND {_TIMED}"
        )
        places = ", ".join(str(int(rank)) for rank in ranks)
        parts.append(f"SELECT {index}, place, seconds FROM ({ranked}) AS r{index} WHERE place IN ({places})")  # noqa: S608
        arguments += more
    return " UNION ALL ".join(parts), arguments


def read_interval_sums(rows: Iterable[Sequence[Any]]) -> list[IntervalSums]:
    """Return the sums in the rows of `select_interval_sums`; intervals without calls have none."""
    return [IntervalSums(row[0], row[1], row[2], read_sums(row[3:], 0)) for row in rows if row[3]]


def find_rank(quantile: float, count: int) -> int:
    """Return the place of a quantile among sorted values, from 1, by the nearest rank: no value is invented."""
    return min(max(math.ceil(quantile * count), 1), count)


def _select_value(by: str | None, values: Sequence[str], dialect: Dialect) -> tuple[str, list[Any]]:
    """Return the expression of a group, and its arguments."""
    if by is None or not values:
        return "CAST(NULL AS TEXT)", []
    group = find_group(by, dialect)
    places = ", ".join("?" * len(values))
    return f"CASE WHEN {group} IN ({places}) THEN {group} END", [to_stored_text(value) for value in values]


def _within(where: CallFilter, interval: Interval) -> CallFilter:
    """Return a filter for the part of an interval that another one selects."""
    since = interval.since if where.since is None else max(where.since, interval.since)
    until = interval.until if where.until is None else min(where.until, interval.until)
    return replace(where, since=since, until=until)
