"""The metrics of events and webhooks."""

from __future__ import annotations

import time

from sqlalchemy import insert

from budwood_server.database.tables import DELIVERIES
from budwood_server.events.backlog import read_backlog
from budwood_server.events.counts import EventCounts
from budwood_server.webhooks.records import Attempt
from tests.plugins.server.events.streaming import run
from tests.plugins.server.process.test_metrics import sum_of
from tests.plugins.server.webhooks.stored import ACCEPTED, REFUSED, run_stored

GONE = Attempt(at=0.0, seconds=0.5, status=410)


def test_results_are_counted(database_url):
    """
    Each request to a webhook once, by what came of it, also if another worker has claimed the delivery meanwhile.
    """

    async def scenario(stored):
        await stored.add_webhook("w", concurrency=100)
        await stored.add_events(4)
        queue, other = stored.queue(delays=(0.0,)), stored.queue("other")
        claims = await queue.claim(10)
        await queue.finish([(claims[0], ACCEPTED), (claims[1], REFUSED)])
        (again,) = await queue.claim(10)
        await queue.finish([(again, REFUSED)])
        await stored.pass_time(61)
        (first, second) = await other.claim(10)
        await queue.finish([(claims[2], ACCEPTED)])
        await other.finish([(first, GONE), (second, ACCEPTED)])
        assert queue.counts.attempts == {"delivered": 1, "failed": 1, "expired": 1, "superseded": 1}
        assert other.counts.attempts == {"gone": 1, "delivered": 1}
        assert other.counts.seconds == 0.6
        assert other.counts.take().seconds == 0.6
        assert other.counts == EventCounts()

    run_stored(database_url, scenario)


def test_the_backlog_is_that_of_the_database(database_url):
    """
    The age counts only deliveries that a worker may send now: not those of paused and failing endpoints.
    """

    async def scenario(stored):
        assert (await read_backlog(stored.database)).deliveries == {"waiting": 0, "sending": 0}
        await stored.add_webhook("w")
        for webhook, values in (("paused", {"state": "paused"}), ("failing", {"open_until": time.time() + 1000})):
            await stored.add_webhook(webhook, **values)
        await stored.add_events(3)
        await stored.queue().claim(1)
        await stored.pass_time(30)
        async with stored.database.write() as connection:
            row = {"place": 99, "type": "run.finished", "state": "waiting", "attempts": 0, "earlier": 0}
            row |= {"created": 0.0, "queued": 0.0}
            rows = [{**row, "webhook": webhook, "due": time.time() - 1e5} for webhook in ("paused", "failing")]
            await connection.execute(insert(DELIVERIES), rows)
        backlog = await read_backlog(stored.database)
        assert backlog.deliveries == {"waiting": 10, "sending": 1}
        assert 30 <= backlog.oldest_due < 1e5
        assert backlog.unordered == 0

    run_stored(database_url, scenario)


def test_metrics_have_what_a_process_does(sqlite_url):
    """
    Events that it has ordered, its open streams and those that fell behind, and what waits in the database.
    """

    async def scenario(gateway):
        before = (await gateway.worker.collect_metrics())[0].decode()
        gateway.hub.ring.__init__("budwood", 1)
        async with gateway.follow(gateway.admin) as stream:
            await stream.next()
            await gateway.write(1)
            await stream.next()
            await gateway.write(2, 3, 4)
            received = [await stream.next() for _ in range(4)]
            after = (await gateway.worker.collect_metrics())[0].decode()

        def increase(name, **labels):
            return sum_of(after, name, **labels) - sum_of(before, name, **labels)

        assert [each.notice for each in received].count("lagged") == 1
        assert increase("budwood_server_events_total", type="run.finished") == 4
        assert increase("budwood_server_event_streams_lagged_total") == 1
        assert sum_of(after, "budwood_server_event_streams_open", kind="sse") == 1
        assert sum_of(after, "budwood_server_event_streams_open", kind="websocket") == 0
        assert 'budwood_server_webhook_deliveries{state="waiting"} 0.0' in after
        assert "budwood_server_webhook_oldest_due_seconds 0.0" in after

    run(sqlite_url, scenario)
