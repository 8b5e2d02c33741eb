"""Many events to many endpoints, of which some do not work, and how long that takes."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import func, select

from budwood_server.database.tables import DELIVERIES
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.webhooks.dispatch import Dispatcher
from budwood_server.webhooks.sending import Sender
from budwood_server.webhooks.signing import create_secret
from budwood_server.webhooks.targets import Target
from tests.plugins.server.webhooks.receivers import run_receivers
from tests.plugins.server.webhooks.stored import EVERYTHING

SECRET = create_secret()
CONCURRENCY = 100
WRITTEN = 500
"""The events of one transaction."""


@dataclass(frozen=True)
class Figures:
    """
    What a run has shown.

    Attributes:
        requests: The requests that arrived.
        seconds: From the first event that was written to the last delivery to a healthy endpoint.
        cpu_seconds: The processor time of the process that sends until then.
        ends: For each healthy endpoint the seconds to its last delivery, in order.
        reports: What has arrived, by the path of the endpoint.
        most_slow: The most requests to slow endpoints that were under way at the same time.
    """

    requests: int
    seconds: float
    cpu_seconds: float
    ends: list[float]
    reports: dict
    most_slow: int

    def __str__(self):
        cpu = 1e6 * self.cpu_seconds / self.requests
        return (
            f"{self.requests} requests in {self.seconds:.1f} s, {cpu:.0f} µs of CPU each; "
            f"healthy endpoints ended after {self.ends[0]:.1f} to {self.ends[-1]:.1f} s"
        )


class PathTargets:
    """
    The endpoint ``healthy-1`` has the path ``/healthy/1``. That of ``dead-1`` refuses connections.
    """

    def __init__(self, url, dead):
        self._url = url
        self._dead = dead

    async def find(self, webhook):
        """
        Return the endpoint.
        """
        url = self._dead if webhook.startswith("dead") else self._url
        address = f"{url}/{webhook.replace('-', '/')}"
        return Target(url=address, filter=EVERYTHING, with_texts=False, secrets=(SECRET,))


async def deliver(stored, endpoints, events, *, to_each, seed=1):
    """
    Write events and send them, until all healthy endpoints have theirs.

    Args:
        stored: The database.
        endpoints: The names of endpoints.
        events: The number of events.
        to_each: Whether each event goes to all endpoints, or each to one of them in turn.
        seed: Decides which requests fail at random.
    """
    for webhook in endpoints:
        await stored.add_webhook(webhook, owner=webhook, sees_all=int(to_each))
    healthy = [webhook for webhook in endpoints if webhook.startswith("healthy")]
    with run_receivers(seed) as receivers, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # without listen, so it refuses
        targets = PathTargets(receivers.url, f"http://127.0.0.1:{closed.getsockname()[1]}")
        began, cpu = time.time(), time.process_time()
        async with run_services(stored, targets):
            await _write(stored, endpoints, events)
            await _wait_until_delivered(stored, healthy)
            cpu = time.process_time() - cpu
        reports = receivers.stop()
    most_slow = reports.pop("most_slow")
    ends = sorted(reports[f"/{webhook.replace('-', '/')}"]["last"] - began for webhook in healthy)
    return Figures(sum(each["requests"] for each in reports.values()), ends[-1], cpu, ends, reports, most_slow)


@asynccontextmanager
async def run_services(stored, targets):
    """
    Give events their places and send them, as a process of the server does.
    """
    sender = Sender(timeout=15.0, allow_local=True)
    queue = stored.queue(delays=(0.5,) * 9)
    dispatcher = Dispatcher(stored.database, queue, targets, sender, source="test", poll=0.25, concurrency=CONCURRENCY)
    tasks = [asyncio.create_task(stored.sequencer.run()), asyncio.create_task(dispatcher.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await sender.close()


async def _write(stored, endpoints, events):
    for start in range(0, events, WRITTEN):
        numbers = range(start, min(start + WRITTEN, events))
        new = [NewEvent("run.finished", f"r{n}", {"number": n}, owner=endpoints[n % len(endpoints)]) for n in numbers]
        async with stored.database.write() as connection:
            await record_events(connection, new)
        stored.sequencer.wake()


async def _wait_until_delivered(stored, healthy):
    """
    Wait until there is no event without a place, and healthy endpoints have all theirs.
    """
    is_open = DELIVERIES.c.state.in_(("waiting", "sending")), DELIVERIES.c.webhook.in_(healthy)
    while True:
        if not await stored.sequencer._has_new():
            async with stored.database.read() as connection:
                if not (await connection.execute(select(func.count()).where(*is_open))).scalar():
                    return
        await asyncio.sleep(0.2)
