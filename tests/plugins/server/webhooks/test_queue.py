"""The queue of deliveries."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from sqlalchemy import update

from budwood_server.database.tables import DELIVERIES
from budwood_server.settings import DELAYS
from budwood_server.webhooks.schedule import FIRST_PAUSE, OPENS_AFTER
from tests.plugins.server.webhooks.stored import ACCEPTED, REFUSED, fail_now, is_soon, run_stored


def test_each_event_is_delivered_to_each_endpoint_that_wants_it(database_url):
    """
    Endpoints get the events of their filter; paused ones later, disabled ones none.
    """

    async def scenario(stored):
        await stored.add_webhook("all")
        await stored.add_webhook("own", sees_all=0, owner="blue")
        await stored.add_webhook("other", types=["key.created"])
        await stored.add_webhook("subject", subjects=["run_1"])
        await stored.add_webhook("paused", state="paused")
        await stored.add_webhook("disabled", state="disabled")
        await stored.add_events(3)
        await stored.add_events(1, owner="blue")
        counts = Counter(delivery.webhook for delivery in await stored.read())
        assert counts == {"all": 4, "own": 1, "subject": 1, "paused": 4}
        claims = await stored.queue().claim(100)
        assert Counter(claim.webhook for claim in claims) == {"all": 4, "own": 1, "subject": 1}

    run_stored(database_url, scenario)


def test_two_workers_never_claim_the_same(database_url):
    """
    Workers that claim at the same time share the deliveries.
    """

    async def scenario(stored):
        for number in range(4):
            await stored.add_webhook(f"w{number}", concurrency=1000)
        await stored.add_events(100)
        queues = [stored.queue(name) for name in "abc"]
        claimed = []
        while parts := [claim for part in await asyncio.gather(*(each.claim(20) for each in queues)) for claim in part]:
            claimed += parts
        assert len(claimed) == 400
        assert len({claim.id for claim in claimed}) == 400

    run_stored(database_url, scenario)


def test_endpoints_share_what_a_worker_can_send(database_url):
    """
    One endpoint with many deliveries leaves room for the others.
    """

    async def scenario(stored):
        await stored.add_webhook("busy", concurrency=1000)
        await stored.add_events(200)
        for number in range(4):
            await stored.add_webhook(f"w{number}", concurrency=1000)
        await stored.add_events(50)
        counts = Counter(claim.webhook for claim in await stored.queue().claim(50))
        assert len(counts) == 5
        assert set(counts.values()) == {10}

    run_stored(database_url, scenario)


def test_concurrency_counts_over_all_workers(database_url):
    """
    An endpoint gets at most its number of requests at the same time, and further ones when some have ended.
    """

    async def scenario(stored):
        await stored.add_webhook("w", concurrency=3)
        await stored.add_events(10)
        first, second = stored.queue("a"), stored.queue("b")
        claims = await first.claim(2)
        assert len(claims) == 2
        assert len(await second.claim(10)) == 1
        assert await second.claim(10) == []
        await first.finish([(claim, ACCEPTED) for claim in claims])
        assert len(await second.claim(10)) == 2

    run_stored(database_url, scenario)


def test_requests_per_second_bound_claims(database_url):
    """
    An endpoint gets no more requests in a second than it wants.
    """

    async def scenario(stored):
        await stored.add_webhook("w", per_second=5.0, concurrency=100)
        await stored.add_events(20)
        queue = stored.queue()
        assert len(await queue.claim(100)) == 5
        assert await queue.claim(100) == []
        await stored.pass_time(1.1)
        assert len(await queue.claim(100)) == 5

    run_stored(database_url, scenario)


def test_endpoints_that_are_full_do_not_hide_others(database_url):
    """
    A claim for one delivery finds the endpoint that can get it, however many others have as many as they may get.
    """

    async def scenario(stored):
        for number in range(20):
            await stored.add_webhook(f"full{number}", concurrency=1)
        await stored.add_events(2)
        queue = stored.queue()
        while await queue.claim(20):
            pass
        assert Counter(delivery.state for delivery in await stored.read()) == {"sending": 20, "waiting": 20}
        await stored.add_webhook("w", next_request=time.time())
        await stored.add_events(1)
        assert [claim.webhook for claim in await queue.claim(1)] == ["w"]

    run_stored(database_url, scenario)


def test_wrong_clocks_of_workers_that_died_stop_no_endpoint(database_url):
    """
    Nothing waits until the time of a clock that was an hour ahead.
    """

    async def scenario(stored):
        await stored.add_webhook("w", per_second=2.0, concurrency=3)
        await stored.add_webhook("open", open_until=time.time() + 7200, failures=OPENS_AFTER, concurrency=3)
        await stored.add_events(10)
        assert len(await stored.queue("dead").claim(100)) == 3
        await stored.pass_time(-3600)
        async with stored.database.write() as connection:
            await connection.execute(update(DELIVERIES).where(DELIVERIES.c.state == "waiting").values(due=0.0))
        claims = await stored.queue("right").claim(100)
        assert Counter(claim.webhook for claim in claims) == {"w": 2, "open": 1}
        await stored.queue("right").finish([(claim, fail_now()) for claim in claims])
        pause = (await stored.read_webhook("open")).open_until - time.time()
        assert 0 < pause <= 2 * FIRST_PAUSE

    run_stored(database_url, scenario)


def test_a_worker_that_dies_leaves_its_claims_to_others(database_url):
    """
    After the end of the lease another worker sends the same; what the first one reports then is ignored.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await stored.add_events(1)
        dead, other = stored.queue("dead"), stored.queue("other")
        (lost,) = await dead.claim(10)
        assert await other.claim(10) == []
        await stored.pass_time(61)
        (claim,) = await other.claim(10)
        assert (claim.id, claim.number) == (lost.id, 2)
        await dead.finish([(lost, REFUSED)])
        await other.finish([(claim, ACCEPTED)])
        (delivery,) = await stored.read()
        assert (delivery.state, delivery.attempts) == ("delivered", 2)

    run_stored(database_url, scenario)


