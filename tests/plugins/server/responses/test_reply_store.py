"""Replies in the database."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.database import Database
from budwood_server.database.schema import upgrade
from budwood_server.gateway.signs import LEASE_SECONDS
from budwood_server.replies.store import ReplyStore
from budwood_server.settings import DAY_SECONDS
from budwood_server.web.problems import ProblemError
from tests.plugins.server.databases import open_database
from tests.plugins.server.events.written import read_written


@pytest.fixture
def use_store(database_url):
    """
    Return a function that passes a store, and a list with the present time, to a coroutine function.
    """

    async def main(use):
        database, now = Database(database_url), [1000.0]
        await upgrade(database)
        try:
            await use(ReplyStore(database, 1, now=lambda: now[0]), now)
        finally:
            await database.close()

    return lambda use: asyncio.run(main(use))


def make(reply_id, status="completed", text="Hi"):
    """Return a reply."""
    return {"id": reply_id, "model": "m", "status": status, "output": [{"type": "message", "text": text}]}


def test_replies_expire(use_store):
    """
    A reply is found for as many days as are set, and then removed when another one is added.
    """

    async def use(store, now):
        stored = await store.add(make("a"), [1], owner="key-1", previous_id=None)
        now[0] += DAY_SECONDS - 1
        assert await store.find("a", "key-1") == stored
        now[0] += 2
        with pytest.raises(ProblemError, match="No such response"):
            await store.find("a", "key-1")
        await store.add(make("b"), [], owner="key-1", previous_id=None)
        with pytest.raises(ProblemError):
            await store.delete("a", "key-1")

    use_store(use)


def test_a_reply_whose_worker_has_ended_has_failed(use_store):
    """
    While its worker gives signs it is being made, and without them it has failed for good.
    """

    async def use(store, now):
        stored = await store.add(make("a", "in_progress"), [], owner="key-1", previous_id=None)
        now[0] += LEASE_SECONDS - 1
        assert await store.extend("a")
        now[0] += LEASE_SECONDS - 1
        assert (await store.find("a", "key-1")).status == "in_progress"
        now[0] += 2
        found = await store.find("a", "key-1")
        assert (found.status, found.body["reply"]["error"]["code"]) == ("failed", "server_error")
        assert await store.replace(stored, make("a")) is None
        assert not await store.extend("a")
        assert (await store.find("a", "key-1")).status == "failed"

    use_store(use)


def test_the_end_of_a_reply_in_the_background_is_told_once(database_url):
    """
    Once it is complete, was cancelled, or is found to be lost. A reply that was never running has no such event.
    """

    async def main():
        async with open_database(database_url) as database:
            now = [1000.0]
            store = ReplyStore(database, 1, now=lambda: now[0])
            await store.add(make("at_once"), [], owner="o", previous_id=None)
            stored = {each: await store.add(make(each, "queued"), [], owner="o", previous_id=None) for each in "abc"}
            await store.replace(stored["a"], make("a", "in_progress"))
            assert await read_written(database, "job.finished") == []
            for status in ("completed", "failed"):
                await store.replace(stored["a"], make("a", status))
            await store.replace(stored["b"], make("b", "cancelled"))
            now[0] += 2 * LEASE_SECONDS
            for _ in range(2):
                await store.find("c", "o")
            return await read_written(database, "job.finished")

    found = asyncio.run(main())
    assert [(each.subject, each.owner, each.data["kind"], each.data["status"]) for each in found] == [
        ("a", "o", "response", "completed"),
        ("b", "o", "response", "cancelled"),
        ("c", "o", "response", "failed"),
    ]


def test_others_find_nothing(use_store):
    """
    A reply of another owner does not exist.
    """

    async def use(store, _now):
        await store.add(make("a"), [], owner="key-1", previous_id=None)
        for call in (store.find, store.read, store.delete, store.list_history):
            with pytest.raises(ProblemError) as caught:
                await call("a", "key-2")
            assert caught.value.problem.status == 404
        assert (await store.find("a", "key-1")).owner == "key-1"

    use_store(use)


def test_history_is_in_order(use_store):
    """
    Each turn has its input and then its output. A reply that is being made cannot be continued.
    """

    async def use(store, _now):
        await store.add(make("a", text="1"), ["x"], owner="o", previous_id=None)
        await store.add(make("b", text="2"), ["y"], owner="o", previous_id="a")
        await store.add(make("c", "queued"), ["z"], owner="o", previous_id="b")
        first, second = ({"type": "message", "text": text} for text in "12")
        assert await store.list_history("b", "o") == ["x", first, "y", second]
        with pytest.raises(ProblemError, match="not complete yet"):
            await store.list_history("c", "o")

    use_store(use)
