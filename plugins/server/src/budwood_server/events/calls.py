"""Events of calls, written in the transaction of their records while somebody wants them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from budwood import logs
from budwood_server.database import INTERESTS, WEBHOOKS, DatabaseError
from budwood_server.database.tables import EVENT_INTERESTS
from budwood_server.database.tables import WEBHOOKS as WEBHOOK_TABLE
from budwood_server.events.event_types import INFERENCE
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.webhooks.principals import select_webhooks
from budwood_server.webhooks.records import to_webhook
from budwood_usage.rows import read_row

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from budwood_server.database import Database, VersionWatch

CHECK_SECONDS: Final = 30.0
"""Seconds after which a worker looks again whether streams of events still want them."""


class CallEvents:
    """
    Writes an event for each recorded call, while a webhook or a stream gets such events, or the settings say so.

    Args:
        database: The database.
        always: Whether they are written in any case.

    Attributes:
        is_wanted: Whether they are written now.
    """

    def __init__(self, database: Database, *, always: bool) -> None:
        self._database = database
        self._always = always
        self.is_wanted = always

    async def start(self, watch: VersionWatch) -> None:
        """Find out whether they are wanted, and notice changes of that. Call it before the start of the watch."""
        watch.subscribe(WEBHOOKS, self.check)
        watch.subscribe(INTERESTS, self.check)
        await self.check()

    async def check(self) -> None:
        """
        Find out whether they are wanted.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._database.read() as connection:
            self.is_wanted = self._always or await _is_wanted(connection)

    async def record(self, connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        """
        Write the events of calls.

        Args:
            connection: The transaction that writes the records of the calls.
            rows: The records: rows of `budwood_usage.rows.make_row`.
        """
        if self.is_wanted:
            await record_events(connection, [to_event(row) for row in rows])

    async def run(self) -> None:
        """
        Find out again and again whether they are wanted, until the task is cancelled.

        The interests of a process that was killed end without a change of the version.
        """
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self.check()
            except DatabaseError as error:
                logs.emit("interest in events not read", level="warning", reason=str(error))


async def _is_wanted(connection: AsyncConnection) -> bool:
    query = select_webhooks().where(WEBHOOK_TABLE.c.state != "disabled")
    webhooks = (to_webhook(dict(row)) for row in (await connection.execute(query)).mappings())
    if any(not INFERENCE.isdisjoint(webhook.types) for webhook in webhooks):
        return True
    streams = select(EVENT_INTERESTS.c.worker).where(EVENT_INTERESTS.c.expires > time.time()).limit(1)
    return (await connection.execute(streams)).first() is not None


def to_event(row: tuple[Any, ...]) -> NewEvent:
    """Return the event of a call."""
    from budwood_server.telemetry.forms import to_call  # imports FastAPI's models; most workers write no events

    record = read_row(0, row)
    kind = "inference.completed" if record.error is None else "inference.failed"
    data = to_call(record).model_dump(mode="json", exclude={"id"})
    return NewEvent(kind, record.call, data, owner=find_owner(record.tags), time=record.time)


def find_owner(tags: Mapping[str, str]) -> str | None:
    """Return the owner of the key of a call, as `ApiKey.owner` has it."""
    if "team" in tags:
        return f"team-{tags['team']}"
    key = tags.get("key")
    return key if key is None or key.startswith("account-") else f"key-{key}"
