"""Read the figures of intervals on a connection, and tell whether those of an earlier reading are still right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from budwood.types import CallFilter
from budwood_usage.database.statements import find_dialect, read_column, read_rows
from budwood_usage.over_time import Figures, Interval, make_figures, select_counts, select_durations, select_sums
from budwood_usage.rows import CALLS

_SELECT_TIMES: Final = f"SELECT min(time + 0), max(time + 0) FROM {CALLS} WHERE id > ?"  # noqa: S608 - constant
"""PostgreSQL would search the index of ``time`` from its start for a record with such an id, past all others."""


def read_figures(
    connection: Connection,
    interval: Interval,
    where: CallFilter,
    by: Sequence[str] = (),
    *,
    with_durations: bool = True,
) -> Figures:
    """
    Return the figures of the calls of an interval.

    Args:
        connection: A connection.
        interval: The interval. The times of the filter do not count.
        where: Selects the calls.
        by: The dimensions, each of which groups the calls.
        with_durations: Whether to read durations as well.

    Raises:
        ValueError: Calls cannot be grouped by one of the names.
    """
    dialect = find_dialect(connection)
    rows = read_rows(connection, *select_sums(interval, where, dialect, by))
    if not with_durations:
        return make_figures(rows, by)
    return make_figures(rows, by, read_column(connection, *select_durations(interval, where, dialect)))


def count_records(connection: Connection, intervals: Sequence[Interval]) -> Sequence[int]:
    """Return the number of all records of each interval, of which there are at most a few hundred."""
    if not intervals:
        return []
    return [count for _, count in sorted(map(tuple, read_rows(connection, *select_counts(intervals))))]


def find_times(connection: Connection, after: int) -> Interval | None:
    """
    Return the time from the earliest to the latest record with a higher id than another one; None without any.

    No record is ever changed, and none gets an id that another one had. So the records of an interval are the same as
    before if their number is, and if no record of a higher id than the highest one before has a time in it.
    """
    ((first, last),) = read_rows(connection, _SELECT_TIMES, (after,))
    return None if first is None else Interval(first, last)
