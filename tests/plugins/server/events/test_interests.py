"""Whether events of calls are wanted, as the database says."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import insert, update

from budwood_server.database.tables import EVENT_INTERESTS
from budwood_server.events import calls
from budwood_server.events.calls import CallEvents
from tests.plugins.server.databases import open_database


def test_the_interest_of_a_killed_process_ends(database_url, monkeypatch):
    """
    Other processes notice it, although that process has not said so.
    """

    async def scenario(database):
        row = {"worker": "killed", "texts": [], "expires": time.time() + 100}
        async with database.write() as connection:
            await connection.execute(insert(EVENT_INTERESTS).values(row))
        events = CallEvents(database, always=False)
        await events.check()
        assert events.is_wanted
        task = asyncio.create_task(events.run())
        async with database.write() as connection:
            await connection.execute(update(EVENT_INTERESTS).values(expires=time.time() - 1))
        while events.is_wanted:  # noqa: ASYNC110 - of a database
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    async def main():
        async with open_database(database_url) as database:
            await scenario(database)

    monkeypatch.setattr(calls, "CHECK_SECONDS", 0.0)
    asyncio.run(main())
