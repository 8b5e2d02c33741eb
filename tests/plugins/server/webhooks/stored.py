"""Endpoints and events in a database, without a server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace

from sqlalchemy import insert, select, update

from budwood_server.database.tables import DELIVERIES, WEBHOOKS
from budwood_server.events.event_types import EVENT_TYPES
from budwood_server.events.reading import EventFilter
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import Sequencer
from budwood_server.settings import DELAYS
from budwood_server.webhooks.fan_out import fan_out
from budwood_server.webhooks.queue import Queue
from budwood_server.webhooks.records import Attempt
from tests.plugins.server.databases import open_database

EVERYTHING = EventFilter(frozenset(EVENT_TYPES))
ACCEPTED = Attempt(at=0.0, seconds=0.1, status=204)
REFUSED = Attempt(at=0.0, seconds=0.1, status=500)


def fail_now():
    """
    Return a failed attempt that begins now.
    """
    return replace(REFUSED, at=time.time())


class Stored:
    """
    A database with endpoints and events.
    """

    def __init__(self, database):
        self.database = database
        self.sequencer = Sequencer(database, fan_out, poll=60)

    def queue(self, worker="a", lease=60.0, delays=DELAYS):
        """
        Return the queue of a worker.
        """
        return Queue(self.database, worker, lease, delays)

    async def add_webhook(self, webhook_id, **values):
        """
        Insert an endpoint that gets all events, unless told otherwise.
        """
        row = {
            "id": webhook_id,
            "version": 1,
            "owner": "red",
            "name": webhook_id,
            "url": "https://example.org/",
            "types": ["run.finished"],
            "subjects": None,
            "sees_all": 1,
            "with_texts": 0,
            "state": "active",
            "concurrency": 10,
            "principal_kind": "command",
            "principal_id": "command",
            "created": 0.0,
            "changed": 0.0,
            "failures": 0,
            "open_until": 0.0,
            "next_request": 0.0,
        }
        async with self.database.write() as connection:
            await connection.execute(insert(WEBHOOKS).values({**row, **values}))

    async def add_events(self, count, owner="red", kind="run.finished"):
        """
        Write events, and have them get their places and deliveries.
        """
        async with self.database.write() as connection:
            await record_events(
                connection, [NewEvent(kind, f"run_{number}", {}, owner=owner) for number in range(count)]
            )
        while await self.sequencer.assign():
            pass

    async def read(self, webhook_id=None):
        """
        Return deliveries in the order of their events.
        """
        query = select(DELIVERIES).order_by(DELIVERIES.c.place)
        if webhook_id is not None:
            query = query.where(DELIVERIES.c.webhook == webhook_id)
        async with self.database.read() as connection:
            return [SimpleNamespace(**row) for row in (await connection.execute(query)).mappings()]

    async def read_webhook(self, webhook_id):
        """
        Return the row of an endpoint.
        """
        async with self.database.read() as connection:
            query = select(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id)
            return SimpleNamespace(**(await connection.execute(query)).mappings().one())

    async def pass_time(self, seconds):
        """
        Have everything been due for some seconds more: it stands for a clock that went on.
        """
        async with self.database.write() as connection:
            await connection.execute(update(DELIVERIES).values(due=DELIVERIES.c.due - seconds))
            values = {name: WEBHOOKS.c[name] - seconds for name in ("open_until", "next_request")}
            await connection.execute(update(WEBHOOKS).values(**values))


def run_stored(url, scenario):
    """
    Run a coroutine function with a database that has no events.
    """

    async def main():
        async with open_database(url) as database:
            return await scenario(Stored(database))

    return asyncio.run(main())


def is_soon(moment, seconds):
    """
    Tell whether a moment is about some seconds from now.
    """
    return abs(moment - time.time() - seconds) < max(0.2 * seconds, 30)
