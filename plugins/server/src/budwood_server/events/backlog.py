"""How much of events and deliveries waits in the database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from budwood_server.database.tables import DELIVERIES, EVENTS, WEBHOOKS
from budwood_server.webhooks.records import OPEN, may_send

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.database import Database


@dataclass(frozen=True, slots=True)
class Backlog:
    """
    What waits.

    Attributes:
        unordered: Events that have no place yet.
        deliveries: Deliveries that have not ended, by state, with those of endpoints that are paused.
        oldest_due: Seconds since the oldest delivery that a worker may send now was due; 0 without any.
    """

    unordered: int
    deliveries: Mapping[str, int]
    oldest_due: float


async def read_backlog(database: Database) -> Backlog:
    """
    Return what waits.

    Raises:
        DatabaseError: The database cannot be used.
    """
    async with database.read() as connection:
        unordered = select(func.count()).where(EVENTS.c.place.is_(None))
        states = select(DELIVERIES.c.state, func.count()).where(DELIVERIES.c.state.in_(OPEN))
        rows = (await connection.execute(states.group_by(DELIVERIES.c.state))).all()
        return Backlog(
            unordered=(await connection.execute(unordered)).scalar_one(),
            deliveries=dict.fromkeys(OPEN, 0) | {row[0]: row[1] for row in rows},
            oldest_due=await _find_age(connection, time.time()),
        )


async def _find_age(connection: AsyncConnection, now: float) -> float:
    """Return for how long the oldest delivery waits. The index finds the first of each endpoint."""
    first = select(func.min(DELIVERIES.c.due)).where(
        DELIVERIES.c.webhook == WEBHOOKS.c.id, DELIVERIES.c.state == "waiting"
    )
    query = select(first.scalar_subquery()).where(may_send(now))
    due = [moment for moment in (await connection.execute(query)).scalars() if moment is not None]
    return max(0.0, now - min(due, default=now))
