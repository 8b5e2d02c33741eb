"""The keys that a worker knows."""

from __future__ import annotations

import asyncio
import hmac
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from budwood_server.access import directory as directory_module
from budwood_server.access.directory import KeyDirectory
from budwood_server.access.key_store import KeyStore
from budwood_server.access.keys import KeyPolicy
from budwood_server.access.tokens import format_token, new_id, new_secret
from budwood_server.database import Database, DatabaseError, VersionWatch
from budwood_server.web.problems import ProblemError
from tests.plugins.server.databases import open_database

POLICY = KeyPolicy(name="test")


class Worker:
    """
    A directory with its watch, and the store of another process.
    """

    def __init__(self, database, other, directory):
        self.directory = directory
        self.watch = VersionWatch(database)
        self.store = KeyStore(other, now=directory.store._now)

    async def loads_of(self, *tokens):
        """
        Return how many keys are read from the database to find tokens.
        """
        count, load = 0, self.directory.store.load

        async def counted(key_id):
            nonlocal count
            count += 1
            return await load(key_id)

        self.directory.store.load = counted
        try:
            await asyncio.gather(*map(self.directory.find, tokens))
        finally:
            del self.directory.store.load
        return count


@pytest.fixture
def run(database_url, calendar):
    """
    Return a function that runs a coroutine function with a worker.
    """

    @asynccontextmanager
    async def start(**options):
        async with open_database(database_url) as database:
            other = Database(database_url)
            directory = KeyDirectory(database, now=calendar.seconds, **options)
            worker = Worker(database, other, directory)
            await directory.start(worker.watch)
            await worker.watch.start()
            try:
                yield worker
            finally:
                await directory.close()
                await worker.watch.close()
                await other.close()

    def run_one(scenario, **options):
        async def main():
            async with start(**options) as worker:
                return await scenario(worker)

        return asyncio.run(main())

    return run_one


async def refusal(directory, token):
    """
    Return the message with which a token is refused.
    """
    with pytest.raises(ProblemError) as error:
        await directory.find(token)
    assert (error.value.problem.status, error.value.problem.code) == (401, "invalid_api_key")
    return error.value.problem.message


def test_a_key_is_read_once(run):
    """
    Also if many requests ask for it at the same time.
    """

    async def scenario(worker):
        await worker.watch.close()  # which may notice the new key at any moment
        created = await worker.store.create(POLICY)
        assert await worker.loads_of(*[created.token] * 20) == 1
        assert await worker.directory.find(created.token) == created.key
        assert await worker.loads_of(created.token) == 0

    run(scenario)


def test_other_tokens_have_no_key(run):
    """
    A wrong secret, an unknown id, and any other text.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        wrong = format_token(created.key.id, new_secret())
        unknown = format_token(new_id(), new_secret())
        for token in (wrong, unknown, "", "sk-1234", "bw_live_", "ä\ud800", "x" * 10_000):
            assert await worker.directory.find(token) is None
        assert await worker.loads_of(unknown) == 0
        assert await worker.directory.find(created.token) == created.key

    run(scenario)


def test_unknown_ids_take_as_long_as_wrong_secrets(run, monkeypatch):
    """
    The same comparisons are made, in constant time, for known keys, rotated ones, wrong secrets and unknown ids.
    """
    compared = []

    def compare(left, right):
        compared.append((len(left), len(right)))
        return hmac.compare_digest(left, right)

    async def scenario(worker):
        plain, rotated = [await worker.store.create(POLICY) for _ in range(2)]
        await worker.store.rotate(rotated.key.id, overlap=60)
        monkeypatch.setattr(directory_module, "compare_digest", compare)
        wrong = format_token(plain.key.id, new_secret())
        for token in (plain.token, rotated.token, wrong, format_token(new_id(), new_secret()), "sk-1234"):
            for _ in range(2):  # the first reads the database
                compared.clear()
                await worker.directory.find(token)
                assert compared == [(32, 32), (32, 32)]

    run(scenario)


def test_a_revoked_key_ends_in_another_worker(run):
    """
    The watch of each worker notices it.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        assert await worker.directory.find(created.token)
        await worker.store.revoke(created.key.id)
        await worker.watch.check()
        return await refusal(worker.directory, created.token)

    assert run(scenario) == "The API key was revoked."


