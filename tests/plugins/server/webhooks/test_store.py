"""Endpoints in the database: changes, secrets, and replays."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import event, update

from budwood_server.database.tables import DELIVERIES
from budwood_server.events.retention import MAX_AGE_DAYS, remove_old
from budwood_server.people.principals import Principal
from budwood_server.settings import DAY_SECONDS, ServerSettings
from budwood_server.vault.master_keys import MasterKeys, new_master_key, parse_master_key
from budwood_server.web.problems import ProblemError
from budwood_server.webhooks import store
from budwood_server.webhooks.deliveries import count_states, list_attempts, list_deliveries
from budwood_server.webhooks.targets import Targets
from tests.plugins.server.webhooks.stored import ACCEPTED, REFUSED, run_stored

KEYS = MasterKeys([parse_master_key(new_master_key(), where="test")])
RED = Principal("command", "red", "command", frozenset(), "team-red")
FIELDS = {
    "name": "hook",
    "url": "https://example.org/events",
    "types": {"run.finished"},
    "subjects": None,
    "sees_all": True,
    "with_texts": False,
    "concurrency": 5,
    "per_second": None,
}


async def create(stored, **fields):
    """
    Create an endpoint, and return it with its secret.
    """
    async with stored.database.write() as connection:
        return await store.create_webhook(connection, RED, KEYS, {**FIELDS, **fields})


def test_secrets_are_sealed_and_rotated_with_overlap(database_url):
    """
    No row has a secret as text; after a rotation both sign, until the older one expires.
    """

    async def scenario(stored):
        webhook, first = await create(stored)
        targets = Targets(stored.database, lambda: KEYS)
        assert list((await targets.find(webhook.id)).secrets) == [first]
        async with stored.database.write() as connection:
            second = await store.rotate_secret(connection, KEYS, webhook.id, "team-red")
        await targets.forget()
        assert list((await targets.find(webhook.id)).secrets) == [second, first]
        async with stored.database.write() as connection:
            third = await store.rotate_secret(connection, KEYS, webhook.id, None, overlap=0)
        await targets.forget()
        assert list((await targets.find(webhook.id)).secrets) == [third]
        async with stored.database.read() as connection:
            rows = (await connection.exec_driver_sql("SELECT * FROM budwood_webhook_secrets")).all()
        assert not any(secret in repr(row) for row in rows for secret in (first, second, third))

    run_stored(database_url, scenario)


def test_others_do_not_find_an_endpoint(database_url):
    """
    Each change by another owner is the error for an endpoint that does not exist.
    """

    async def scenario(stored):
        webhook, _ = await create(stored)
        changes = (
            lambda connection: store.find_webhook(connection, webhook.id, "blue"),
            lambda connection: store.change_webhook(connection, RED, webhook.id, "blue", {"name": "x"}),
            lambda connection: store.delete_webhook(connection, webhook.id, "blue"),
            lambda connection: store.rotate_secret(connection, KEYS, webhook.id, "blue"),
        )
        for change in changes:
            async with stored.database.write() as connection:
                with pytest.raises(ProblemError) as caught:
                    await change(connection)
            assert caught.value.problem.status == 404

    run_stored(database_url, scenario)


def test_replays_send_events_again(database_url):
    """
    One delivery, or all events since a moment with those from before the endpoint, start the schedule again.
    """

    async def scenario(stored):
        await stored.add_events(3)
        webhook, _ = await create(stored)
        await stored.add_events(2)
        queue = stored.queue()
        claims = await queue.claim(10)
        await queue.finish([(claims[0], ACCEPTED), (claims[1], REFUSED)])
        async with stored.database.write() as connection:
            assert await store.replay_delivery(connection, webhook, claims[0].id)
            assert not await store.replay_delivery(connection, webhook, 999)
        (again,) = await queue.claim(10)
        assert (again.id, again.number, again.earlier) == (claims[0].id, 2, 1)
        await queue.finish([(again, ACCEPTED)])
        async with stored.database.write() as connection:
            assert await store.replay_since(connection, webhook, 0.0) == 5
        assert len(await queue.claim(10)) == 5
        async with stored.database.read() as connection:
            listed = await list_deliveries(connection, webhook.id, limit=2)
            attempts = await list_attempts(connection, [claims[0].id])
            counts = await count_states(connection, [webhook.id])
        assert [each.id for each in listed] == sorted((each.id for each in listed), reverse=True)
        assert [each.status for each in attempts[claims[0].id]] == [204, 204]
        assert counts == {webhook.id: {"sending": 5}}

    run_stored(database_url, scenario)


def test_old_events_are_removed_unless_they_are_on_their_way(database_url):
    """
    Ended deliveries and events go after their retention; those that wait stay, and fail after some days.
    """

    async def scenario(stored):
        await create(stored)
        await stored.add_events(2)
        queue = stored.queue()
        claims = await queue.claim(10)
        await queue.finish([(claims[0], ACCEPTED)])
        await queue.release(claims[1:])
        server = ServerSettings.model_validate({"events": {"retention": 1}, "webhooks": {"retention": 1}})
        now = time.time()
        await remove_old(stored.database, server, now + 2 * DAY_SECONDS)
        (left,) = await stored.read()
        assert (left.id, left.state) == (claims[1].id, "waiting")
        later = now + (MAX_AGE_DAYS + 1) * DAY_SECONDS
        await remove_old(stored.database, server, later)
        assert [each.state for each in await stored.read()] == ["failed"]
        await remove_old(stored.database, server, later + 2 * DAY_SECONDS)
        assert await stored.read() == []

    run_stored(database_url, scenario)


def test_replays_of_old_deliveries_have_their_time(database_url):
    """
    One whose event was delivered long ago waits as long as a new one when it is replayed, alone or since a moment.
    """

    async def scenario(stored):
        webhook, _ = await create(stored)
        await stored.add_events(2)
        queue = stored.queue()
        claims = await queue.claim(10)
        await queue.finish([(claim, ACCEPTED) for claim in claims])
        server = ServerSettings.model_validate({})
        for replay in (store.replay_delivery, store.replay_since):
            long_ago = time.time() - (MAX_AGE_DAYS + 1) * DAY_SECONDS
            async with stored.database.write() as connection:
                await connection.execute(update(DELIVERIES).values(created=long_ago, queued=long_ago))
                await replay(connection, webhook, 0 if replay is store.replay_since else claims[0].id)
            await remove_old(stored.database, server, time.time() + 1)
            assert (await stored.read())[0].state == "waiting"
            (*_, claim) = await queue.claim(1)
            await queue.finish([(claim, ACCEPTED)])

    run_stored(database_url, scenario)


def test_replays_of_many_events_are_few_statements(database_url):
    """
    Others that write wait for the transaction, so it does not read the events. Those that it replays are the selected.
    """

    async def scenario(stored):
        await stored.add_events(1200, owner="team-red")
        await stored.add_events(3, owner="team-blue")
        await stored.add_events(3, owner="team-red", kind="key.created")
        webhook, _ = await create(stored)
        own, _ = await create(stored, name="own", sees_all=False, subjects={"run_1", "run_2"})
        statements = []
        engine = stored.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        async with stored.database.write() as connection:
            assert await store.replay_since(connection, webhook, 0.0) == 1203
            assert await store.replay_since(connection, own, 0.0) == 2
        assert len([each for each in statements if "budwood_" in each]) == 6
        assert [each.place for each in await stored.read(webhook.id)] == list(range(1, 1204))
        assert [each.place for each in await stored.read(own.id)] == [2, 3]
        async with stored.database.write() as connection:
            assert await store.replay_since(connection, webhook, time.time() + 60) == 0

    run_stored(database_url, scenario)
