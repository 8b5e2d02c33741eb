"""Remove old events and ended deliveries."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, delete, exists, select, update

from budwood import logs
from budwood_server.database import DatabaseError
from budwood_server.database.tables import BUDGET_MARKS, DELIVERIES, EVENTS
from budwood_server.settings import DAY_SECONDS
from budwood_server.webhooks.records import OPEN

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.settings import ServerSettings

PAUSE_SECONDS: Final = 3600.0
"""Seconds between two times that old rows are removed."""

BATCH: Final = 1000
"""The maximum number of rows of one transaction, so that others need not wait long for the database."""

MAX_AGE_DAYS: Final = 7.0
"""
The days after which a delivery has failed whose schedule has not ended: its endpoint gets no requests, or few of them.
"""


async def keep_removing(database: Database, server: ServerSettings) -> None:
    """Remove what is old, again and again, until the task is cancelled."""
    while True:
        try:
            await remove_old(database, server, time.time())
        except DatabaseError as error:
            logs.emit("old events not removed", level="warning", reason=str(error))
        await asyncio.sleep(PAUSE_SECONDS)


async def remove_old(database: Database, server: ServerSettings, now: float) -> None:
    """
    Remove what is old at a moment.

    Raises:
        DatabaseError: The database cannot be used.
    """
    waits = and_(DELIVERIES.c.state.in_(OPEN), DELIVERIES.c.queued < now - MAX_AGE_DAYS * DAY_SECONDS)
    fail = update(DELIVERIES).where(waits, DELIVERIES.c.due < now).values(state="failed", finished=now)
    days = server.events.retention * DAY_SECONDS
    async with database.write() as connection:
        await connection.execute(fail)
        await connection.execute(delete(BUDGET_MARKS).where(BUDGET_MARKS.c.resets_at < now - days))
    ended = DELIVERIES.c.finished < now - server.webhooks.retention * DAY_SECONDS
    await _remove(database, DELIVERIES, DELIVERIES.c.id, ended)
    await _remove_texts(database, now - server.events.text_retention * DAY_SECONDS)
    is_open = exists().where(DELIVERIES.c.place == EVENTS.c.place, DELIVERIES.c.state.in_(OPEN))
    old = and_(EVENTS.c.time < now - days, EVENTS.c.place.is_not(None), ~is_open)
    await _remove(database, EVENTS, EVENTS.c.id, old)


async def _remove_texts(database: Database, before: float) -> None:
    """Remove the texts of older events, which stay."""
    old = select(EVENTS.c.id).where(EVENTS.c.texts.is_not(None), EVENTS.c.time < before).limit(BATCH)
    change = update(EVENTS).where(EVENTS.c.id.in_(old)).values(texts=None)
    while True:
        async with database.write() as connection:
            if (await connection.execute(change)).rowcount < BATCH:
                return


async def _remove(database: Database, table: Any, key: Any, condition: Any) -> None:  # noqa: ANN401 - of SQLAlchemy
    """Remove rows in small transactions."""
    some = select(key).where(condition).limit(BATCH)
    while True:
        async with database.write() as connection:
            if (await connection.execute(delete(table).where(key.in_(some)))).rowcount < BATCH:
                return
