"""What is known of the deliveries of endpoints."""

from __future__ import annotations

import time

from sqlalchemy import update

from budwood_server.database.tables import DELIVERIES
from budwood_server.webhooks.activity import Activity, find_activities
from tests.plugins.server.webhooks.stored import run_stored


def test_deliveries_are_counted_by_endpoint(database_url):
    """
    Those that wait, whenever they were created, and those that ended since a moment; the last one is the newest event.
    """

    async def scenario(stored):
        for webhook in ("busy", "idle"):
            await stored.add_webhook(webhook)
        await stored.add_events(6)
        states = ("delivered", "failed", "delivered", "delivered", "waiting", "sending")
        ended = (now - 100, now - 50, now - 40, now - 9000, None, None)
        async with stored.database.write() as connection:
            for place, (state, moment) in enumerate(zip(states, ended, strict=True), 1):
                is_this = (DELIVERIES.c.webhook == "busy") & (DELIVERIES.c.place == place)
                await connection.execute(update(DELIVERIES).where(is_this).values(state=state, finished=moment))
        async with stored.database.read() as connection:
            return await find_activities(connection, ["busy", "idle", "none"], since=now - 1000)

    now = time.time()
    found = run_stored(database_url, scenario)

    assert found == {"busy": Activity(2, 2, 1, "delivered", now - 9000), "idle": Activity(queued=6)}
    assert (found["busy"].success, found["idle"].success) == (2 / 3, None)
