"""The statements that read the figures of an interval of time: sums by group, and durations."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Final, NamedTuple

from budwood.types import CallFilter, UsageTotals
from budwood_usage.queries import SUM_COLUMNS, Dialect, find_condition, find_group
from budwood_usage.rows import CALLS, read_sums

_TIMED: Final = "error IS NULL AND cached = 0"
"""The calls that durations are read of: failures and replies of the cache are often much faster."""

_ALL: Final = -1
"""What stands for the number of a dimension in rows without a group."""


class Interval(NamedTuple):
    """
    A part of time.

    Attributes:
        since: Its start, in seconds since 1970.
        until: Its end, which it excludes.
    """

    since: float
    until: float

    def within(self, where: CallFilter) -> Interval:
        """Return the part of the interval that a filter selects. Its end is not after its start if there is none."""
        since = self.since if where.since is None else max(where.since, self.since)
        until = self.until if where.until is None else min(where.until, self.until)
        return Interval(since, until)


class Figures(NamedTuple):
    """
    The figures of calls.

    Attributes:
        total: The sums over all of them, without a group.
        groups: For each dimension, the sums over its groups by what the calls have in common: a text, or None.
        durations: The seconds of the calls that succeeded without the cache, the shortest first.
    """

    total: UsageTotals
    groups: Mapping[str, Mapping[str | None, UsageTotals]]
    durations: array[float]


def select_sums(interval: Interval, where: CallFilter, dialect: Dialect, by: Sequence[str]) -> tuple[str, list[Any]]:
    """
    Return the statement for the sums over an interval, and its arguments.

    Each record is read once, also for several dimensions: they are summed from their common groups.

    Args:
        interval: The interval.
        where: Selects the calls.
        dialect: The dialect of the database.
        by: The dimensions, each of which groups the calls.

    Raises:
        ValueError: Calls cannot be grouped by one of the names.
    """
    condition, arguments = find_condition(replace(where, since=interval.since, until=interval.until), dialect)
    names = [f"g{number}" for number in range(len(by))]
    groups = [f"{find_group(name, dialect)} AS {column}" for name, column in zip(by, names, strict=True)]
    sums = [f"{expression} AS s{number}" for number, expression in enumerate(SUM_COLUMNS)]
    end = f"GROUP BY {', '.join(str(number + 1) for number in range(len(by)))}" if by else ""
    common = f"SELECT {', '.join([*groups, *sums])} FROM {CALLS} WHERE {condition} {end}"  # noqa: S608 - constants
    again = ", ".join(f"sum(s{number})" for number in range(len(SUM_COLUMNS)))
    parts = [f"SELECT {_ALL}, CAST(NULL AS TEXT), {again} FROM common"]  # noqa: S608
    parts += [f"SELECT {number}, {name}, {again} FROM common GROUP BY {name}" for number, name in enumerate(names)]  # noqa: S608
    return f"WITH common AS ({common}) {' UNION ALL '.join(parts)}", arguments


def select_durations(interval: Interval, where: CallFilter, dialect: Dialect) -> tuple[str, list[Any]]:
    """Return the statement for the durations of an interval, the shortest first, and its arguments."""
    condition, arguments = find_condition(replace(where, since=interval.since, until=interval.until), dialect)
    return f"SELECT seconds FROM {CALLS} WHERE {condition} AND {_TIMED} ORDER BY seconds", arguments  # noqa: S608


def select_counts(intervals: Sequence[Interval]) -> tuple[str, list[Any]]:
    """Return the statement for the number of all records of each interval, which reads only an index."""
    parts = [
        f"SELECT {index}, count(*) FROM {CALLS} WHERE time >= ? AND time < ?"  # noqa: S608 - constants
        for index in range(len(intervals))
    ]
    return " UNION ALL ".join(parts), [moment for interval in intervals for moment in interval]


def make_figures(rows: Iterable[Sequence[Any]], by: Sequence[str], durations: Iterable[float] = ()) -> Figures:
    """Return the figures in the rows of `select_sums`."""
    total = NO_CALLS
    groups: dict[str, dict[str | None, UsageTotals]] = {name: {} for name in by}
    for number, value, *sums in rows:
        if not sums[0]:
            continue
        totals = read_sums([value, *sums], 1)
        if number == _ALL:
            total = replace(totals, group=())
        else:
            groups[by[number]][value] = totals
    return Figures(total, groups, array("d", durations))


def find_quantile(columns: Sequence[array[float]], quantile: float) -> float | None:
    """
    Return a quantile of the numbers of all columns by the nearest rank: one of them, or None if there are none.

    Args:
        columns: Numbers in ascending order. They are not merged.
        quantile: The quantile, such as 0.5 for the median.
    """
    columns = [column for column in columns if column]
    if not columns:
        return None
    count = sum(map(len, columns))
    rank = min(max(ceil(quantile * count), 1), count)
    low, high = min(column[0] for column in columns), max(column[-1] for column in columns)
    while low < high:  # both are numbers of the columns, and the one of the rank is between them
        middle = low + (high - low) / 2
        middle = low if middle >= high else middle
        places = [bisect_right(column, middle) for column in columns]
        if sum(places) >= rank:
            high = max(column[place - 1] for column, place in zip(columns, places, strict=True) if place)
        else:
            low = min(column[place] for column, place in zip(columns, places, strict=True) if place < len(column))
    return low


NO_CALLS: Final = read_sums([0] * len(SUM_COLUMNS), 0)
"""The sums over no calls."""
