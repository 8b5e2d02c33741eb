"""Write and read records on a connection, in its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, delete, select, text, update

from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_usage.database.schema import is_postgresql, lock
from budwood_usage.database.tables import calls, dropped
from budwood_usage.over_time import (
    Interval,
    IntervalSums,
    RankedInterval,
    find_rank,
    read_interval_sums,
    select_durations,
    select_interval_sums,
)
from budwood_usage.queries import (
    POSTGRESQL,
    SELECT_DROPPED,
    SELECT_LAST,
    SQLITE,
    Dialect,
    Place,
    select_calls,
    select_totals,
)
from budwood_usage.retention import SWEEP
from budwood_usage.rows import CALLS, COLUMNS, read_row, read_totals

_ROWS: Final = 512
"""The maximum number of rows of one statement for SQLite, which accepts 32,766 values."""

_PLACES: Final = {"qmark": "?", "numeric_dollar": "${}"}
"""How drivers write the parameter of a number; others write ``%s``."""


def add(connection: Connection, rows: Sequence[tuple[Any, ...]], dropped_calls: int = 0) -> None:
    """
    Write rows. One that is there already is left alone, so that a batch can be written again.

    PostgreSQL's other writers wait until the transaction ends.

    Args:
        connection: A connection in a transaction.
        rows: Rows of `budwood_usage.rows.make_row`.
        dropped_calls: How many calls could not be recorded.
    """
    lock(connection)
    if rows and is_postgresql(connection):
        connection.exec_driver_sql(_insert_for(connection), list(rows))  # no parameter needs a conversion
    elif rows:
        _add_to_sqlite(connection, rows)
    if dropped_calls:
        connection.execute(update(dropped).values(calls=dropped.c.calls + dropped_calls))


def prune(connection: Connection, before: float, limit: int = SWEEP) -> int:
    """
    Remove old records.

    Args:
        connection: A connection in a transaction.
        before: The end of the removed calls, in seconds since 1970.
        limit: The maximum number, so that others need not wait long for the database.

    Returns:
        How many were removed. If it is the limit, there may be more.
    """
    old = select(calls.c.id).where(calls.c.time < before).limit(limit)
    return connection.execute(delete(calls).where(calls.c.id.in_(old))).rowcount


def sum_calls(
    connection: Connection, by: Sequence[str], where: CallFilter, limit: int | None = None
) -> Sequence[UsageTotals]:
    """
    Return the sums over groups of calls; see `budwood.contracts.UsageStore.totals`.

    Args:
        connection: A connection.
        by: What calls are grouped by.
        where: Selects the calls.
        limit: The maximum number of groups, of which the database chooses any; None for all.

    Raises:
        ValueError: Calls cannot be grouped by one of the names.
    """
    return read_totals(_read(connection, *select_totals(by, where, _dialect_of(connection), limit)), len(by))


def sum_intervals(
    connection: Connection,
    intervals: Sequence[Interval],
    where: CallFilter,
    *,
    by: str | None = None,
    values: Sequence[str] = (),
) -> Sequence[IntervalSums]:
    """
    Return the sums over the calls of intervals. Intervals without calls have none.

    Args:
        connection: A connection.
        intervals: The intervals, at most a few hundred.
        where: Selects the calls.
        by: What the calls of an interval are grouped by, or None.
        values: The values that have a group. All other calls are one group.

    Raises:
        ValueError: Calls cannot be grouped by this name.
    """
    if not intervals:
        return []
    statement = select_interval_sums(intervals, where, _dialect_of(connection), by, values)
    return read_interval_sums(_read(connection, *statement))


def find_durations(
    connection: Connection,
    intervals: Sequence[Interval],
    counts: Sequence[int],
    where: CallFilter,
    quantiles: Sequence[float],
) -> Sequence[Sequence[float | None]]:
    """
    Return quantiles of the durations of calls that succeeded without the cache, for each interval.

    Args:
        connection: A connection.
        intervals: The intervals, at most a few hundred.
        counts: The number of such calls of each, which `sum_intervals` returns.
        where: Selects the calls.
        quantiles: The quantiles, such as 0.5 for the median.

    Returns:
        Durations in seconds in the order of intervals and quantiles. They are durations of calls, by the nearest rank;
        None without calls.
    """
    places = [[find_rank(quantile, count) if count else 0 for quantile in quantiles] for count in counts]
    ranked = [
        RankedInterval(index, interval, sorted({*ranks}))
        for index, (interval, ranks) in enumerate(zip(intervals, places, strict=True))
        if any(ranks)
    ]
    if not ranked:
        return [[None] * len(quantiles) for _ in intervals]
    rows = _read(connection, *select_durations(ranked, where, _dialect_of(connection)))
    found = {(index, place): seconds for index, place, seconds in rows}
    return [[found.get((index, place)) for place in ranks] for index, ranks in enumerate(places)]


def find_calls(
    connection: Connection,
    where: CallFilter,
    *,
    after: int | None = None,
    before: Place | None = None,
    limit: int = 100,
) -> Sequence[CallRecord]:
    """
    Return records, the newest first; see `budwood.contracts.UsageStore.calls`.

    Args:
        connection: A connection.
        where: Selects the calls.
        after: Only records with a higher id, the oldest first, to follow new calls.
        before: Only records that come after this place in a list, the newest first: its next page.
        limit: The maximum number.
    """
    rows = _read(connection, *select_calls(where, after, limit, _dialect_of(connection), before))
    return [read_row(row[0], row[1:]) for row in rows]


def read_last_id(connection: Connection) -> int:
    """Return the highest id of a record; 0 without any. Later records get higher ones."""
    return sum(row[0] for row in _read(connection, SELECT_LAST, ()))


def read_dropped(connection: Connection) -> int:
    """Return how many calls were not recorded."""
    return sum(row[0] for row in _read(connection, SELECT_DROPPED, ()))


def _add_to_sqlite(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """
    Write rows with few statements: after each, the driver's thread waits for the event loop, and slows it down.

    The driver keeps prepared statements, so that their sizes are powers of two.
    """
    start = 0
    while (left := len(rows) - start) > 0:
        size = min(_ROWS, 1 << (left.bit_length() - 1))
        some = rows[start : start + size]
        connection.exec_driver_sql(_insert_for(connection, size), tuple(chain.from_iterable(some)))
        start += size


def _insert_for(connection: Connection, rows: int = 1) -> str:
    place = _PLACES.get(connection.dialect.paramstyle, "%s")
    places = ", ".join(place.format(number) for number in range(1, len(COLUMNS) + 1))
    values = ", ".join([f"({places})"] * rows)
    return f"INSERT INTO {CALLS} ({', '.join(COLUMNS)}) VALUES {values} ON CONFLICT DO NOTHING"  # noqa: S608 - constants


def _read(connection: Connection, statement: str, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
    names = [f"p{number}" for number in range(len(arguments))]
    for name in names:
        statement = statement.replace("?", f":{name}", 1)
    return connection.execute(text(statement), dict(zip(names, arguments, strict=True))).all()


def _dialect_of(connection: Connection) -> Dialect:
    return POSTGRESQL if is_postgresql(connection) else SQLITE
