"""Events that are sent over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager

from sqlalchemy import delete
from standardwebhooks import Webhook

from budwood_server.database.tables import EVENTS
from budwood_server.webhooks.dispatch import Dispatcher
from budwood_server.webhooks.sending import Sender
from budwood_server.webhooks.signing import create_secret
from budwood_server.webhooks.targets import Target
from tests.plugins.server.webhooks.receiver import run_receiver
from tests.plugins.server.webhooks.stored import ACCEPTED, EVERYTHING, run_stored

OLD, NEW = create_secret(), create_secret()
CONCURRENCY = 20


class FixedTargets:
    """
    All endpoints have the same address.
    """

    def __init__(self, url):
        self._target = Target(url=url, filter=EVERYTHING, with_texts=False, secrets=(NEW, OLD))

    async def find(self, webhook):
        """
        Return the endpoint.
        """
        return self._target


class HeldSender:
    """
    Ends each request when it is released.

    Attributes:
        requests: The requests under way, each as what releases it.
    """

    def __init__(self):
        self.requests = asyncio.Queue()

    async def send(self, url, headers, body):
        """
        Wait, and accept the event.
        """
        release = asyncio.Event()
        await self.requests.put(release)
        await release.wait()
        return ACCEPTED

    async def close(self):
        """
        Do nothing.
        """


@asynccontextmanager
async def run_dispatcher(stored, url="", *, worker="a", sender=None, targets=None):
    """
    Run a dispatcher.
    """
    sender = sender or Sender(timeout=500.0, allow_local=True)
    queue = stored.queue(worker, lease=600.0, delays=(0.0,) * 9)
    targets = targets or FixedTargets(url)
    dispatcher = Dispatcher(stored.database, queue, targets, sender, source="test", poll=0.05, concurrency=CONCURRENCY)
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sender.close()


async def wait_until_delivered(stored):
    """
    Wait until no delivery is open.
    """
    while any(delivery.state in ("waiting", "sending") for delivery in await stored.read()):  # noqa: ASYNC110 - of a database
        await asyncio.sleep(0.02)


def test_events_arrive_with_signatures(database_url):
    """
    Each event arrives once, as a CloudEvent, and both secrets of a rotation verify it.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        async with run_receiver() as receiver, run_dispatcher(stored, receiver.url):
            await stored.add_events(30)
            await receiver.wait_for(30)
            await wait_until_delivered(stored)
        ids = set()
        for headers, body in receiver.requests:
            assert headers["content-type"].startswith("application/cloudevents+json")
            for secret in (OLD, NEW):
                Webhook(secret).verify(body, headers)
            event = json.loads(body)
            assert event["id"] == headers["webhook-id"]
            ids.add(event["id"])
        assert len(ids) == len(receiver.requests) == 30

    run_stored(database_url, scenario)


def test_events_that_are_refused_are_sent_again(database_url):
    """
    An endpoint that fails at first gets every event in the end, with the same id.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        async with run_receiver() as receiver:
            seen = set()

            def refuse_first(request):
                is_new = request[0]["webhook-id"] not in seen
                seen.add(request[0]["webhook-id"])
                return 500 if is_new and len(seen) < 4 else 200

            receiver.find_status = refuse_first
            async with run_dispatcher(stored, receiver.url):
                await stored.add_events(3)
                await receiver.wait_for(6)
                await wait_until_delivered(stored)
        assert [delivery.state for delivery in await stored.read()] == ["delivered"] * 3
        assert [delivery.attempts for delivery in await stored.read()] == [2] * 3

    run_stored(database_url, scenario)


def test_results_are_stored_while_others_are_awaited(sqlite_url):
    """
    Also that of a request that was under way when earlier results were stored.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        sender = HeldSender()
        async with run_dispatcher(stored, "", sender=sender) as dispatcher:
            await stored.add_events(2)
            first, second = await sender.requests.get(), await sender.requests.get()
            first.set()
            while {delivery.state for delivery in await stored.read()} == {"sending"}:  # noqa: ASYNC110 - of a database
                await asyncio.sleep(0)
            second.set()
            while dispatcher._tasks:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
        assert [delivery.state for delivery in await stored.read()] == ["delivered"] * 2

    run_stored(sqlite_url, scenario)


def test_others_send_at_once_what_a_worker_leaves_unfinished(database_url):
    """
    They need not wait for the end of its leases, and the attempt that was not finished does not count.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        sender = HeldSender()
        async with run_dispatcher(stored, "", sender=sender):
            await stored.add_events(2)
            (await sender.requests.get()).set()
            await sender.requests.get()
        async with run_receiver() as receiver, run_dispatcher(stored, receiver.url, worker="b"):
            await receiver.wait_for(1)
            await wait_until_delivered(stored)
        assert [delivery.state for delivery in await stored.read()] == ["delivered"] * 2
        assert [delivery.attempts for delivery in await stored.read()] == [1] * 2

    run_stored(database_url, scenario)


def test_an_event_that_was_removed_is_tried_once(database_url):
    """
    Its delivery fails at once, and this is no failure of the endpoint.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await stored.add_events(1)
        async with stored.database.write() as connection:
            await connection.execute(delete(EVENTS))
        async with run_dispatcher(stored, "", sender=HeldSender()):
            await wait_until_delivered(stored)
        [delivery] = await stored.read()
        assert (delivery.state, delivery.attempts) == ("failed", 1)
        assert (await stored.read_webhook("w")).failures == 0

    run_stored(database_url, scenario)


class HeldTargets:
    """
    The address of an endpoint is its name.
    """

    async def find(self, webhook):
        """
        Return the endpoint.
        """
        return Target(url=webhook, filter=EVERYTHING, with_texts=False, secrets=(NEW,))


class SlowSender:
    """
    Accepts each event at once, but for slow endpoints never.

    Attributes:
        counts: The number of requests to each endpoint.
    """

    def __init__(self):
        self.counts = Counter()

    async def send(self, url, headers, body):
        """
        Accept the event, or wait until the test ends.
        """
        self.counts[url] += 1
        if url.startswith("slow"):
            await asyncio.Event().wait()
        return ACCEPTED

    async def close(self):
        """
        Do nothing.
        """


def test_slow_endpoints_leave_room_for_others(database_url):
    """
    They get a half of the requests that a process can have under way, also if they were created first.
    """

    async def scenario(stored):
        for number in range(9):
            await stored.add_webhook(f"slow{number}")
        await stored.add_webhook("w")
        await stored.add_events(50)
        sender = SlowSender()
        async with run_dispatcher(stored, sender=sender, targets=HeldTargets()):
            while any(each.state != "delivered" for each in await stored.read("w")):
                assert sender.counts.total() - sender.counts["w"] <= CONCURRENCY // 2
                await asyncio.sleep(0)
        assert sender.counts["w"] == 50

    run_stored(database_url, scenario)