def test_released_claims_are_sent_at_once(database_url):
    """
    What a worker has claimed and not sent when it stops waits for no lease, and counts as no attempt.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await stored.add_events(2)
        queue = stored.queue("a")
        await queue.release(await queue.claim(10))
        claims = await stored.queue("b").claim(10)
        assert [claim.number for claim in claims] == [1, 1]

    run_stored(database_url, scenario)


def test_failures_are_repeated_by_the_schedule_and_then_end(database_url):
    """
    Each failure puts the delivery off for longer, and after the last attempt it has failed.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await stored.add_events(1)
        queue = stored.queue()
        for delay in DELAYS:
            (claim,) = await queue.claim(10)
            await queue.finish([(claim, REFUSED)])
            (delivery,) = await stored.read()
            assert delivery.state == "waiting"
            assert is_soon(delivery.due, delay)
            await stored.pass_time(1.2 * delay + 3600)
        (claim,) = await queue.claim(10)
        await queue.finish([(claim, REFUSED)])
        (delivery,) = await stored.read()
        assert (delivery.state, delivery.attempts) == ("failed", 10)

    run_stored(database_url, scenario)


def test_gone_disables_an_endpoint(database_url):
    """
    The answer 410 ends the delivery, and the endpoint gets nothing more.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await stored.add_events(2)
        queue = stored.queue()
        claims = await queue.claim(1)
        await queue.finish([(claims[0], type(REFUSED)(at=0.0, seconds=0.1, status=410))])
        webhook = await stored.read_webhook("w")
        assert (webhook.state, webhook.reason) == ("disabled", "It answered 410 Gone.")
        assert await queue.claim(10) == []
        assert [delivery.state for delivery in await stored.read()] == ["failed", "waiting"]

    run_stored(database_url, scenario)
