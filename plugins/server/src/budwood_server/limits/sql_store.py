"""Counts of limits in the database of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from math import inf
from typing import Any, Final

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from budwood_server.database import Database, DatabaseError
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import LIMIT_COUNTS
from budwood_server.limits.budget_events import BudgetEvents
from budwood_server.limits.counts import Count, Lease, LeaseAnswer, LeaseRequest, Period, exchange

_COLUMNS: Final = LIMIT_COUNTS.c
_ENDLESS: Final = -1.0


class SqlLeaseStore:
    """
    Stores counts and leases in a table; see `budwood_server.limits.stores.LeaseStore`.

    Args:
        database: The database, which its owner closes.
        events: Writes events of budgets.
    """

    def __init__(self, database: Database, events: BudgetEvents) -> None:
        self._database = database
        self._events = events

    async def exchange(self, worker: str, requests: Sequence[LeaseRequest], now: float) -> list[LeaseAnswer]:
        """Answer requests in one transaction, which also writes the events of budgets."""
        async with _as_os_error(), self._database.write() as connection:
            answers = [await self._exchange(connection, worker, request, now) for request in requests]
            spent = self._events.find_spent(requests, answers)
            await self._events.record(connection, spent)
        self._events.remember(spent)
        return answers

    async def _exchange(
        self, connection: AsyncConnection, worker: str, request: LeaseRequest, now: float
    ) -> LeaseAnswer:
        count = await self._lock(connection, request.period)
        answer = exchange(count, request, worker, now)
        await connection.execute(update(LIMIT_COUNTS).where(*_of(request.period)).values(_to_row(count)))
        return answer

    async def _lock(self, connection: AsyncConnection, period: Period) -> Count:
        """Read a count, and lock its row; transactions on SQLite have locked the whole file."""
        query = select(_COLUMNS.used, _COLUMNS.recalled_until, _COLUMNS.leases).where(*_of(period)).with_for_update()
        row = (await connection.execute(query)).first()
        if row is None:
            values = {"key": period.key, "resets_at": _encode_end(period), **_to_row(Count())}
            await connection.execute(insert_into(connection, LIMIT_COUNTS).values(values).on_conflict_do_nothing())
            row = (await connection.execute(query)).one()
        return _to_count(row)

    async def read(self, keys: Collection[str], now: float) -> Mapping[Period, Count]:
        """Return the counts of limits in their present periods."""
        is_present = (_COLUMNS.resets_at == _ENDLESS) | (_COLUMNS.resets_at > now)
        query = select(LIMIT_COUNTS).where(_COLUMNS.key.in_(keys), is_present)
        async with _as_os_error(), self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return {Period(row.key, _decode_end(row.resets_at)): _to_count(row) for row in rows}

    async def list_recalled(self, now: float) -> frozenset[Period]:
        """List the periods of which workers return their units in reserve."""
        query = select(_COLUMNS.key, _COLUMNS.resets_at).where(_COLUMNS.recalled_until > now)
        async with _as_os_error(), self._database.read() as connection:
            return frozenset(Period(row.key, _decode_end(row.resets_at)) for row in await connection.execute(query))

    async def prune(self, before: float) -> None:
        """Remove the periods that ended before a moment."""
        ended = (_COLUMNS.resets_at != _ENDLESS) & (_COLUMNS.resets_at < before)
        async with _as_os_error(), self._database.write() as connection:
            await connection.execute(delete(LIMIT_COUNTS).where(ended))

    async def close(self) -> None:
        """Do nothing: the database is closed by its owner."""


@asynccontextmanager
async def _as_os_error() -> AsyncIterator[None]:
    """Raise failures of the database as `OSError`, as limiters do."""
    try:
        yield
    except DatabaseError as error:
        raise OSError(str(error)) from None


def _of(period: Period) -> tuple[Any, Any]:
    return _COLUMNS.key == period.key, _COLUMNS.resets_at == _encode_end(period)


def _encode_end(period: Period) -> float:
    return _ENDLESS if period.resets_at == inf else period.resets_at


def _decode_end(resets_at: float) -> float:
    return inf if resets_at == _ENDLESS else resets_at


def _to_count(row: Any) -> Count:  # noqa: ANN401 - a row
    return Count(row.used, row.recalled_until, {name: Lease(*lease) for name, lease in row.leases.items()})


def _to_row(count: Count) -> dict[str, Any]:
    return {"used": count.used, "recalled_until": count.recalled_until, "leases": count.leases}
