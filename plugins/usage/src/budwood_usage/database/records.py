"""Write and read records on a connection, in its transaction."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_usage.database.schema import is_postgresql, lock
from budwood_usage.database.statements import find_dialect, read_rows
from budwood_usage.database.tables import calls, dropped
from budwood_usage.queries import SELECT_DROPPED, SELECT_LAST, Place, select_calls, select_totals
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
    return read_totals(read_rows(connection, *select_totals(by, where, find_dialect(connection), limit)), len(by))


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
    rows = read_rows(connection, *select_calls(where, after, limit, find_dialect(connection), before))
    return [read_row(row[0], row[1:]) for row in rows]


def read_last_id(connection: Connection) -> int:
    """Return the highest id of a record; 0 without any. Later records get higher ones."""
    return sum(row[0] for row in read_rows(connection, SELECT_LAST, ()))


def read_dropped(connection: Connection) -> int:
    """Return how many calls were not recorded."""
    return sum(row[0] for row in read_rows(connection, SELECT_DROPPED, ()))


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
