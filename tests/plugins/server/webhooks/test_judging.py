"""What results of requests tell about an endpoint."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from budwood_server.webhooks.judging import judge
from budwood_server.webhooks.records import Claim, fail_locally
from budwood_server.webhooks.schedule import FIRST_PAUSE, OPENS_AFTER
from tests.plugins.server.webhooks.stored import ACCEPTED, REFUSED, fail_now, run_stored

MANY = 3 * OPENS_AFTER


async def store(stored, *results):
    """
    Judge results in a transaction, each as the id of an endpoint and an attempt.
    """
    async with stored.database.write() as connection:
        claims = [(Claim(1, webhook, 1, 1, 0, 0.0), attempt) for webhook, attempt in results]
        await judge(connection, claims, time.time())


def test_an_endpoint_that_fails_again_and_again_gets_no_requests_for_a_while(database_url):
    """
    After some failures in a row one request at a time is sent, after a pause; a success ends that.
    """

    async def scenario(stored):
        await stored.add_webhook("w", concurrency=5)
        await stored.add_events(OPENS_AFTER + 20)
        queue = stored.queue()
        claims = await queue.claim(100)
        await queue.finish([(claim, REFUSED) for claim in claims])
        assert await queue.claim(100) == []
        await stored.pass_time(31)
        (probe,) = await queue.claim(100)
        await queue.finish([(probe, fail_now())])
        await stored.pass_time(31)
        assert await queue.claim(100) == []
        await stored.pass_time(31)
        (probe,) = await queue.claim(100)
        await queue.finish([(probe, ACCEPTED)])
        assert len(await queue.claim(100)) == 5

    run_stored(database_url, scenario)


@pytest.mark.parametrize("together", [True, False])
def test_requests_that_fail_at_the_same_time_begin_one_pause(database_url, together):
    """
    However many there are, also if their results come after the pause has begun, or after it has ended.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        failed = [("w", fail_now())] * MANY
        for results in [failed] if together else [[each] for each in failed]:
            await store(stored, *results)
        webhook = await stored.read_webhook("w")
        assert webhook.failures == OPENS_AFTER
        assert 0 < webhook.open_until - time.time() <= FIRST_PAUSE
        await stored.pass_time(FIRST_PAUSE + 1)
        before = await stored.read_webhook("w")
        await store(stored, ("w", replace(REFUSED, at=time.time() - 100)))
        assert await stored.read_webhook("w") == before

    run_stored(database_url, scenario)


def test_each_request_that_fails_after_a_pause_begins_a_longer_one(database_url):
    """
    It is twice as long.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await store(stored, *[("w", fail_now())] * MANY)
        for number in range(1, 4):
            await stored.pass_time(FIRST_PAUSE * 2**number)
            await store(stored, ("w", fail_now()))
            webhook = await stored.read_webhook("w")
            assert webhook.failures == OPENS_AFTER + number
            assert FIRST_PAUSE * 2 ** (number - 1) < webhook.open_until - time.time() <= FIRST_PAUSE * 2**number

    run_stored(database_url, scenario)


def test_errors_of_the_server_do_not_count(database_url):
    """
    They tell nothing about the endpoint, and neither end nor prolong a pause.
    """

    async def scenario(stored):
        await stored.add_webhook("w")
        await store(stored, *[("w", fail_locally("The secret cannot be opened."))] * MANY)
        assert (await stored.read_webhook("w")).failures == 0
        await store(stored, *[("w", fail_now())] * OPENS_AFTER)
        before = await stored.read_webhook("w")
        await store(stored, *[("w", fail_locally("The secret cannot be opened."))] * MANY)
        assert await stored.read_webhook("w") == before

    run_stored(database_url, scenario)


def test_workers_that_store_results_do_not_block_each_other(database_url):
    """
    Also if what has failed for the one has succeeded for the other, and the reverse.
    """

    async def scenario(stored):
        for webhook in "abcd":
            await stored.add_webhook(webhook, failures=1)
        for _ in range(10):
            await asyncio.gather(
                store(stored, ("a", REFUSED), ("b", ACCEPTED), ("c", REFUSED), ("d", ACCEPTED)),
                store(stored, ("a", ACCEPTED), ("b", REFUSED), ("c", ACCEPTED), ("d", REFUSED)),
            )
            await store(stored, *[(webhook, REFUSED) for webhook in "abcd"])

    run_stored(database_url, scenario)
