"""The table of API keys."""

from __future__ import annotations

import asyncio
import pickle
from datetime import timedelta

import pytest
from sqlalchemy import select

from budwood_server.access.first_key import prepare_admin_key
from budwood_server.access.key_store import (
    GivenKeyError,
    KeyNotFoundError,
    KeyRevokedError,
    KeyStore,
)
from budwood_server.access.keys import KeyPolicy
from budwood_server.access.tokens import format_token, hash_secret, new_id, new_secret, parse_token
from budwood_server.database import Database
from budwood_server.database.tables import API_KEYS
from budwood_server.people.audit import list_entries
from tests.plugins.server.databases import open_database

GIVEN, OTHER = format_token(new_id(), new_secret()), "Yw7rQ2kF9sLx4vBn6cTz8jHm3pGd5aXe"


@pytest.fixture
def run(database_url, calendar):
    """
    Return a function that runs a coroutine function with a store and its database.
    """

    def run_one(scenario):
        async def main():
            async with open_database(database_url) as database:
                return await scenario(KeyStore(database, now=calendar.now), database)

        return asyncio.run(main())

    return run_one


async def versions(store, *actions):
    """
    Return the version of the keys before and after each action.
    """
    found = [await store.read_version()]
    for action in actions:
        await action()
        found.append(await store.read_version())
    return found


def test_all_fields_are_kept(run, calendar):
    """
    What was created is listed.
    """
    policy = KeyPolicy(
        name="all fields",
        team="suché",
        scopes={"infer", "telemetry"},
        expires=calendar.moment + timedelta(days=1, microseconds=250_000),
        models=("fast", "openai/*"),
        requests_per_minute=60,
        tokens_per_minute=10**12,
        budget={"dollars": "12.345678", "per": "week", "timezone": "Europe/Oslo"},
        request_options={"cache", "label"},
    )

    async def scenario(store, _):
        created = await store.create(policy)
        small = await store.create(KeyPolicy(name="small", request_options=()))
        stored = await store.load(created.key.id)
        return created, small, stored, await store.list(), await store.list(team="suché")

    created, small, stored, listed, of_team = run(scenario)

    assert dict(created.key) | dict(policy) == dict(created.key)
    assert {key.id: key for key in listed} == {key.id: key for key in (created.key, small.key)}
    assert of_team == [created.key]
    assert stored.key == created.key
    assert stored.secret_hash == hash_secret(parse_token(created.token).secret)


def test_secrets_are_not_stored_and_not_shown(run):
    """
    The token is in one attribute, and in no text of the objects.
    """

    async def scenario(store, database):
        created = await store.create(KeyPolicy(name="one"))
        async with database.read() as connection:
            row = (await connection.execute(select(API_KEYS))).one()
        return created, row, await store.load(created.key.id)

    created, row, stored = run(scenario)
    secret = parse_token(created.token).secret

    assert secret not in f"{created!r} {created} {row} {stored!r} {created.key.model_dump_json()}"
    assert hash_secret(secret).hex() not in repr(stored)
    assert secret.encode() not in pickle.dumps((tuple(row), stored, created.key))


def test_each_change_raises_the_version(run):
    """
    Also a change by another process. What changes nothing raises none.
    """

    async def scenario(store, _):
        return await versions(
            store,
            lambda: store.create(KeyPolicy(name="one")),
            lambda: store.rotate("one"),
            lambda: store.save_last_used({}),
            lambda: store.revoke("one"),
        )

    assert run(scenario) == [0, 1, 2, 2, 3]


def test_changed_keys_are_listed(run):
    """
    Those that were changed after a version, and no others.
    """

    async def scenario(store, _):
        first, second = [(await store.create(KeyPolicy(name=name))).key for name in ("1", "2")]
        version = await store.read_version()
        await store.revoke(first.id)
        return first, second, await store.list_changed(0), await store.list_changed(version), version

    first, second, all_changed, changed, version = run(scenario)

    assert sorted(all_changed) == sorted([first.id, second.id])
    assert changed == [first.id]
    assert (first.version, second.version) == (1, version)


def test_a_key_is_found_by_id_token_or_name(run):
    """
    A leaked token is revoked by pasting it.
    """

    async def scenario(store, _):
        one, two, three = [await store.create(KeyPolicy(name=name)) for name in ("one", "two", "three")]
        revoked = [await store.revoke(text) for text in (one.key.id, two.token, "three")]
        assert [key.id for key in revoked] == [each.key.id for each in (one, two, three)]
        assert all(key.revoked for key in revoked)

    run(scenario)


def test_a_name_of_several_keys_is_refused(run):
    """
    Revoked ones do not count. The error says where the ids are, and quotes no token.
    """

    async def scenario(store, _):
        first = await store.create(KeyPolicy(name="same"))
        await store.create(KeyPolicy(name="same"))
        with pytest.raises(KeyNotFoundError, match=r"Several keys .*keys list"):
            await store.revoke("same")
        await store.revoke(first.key.id)
        assert (await store.revoke("same")).id != first.key.id
        with pytest.raises(KeyNotFoundError, match="No key has this") as error:
            await store.revoke(OTHER)
        assert OTHER not in str(error.value)

    run(scenario)