def test_a_new_key_can_be_used_though_it_was_unknown(run):
    """
    Unknown ids are forgotten as soon as a key has them.
    """

    async def scenario(worker):
        await worker.watch.close()  # which may notice the new key at any moment
        created = await worker.store.create(POLICY)
        worker.directory._unknown[created.key.id] = None
        assert await worker.directory.find(created.token) is None
        await worker.directory.refresh()
        assert await worker.directory.find(created.token) == created.key

    run(scenario)


def test_a_change_while_a_key_is_read_is_not_lost(run):
    """
    The row may have been read before it was revoked, and kept after the change was noticed.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        load = worker.directory.store.load
        changes = [worker.store.revoke]

        async def load_slowly(key_id):
            stored = await load(key_id)
            while changes:
                await changes.pop()(key_id)
                await worker.directory.refresh()
            return stored

        worker.directory.store.load = load_slowly
        return await refusal(worker.directory, created.token)

    assert run(scenario) == "The API key was revoked."


def test_other_keys_stay_in_memory(run):
    """
    A change of one key costs the others nothing.
    """

    async def scenario(worker):
        one, two = [await worker.store.create(POLICY) for _ in range(2)]
        await worker.watch.check()
        await worker.loads_of(one.token, two.token)
        await worker.store.rotate(one.key.id, overlap=60)
        await worker.watch.check()
        return await worker.loads_of(one.token, two.token)

    assert run(scenario) == 1


def test_a_key_expires(run, calendar):
    """
    At its moment, though it is in memory.
    """

    async def scenario(worker):
        created = await worker.store.create(KeyPolicy(name="test", expires=calendar.moment + timedelta(seconds=60)))
        calendar.forward(59)
        assert await worker.directory.find(created.token) == created.key
        calendar.forward(1)
        return await refusal(worker.directory, created.token)

    assert run(scenario) == "The API key has expired."


def test_the_old_secret_of_a_rotated_key_ends(run, calendar):
    """
    Both secrets are accepted until then, afterwards the new one.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        rotated = await worker.store.rotate(created.key.id, overlap=60)
        calendar.forward(59)
        for token in (created.token, rotated.token):
            assert await worker.directory.find(token) == rotated.key
        calendar.forward(1)
        assert await worker.directory.find(created.token) is None
        assert await worker.directory.find(rotated.token) == rotated.key

    run(scenario)


def test_memory_is_limited(run):
    """
    The keys, and the unknown ids, that were kept first make room.
    """

    async def scenario(worker):
        created = [await worker.store.create(POLICY) for _ in range(6)]
        for each in created:
            assert await worker.directory.find(each.token) == each.key
            assert await worker.directory.find(format_token(new_id(), new_secret())) is None
        assert await worker.loads_of(created[0].token) == 1
        return len(worker.directory._entries), len(worker.directory._unknown)

    assert run(scenario, capacity=3) == (3, 3)


def test_a_request_that_is_cancelled_does_not_disturb_others(run):
    """
    They wait for the same row.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        first, second = [asyncio.create_task(worker.directory.find(created.token)) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        assert await second == created.key
        assert first.cancelled()

    run(scenario)


def test_the_last_use_is_written(run, calendar):
    """
    Once for many uses, and at the end.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        for _ in range(3):
            await worker.directory.find(created.token)
            calendar.forward(20)
        assert worker.directory._used == {created.key.id: calendar.seconds() - 60}
        await worker.directory.close()
        return (await worker.store.load(created.key.id)).key.last_used

    assert run(scenario) == calendar.moment - timedelta(seconds=60)


def test_a_last_use_that_cannot_be_written_is_kept(run):
    """
    Until the database works again.
    """

    async def scenario(worker):
        created = await worker.store.create(POLICY)
        await worker.directory.find(created.token)

        async def fail(_):
            raise DatabaseError("gone")

        worker.directory.store.save_last_used = fail
        with pytest.raises(DatabaseError):
            await worker.directory.save_last_used()
        del worker.directory.store.save_last_used
        await worker.directory.save_last_used()
        return (await worker.store.load(created.key.id)).key.last_used

    assert run(scenario)


def test_a_restored_backup_is_noticed(run):
    """
    Its version is lower, and its keys may be any.
    """

    async def scenario(worker):
        await worker.watch.close()  # which may notice the new key at any moment
        created = await worker.store.create(POLICY)
        worker.directory._version = 100
        await worker.directory.find(created.token)
        await worker.directory.refresh()
        return await worker.loads_of(created.token)

    assert run(scenario) == 1
