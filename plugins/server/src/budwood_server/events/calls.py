"""Events of calls, written in the transaction of their records while a webhook or a stream gets them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from budwood import logs
from budwood_server.database import INTERESTS, KEYS, WEBHOOKS, DatabaseError
from budwood_server.database.tables import EVENT_INTERESTS
from budwood_server.database.tables import WEBHOOKS as WEBHOOK_TABLE
from budwood_server.events.event_types import INFERENCE
from budwood_server.events.owners import find_owner
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.texts import ALL, CallTexts
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
        max_text: The maximum number of characters of a prompt or reply.

    Attributes:
        is_wanted: Whether they are written now.
        texts: The texts of calls whose events are not written yet.
    """

    def __init__(self, database: Database, *, always: bool, max_text: int = 65_536) -> None:
        self._database = database
        self._always = always
        self.is_wanted = always
        self.texts = CallTexts(max_text)

    async def start(self, watch: VersionWatch) -> None:
        """Find out whether they are wanted, and notice changes of that. Call it before the start of the watch."""
        watch.subscribe(WEBHOOKS, self.check)
        watch.subscribe(INTERESTS, self.check)
        watch.subscribe(KEYS, self.check)  # one that is revoked or changed may get no texts any more
        await self.check()

    async def check(self) -> None:
        """
        Find out whether they are wanted, and whose texts.

        Raises:
            DatabaseError: The database cannot be used.
        """
        async with self._database.read() as connection:
            is_wanted, self.texts.owners = await _find_wants(connection)
        self.is_wanted = self._always or is_wanted

    async def record(self, connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
        """
        Write the events of calls.

        Args:
            connection: The transaction that writes the records of the calls.
            rows: The records: rows of `budwood_usage.rows.make_row`.
        """
        if self.is_wanted:
            await record_events(connection, [to_event(row, self.texts.find(row)) for row in rows])

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


async def _find_wants(connection: AsyncConnection) -> tuple[bool, frozenset[str]]:
    """Return whether events of calls are wanted, and the owners of the calls whose texts are."""
    query = select_webhooks().where(WEBHOOK_TABLE.c.state != "disabled")
    webhooks = [to_webhook(dict(row)) for row in (await connection.execute(query)).mappings()]
    wanting = [webhook for webhook in webhooks if not INFERENCE.isdisjoint(webhook.types)]
    owners = {ALL if webhook.sees_all else webhook.owner for webhook in wanting if webhook.with_texts}
    streams = select(EVENT_INTERESTS.c.texts).where(EVENT_INTERESTS.c.expires > time.time())
    found = (await connection.execute(streams)).scalars().all()
    return bool(wanting or found), frozenset(owners.union(*found))


def to_event(row: tuple[Any, ...], texts: Mapping[str, Any] | None = None) -> NewEvent:
    """Return the event of a call, with its texts if they are kept."""
    from budwood_server.telemetry.forms import to_call  # imports FastAPI's models; most workers write no events

    record = read_row(0, row)
    kind = "inference.completed" if record.error is None else "inference.failed"
    data = to_call(record).model_dump(mode="json", exclude={"id"})
    return NewEvent(kind, record.call, data, owner=find_owner(record.tags), texts=texts, time=record.time)
