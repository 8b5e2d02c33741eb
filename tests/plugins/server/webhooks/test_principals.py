"""What an endpoint gets follows its key or account, and the types of the version of the server."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import ADMIN, INFER, TELEMETRY, TEXTS, WEBHOOKS, KeyPolicy
from budwood_server.events import event_types
from budwood_server.events.calls import CallEvents
from budwood_server.events.event_types import EventType
from budwood_server.people.accounts import change_account, create_account, remove_account
from budwood_server.people.principals import COMMAND, from_account, from_key
from budwood_server.people.roles import RUNS_READ
from budwood_server.vault.master_keys import MasterKeys, new_master_key, parse_master_key
from budwood_server.web.problems import ProblemError
from budwood_server.webhooks import store
from budwood_server.webhooks.targets import TargetError, Targets
from tests.plugins.server.webhooks.receiver import run_receiver
from tests.plugins.server.webhooks.stored import run_stored
from tests.plugins.server.webhooks.test_dispatch import run_dispatcher, wait_until_delivered

KEYS = MasterKeys([parse_master_key(new_master_key(), where="test")])
FIELDS = {
    "name": "hook",
    "url": "https://example.org/events",
    "types": ["*"],
    "subjects": None,
    "sees_all": True,
    "with_texts": True,
    "concurrency": 5,
    "per_second": None,
}


async def create_key(stored, *scopes, **fields):
    """
    Create a key of the team red.
    """
    policy = KeyPolicy(name="k", team="red", scopes=frozenset({WEBHOOKS, *scopes}), **fields)
    return (await KeyStore(stored.database).create(policy)).key


async def create(stored, principal, **fields):
    """
    Create an endpoint.
    """
    async with stored.database.write() as connection:
        return (await store.create_webhook(connection, principal, KEYS, {**FIELDS, **fields}))[0]


async def find(stored, webhook):
    """
    Return an endpoint as it is now.
    """
    async with stored.database.read() as connection:
        return await store.find_webhook(connection, webhook.id, None)


async def change(stored, principal, webhook, **fields):
    """
    Change an endpoint.
    """
    async with stored.database.write() as connection:
        return await store.change_webhook(connection, principal, webhook.id, None, fields)


def test_patterns_cover_types_of_later_versions(database_url, monkeypatch):
    """
    A type that did not exist when the endpoint was created is sent, if its key may see it.
    """

    async def scenario(stored):
        webhook = await create(stored, from_key(await create_key(stored, INFER)), types=["run.*"], sees_all=False)
        assert webhook.types == {"run.finished"}
        for name, scope in (("run.started", RUNS_READ), ("run.secret", ADMIN)):
            monkeypatch.setitem(event_types.EVENT_TYPES, name, EventType(name, "", scope))
        await stored.add_events(1, owner="team-red", kind="run.started")
        await stored.add_events(1, owner="team-red", kind="run.secret")
        assert [each.type for each in await stored.read(webhook.id)] == ["run.started"]
        assert (await find(stored, webhook)).types == {"run.finished", "run.started"}

    run_stored(database_url, scenario)


def test_a_type_that_does_not_exist_any_more_is_ignored(database_url):
    """
    The other types of the endpoint are sent.
    """

    async def scenario(stored):
        await stored.add_webhook("wh_1", types=["old.type", "old.*", "run.finished"])
        await stored.add_events(1)
        assert len(await stored.read("wh_1")) == 1

    run_stored(database_url, scenario)


def test_an_endpoint_of_a_revoked_key_gets_nothing(database_url):
    """
    It shows why. What waits is not sent and nothing is added, until another key resumes it, whose endpoint it is then.
    """

    async def scenario(stored):
        key = await create_key(stored, INFER, TEXTS)
        webhook = await create(stored, from_key(key))
        assert (webhook.sees_all, webhook.with_texts) == (False, True)
        await stored.add_events(1, owner="team-red")
        await KeyStore(stored.database).revoke(key.id)
        assert await stored.queue().claim(10) == []
        await stored.add_events(1, owner="team-red")
        assert len(await stored.read()) == 1
        shown = await find(stored, webhook)
        assert (shown.state, shown.reason, shown.types) == ("disabled", "Its key was revoked.", frozenset())
        with pytest.raises(TargetError, match="revoked"):
            await Targets(stored.database, lambda: KEYS).find(webhook.id)
        async with stored.database.write() as connection:
            with pytest.raises(ProblemError, match="revoked"):
                await store.replay_since(connection, shown, 0.0)

        other = from_key(await create_key(stored, INFER))
        assert (await change(stored, other, webhook, name="x")).state == "disabled"
        resumed = await change(stored, other, webhook, state="active")
        assert (resumed.state, resumed.reason, resumed.owner, resumed.with_texts) == ("active", None, "team-red", False)
        assert len(await stored.queue().claim(10)) == 1

    run_stored(database_url, scenario)


def test_an_endpoint_ends_with_its_key(database_url):
    """
    A key that expires is as one that is revoked.
    """

    async def scenario(stored):
        key = await create_key(stored, expires=datetime.now(UTC) - timedelta(seconds=1))
        webhook = await create(stored, from_key(key))
        assert (webhook.state, webhook.reason) == ("disabled", "Its key has expired.")

    run_stored(database_url, scenario)


def test_an_endpoint_follows_its_account(database_url):
    """
    With another role it gets what that may see; while the account is disabled it gets nothing, and wants nothing.
    """

    async def scenario(stored):
        async def change_bob(**fields):
            async with stored.database.write() as connection:
                await change_account(connection, COMMAND, "bob", **fields)

        async with stored.database.write() as connection:
            bob = from_account(await create_account(connection, COMMAND, "bob", "admin", "hash"), "login")
        calls = CallEvents(stored.database, always=False)
        webhook = await create(stored, bob)
        assert (webhook.with_texts, "token.added" in webhook.types) == (True, True)
        await change_bob(role="viewer")
        viewed = await find(stored, webhook)
        assert (viewed.with_texts, "token.added" in viewed.types) == (False, False)
        await calls.check()
        assert calls.is_wanted
        await stored.add_events(1)
        await change_bob(is_disabled=True)
        await calls.check()
        assert not calls.is_wanted
        assert await stored.queue().claim(10) == []
        assert (await find(stored, webhook)).reason == "Its account was disabled."
        await change_bob(is_disabled=False)
        assert len(await stored.queue().claim(10)) == 1
        async with stored.database.write() as connection:
            await remove_account(connection, COMMAND, "bob")
        assert (await find(stored, webhook)).reason == "Its account was removed."

    run_stored(database_url, scenario)


def test_who_may_see_more_cannot_give_it_to_the_endpoint_of_another(database_url):
    """
    An administrator who adds types to the endpoint of a key gets an error, and nothing changes.
    """

    async def scenario(stored):
        webhook = await create(stored, from_key(await create_key(stored, INFER, TELEMETRY)), sees_all=False)
        for fields, name in (({"types": ["run.*", "token.*"]}, "token"), ({"sees_all": True}, "sees_all")):
            with pytest.raises(ProblemError, match=name):
                await change(stored, COMMAND, webhook, **fields)
        assert (await find(stored, webhook)).patterns == {"*"}

    run_stored(database_url, scenario)


def test_who_takes_an_endpoint_over_gets_only_what_they_may_see(database_url):
    """
    While its account is disabled others can resume it as theirs; they cannot leave a URL of theirs behind.
    """

    async def scenario(stored):
        async with stored.database.write() as connection:
            bob = from_account(await create_account(connection, COMMAND, "bob", "admin", "hash"), "login")
        webhook = await create(stored, replace(bob, owner="team-red"))
        async with stored.database.write() as connection:
            await change_account(connection, COMMAND, "bob", is_disabled=True)
        other = from_key(await create_key(stored))
        with pytest.raises(ProblemError, match="'admin'"):
            await change(stored, other, webhook, url="https://example.com/")
        assert (await find(stored, webhook)).url == FIELDS["url"]
        taken = await change(stored, other, webhook, url="https://example.com/", state="active")
        assert (taken.types, taken.sees_all, taken.with_texts) == (frozenset(), False, False)

    run_stored(database_url, scenario)


async def take_over(stored, receiver):
    """
    Have another key of the team resume the endpoint of a key that was revoked.
    """
    key = await create_key(stored, ADMIN)
    webhook = await create(stored, from_key(key), url=receiver.url)
    await add_waiting(stored)
    await KeyStore(stored.database).revoke(key.id)
    await change(stored, from_key(await create_key(stored, INFER)), webhook, state="active")


async def lower_role(stored, receiver):
    """
    Have an administrator who has an endpoint become a viewer.
    """
    async with stored.database.write() as connection:
        bob = from_account(await create_account(connection, COMMAND, "bob", "admin", "hash"), "login")
    await create(stored, bob, url=receiver.url, with_texts=False)
    await add_waiting(stored)
    async with stored.database.write() as connection:
        await change_account(connection, COMMAND, "bob", role="viewer")


async def add_waiting(stored):
    """
    Have two events wait, of which the key or account may see only one after a change.
    """
    await stored.add_events(1, owner="team-red")
    await stored.add_events(1, owner="team-red", kind="token.added")


@pytest.mark.parametrize("lose_rights", [take_over, lower_role])
def test_events_that_wait_are_not_sent_without_the_rights(database_url, lose_rights):
    """
    They end as failed, and the endpoint is not to blame. The others are sent.
    """

    async def scenario(stored):
        async with run_receiver() as receiver:
            await lose_rights(stored, receiver)
            webhook = next(each.webhook for each in await stored.read())
            async with run_dispatcher(stored, receiver.url, targets=Targets(stored.database, lambda: KEYS)):
                await wait_until_delivered(stored)
        states = {each.type: (each.state, each.attempts) for each in await stored.read(webhook)}
        assert states["run.finished"] == ("delivered", 1)
        assert states["token.added"] == ("failed", 1)
        assert [json.loads(body)["type"] for _, body in receiver.requests] == ["run.finished"]
        assert (await stored.read_webhook(webhook)).failures == 0

    run_stored(database_url, scenario)
