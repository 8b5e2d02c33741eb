"""Events of budgets of which a part was spent: one for each part and period, of all workers together."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import select

from budwood import logs
from budwood_server.access.keys import BUDGET_OF_KEY, name_owner
from budwood_server.api_models.moments import format_moment, from_seconds
from budwood_server.database import Database, DatabaseError
from budwood_server.database.bounded import BoundedDict
from budwood_server.database.inserts import insert_into
from budwood_server.database.tables import API_KEYS, BUDGET_MARKS
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.limits.counts import NANODOLLARS, LeaseAnswer, LeaseRequest, Period
from budwood_server.limits.limiter import BUDGET_PREFIX

if TYPE_CHECKING:
    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection

CAPACITY: Final = 50_000
"""The parts of budgets that a worker remembers; for those that it forgets it looks into the table again."""


class SpentPart(NamedTuple):
    """
    A part of a budget that was spent.

    Attributes:
        period: The budget in one of its periods.
        threshold: The part: 0.8 for 80 %.
        limit: The budget in nanodollars or tokens.
        spent: What was spent of it.
    """

    period: Period
    threshold: float
    limit: float
    spent: float


class BudgetEvents:
    """
    Writes an event once a part of a budget is spent.

    It looks at budgets when a worker reports to the store what calls have spent, so that it costs calls nothing. The
    table of marks has a row for each event, so that none is written twice.

    Args:
        thresholds: The parts, such as 0.8 for 80 %.
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        self._thresholds = tuple(sorted(set(thresholds)))
        self._written: BoundedDict[tuple[Period, float], None] = BoundedDict(CAPACITY)

    def find_spent(self, requests: Sequence[LeaseRequest], answers: Sequence[LeaseAnswer]) -> list[SpentPart]:
        """Return the parts of budgets that are spent, without those whose events this worker knows to be written."""
        return [
            SpentPart(request.period, threshold, request.limit, answer.used)
            for request, answer in zip(requests, answers, strict=True)
            if request.period.key.startswith(BUDGET_PREFIX) and request.period.resets_at < inf
            for threshold in self._thresholds
            if answer.used / request.limit >= threshold and (request.period, threshold) not in self._written
        ]

    async def record(self, connection: AsyncConnection, parts: Sequence[SpentPart]) -> None:
        """
        Write the events of parts, unless they were written before.

        Args:
            connection: The transaction; call `remember` once it is committed.
            parts: What `find_spent` returned.
        """
        await record_events(
            connection, [await _make_event(connection, part) for part in parts if await _mark(connection, part)]
        )

    def remember(self, parts: Sequence[SpentPart]) -> None:
        """Note that the events of parts are written."""
        for part in parts:
            self._written[part.period, part.threshold] = None

    async def report(
        self, database: Database, requests: Sequence[LeaseRequest], answers: Sequence[LeaseAnswer]
    ) -> None:
        """
        Write the events in a transaction of their own, for a store outside the database.

        If that fails, it is done after the next exchange with the store.
        """
        if not (parts := self.find_spent(requests, answers)):
            return
        try:
            async with database.write() as connection:
                await self.record(connection, parts)
        except DatabaseError as error:
            logs.emit("events of budgets not written", level="warning", reason=str(error))
        else:
            self.remember(parts)


async def _mark(connection: AsyncConnection, part: SpentPart) -> bool:
    """Insert the mark of a part; return whether it is new."""
    values = {"budget": part.period.key, "resets_at": part.period.resets_at, "threshold": part.threshold}
    statement = insert_into(connection, BUDGET_MARKS).values(values).on_conflict_do_nothing()
    result = await connection.execute(statement.returning(BUDGET_MARKS.c.threshold))
    return result.first() is not None


async def _make_event(connection: AsyncConnection, part: SpentPart) -> NewEvent:
    name, unit, per = part.period.key.removeprefix(BUDGET_PREFIX).rsplit("/", 2)
    key = await _find_key(connection, name)
    data: dict[str, Any] = {
        "budget": name,
        "key": key["id"] if key else None,
        "name": key["name"] if key else None,
        "team": key["team"] if key else None,
        "threshold": part.threshold,
        "unit": unit,
        "limit": _format(part.limit, unit),
        "spent": _format(part.spent, unit),
        "per": per,
        "resets_at": format_moment(from_seconds(part.period.resets_at)),
    }
    owner = name_owner(key["id"], key["team"]) if key else None
    return NewEvent("cost.threshold_exceeded", data["key"] or name, data, owner=owner)


async def _find_key(connection: AsyncConnection, budget: str) -> RowMapping | None:
    """Return the key of a budget; None of one of the settings."""
    if not budget.startswith(BUDGET_OF_KEY):
        return None
    query: Any = select(API_KEYS.c.id, API_KEYS.c.name, API_KEYS.c.team)
    found = await connection.execute(query.where(API_KEYS.c.id == budget.removeprefix(BUDGET_OF_KEY)))
    row: RowMapping | None = found.mappings().first()
    return row


def _format(amount: float, unit: str) -> str:
    from budwood_server.telemetry.forms import format_amount  # imports FastAPI's models; few transactions need it

    return format_amount(Decimal(round(amount)) / (NANODOLLARS if unit == "dollars" else 1))