def test_revoking_twice_keeps_the_first_moment(run, calendar):
    """
    And raises no version.
    """

    async def scenario(store, _):
        await store.create(KeyPolicy(name="one"))
        first = await store.revoke("one")
        calendar.forward(60)
        return first, await store.revoke(first.id), await store.list(), await store.list(with_revoked=True)

    first, second, listed, listed_with_revoked = run(scenario)

    assert first == second
    assert listed == []
    assert listed_with_revoked == [first]


def test_rotation_keeps_everything_but_the_secret(run, calendar):
    """
    The old hash stays for the overlap; an older one does not.
    """

    async def scenario(store, _):
        created = await store.create(KeyPolicy(name="one", team="search", models=("fast",)))
        first = await store.rotate("one", overlap=3600)
        second = await store.rotate("one", overlap=60)
        stored = await store.load(created.key.id)
        await store.rotate("one")
        return created, first, second, stored, await store.load(created.key.id)

    created, first, second, stored, without_overlap = run(scenario)

    assert {created.key.id} == {parse_token(each.token).key_id for each in (created, first, second)}
    changes = {"version": 3, "old_secret_expires": stored.key.old_secret_expires}
    assert stored.key == created.key.model_copy(update=changes)
    assert stored.key.old_secret_expires == calendar.moment + timedelta(seconds=60)
    assert stored.old_secret_hash == hash_secret(parse_token(first.token).secret)
    assert stored.secret_hash == hash_secret(parse_token(second.token).secret)
    assert (without_overlap.old_secret_hash, without_overlap.key.old_secret_expires) == (None, None)


def test_a_revoked_key_cannot_be_rotated(run):
    """
    Revoking is final.
    """

    async def scenario(store, _):
        created = await store.create(KeyPolicy(name="one"))
        await store.rotate("one", overlap=3600)
        await store.revoke("one")
        stored = await store.load(created.key.id)
        assert stored.old_secret_hash is None
        await store.rotate(created.key.id)

    with pytest.raises(KeyRevokedError):
        run(scenario)


def test_the_last_use_only_goes_forward(run, calendar):
    """
    Workers write it in any order.
    """

    async def scenario(store, _):
        key = (await store.create(KeyPolicy(name="one"))).key
        for seconds in (calendar.seconds(), calendar.seconds() - 60):
            await store.save_last_used({key.id: seconds, "unknown": seconds})
        return (await store.load(key.id)).key.last_used

    assert run(scenario) == calendar.moment


def test_the_first_start_creates_one_admin_key(run, database_url):
    """
    Of several starts at the same time, one creates it. It is not created again, even if it was revoked.
    """

    async def scenario(store, database):
        await store.create(KeyPolicy(name="before"))
        others = [] if database_url == "sqlite://" else [Database(database_url) for _ in range(4)]
        keys = await asyncio.gather(*(prepare_admin_key(each, None) for each in (database, *others)))
        for other in others:
            await other.close()
        (created,) = [key for key in keys if key]
        assert created.key.scopes == {"admin", "telemetry"}
        assert await prepare_admin_key(database, None) is None
        await store.revoke(created.token)
        assert await prepare_admin_key(database, None) is None

    run(scenario)


@pytest.mark.parametrize("given", [GIVEN, OTHER], ids=["own form", "another form"])
def test_an_admin_key_can_be_given(run, given):
    """
    In the form of the gateway or any other. Then none is created and printed; another start changes nothing.
    """

    async def scenario(store, database):
        assert await prepare_admin_key(database, given) is None
        before = await store.read_version()
        assert await prepare_admin_key(database, given) is None
        assert await prepare_admin_key(database, None) is None
        assert await store.read_version() == before
        return await store.load(parse_token(given).key_id)

    stored = run(scenario)

    assert stored.key.source == "settings"
    assert stored.secret_hash == hash_secret(parse_token(given).secret)


def test_a_change_of_the_given_key_revokes_the_one_before(run):
    """
    Commands cannot rotate it; one that was revoked cannot be given again. The audit log has both acts.
    """

    async def scenario(store, database):
        await prepare_admin_key(database, GIVEN)
        await prepare_admin_key(database, OTHER)
        old, new = [(await store.load(parse_token(token).key_id)).key for token in (GIVEN, OTHER)]
        assert old.revoked
        assert new.revoked is None
        with pytest.raises(GivenKeyError, match=r"Change `admin_key` in \[server\]"):
            await store.rotate(new.id)
        with pytest.raises(KeyRevokedError, match="Set `admin_key`"):
            await prepare_admin_key(database, GIVEN)
        async with database.read() as connection:
            acts = [(act.action, act.target) for act in reversed(await list_entries(connection))]
        assert acts == [("key.create", old.id), ("key.revoke", old.id), ("key.create", new.id)]

    run(scenario)
