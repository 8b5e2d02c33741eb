"""Who owns files, batches, jobs and responses."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.access.ownership import Ownership
from budwood_server.web.problems import ProblemError
from tests.plugins.server.databases import open_database

OPENAI = {"provider": "openai", "vendor_id": "1"}


@pytest.fixture
def run(database_url, calendar):
    """
    Return a function that runs a coroutine function with the record of owners.
    """

    def run_one(scenario):
        async def main():
            async with open_database(database_url) as database:
                return await scenario(Ownership(database, now=calendar.seconds))

        return asyncio.run(main())

    return run_one


async def problem_of(action):
    """
    Return the problem of a coroutine.
    """
    with pytest.raises(ProblemError) as error:
        await action
    return error.value.problem


def test_an_owner_finds_an_object(run, calendar):
    """
    With all that was recorded of it.
    """

    async def scenario(objects):
        recorded = await objects.record(
            "file", "file-1", "key-1", provider="openai", vendor_id="file-abc", data={"bytes": 0, "name": "ä\0"}
        )
        return recorded, await objects.find("file", "file-1", "key-1")

    recorded, found = run(scenario)

    assert found == recorded
    assert found.created == calendar.seconds()
    assert found.data == {"bytes": 0, "name": "ä\0"}


def test_an_object_of_another_owner_is_as_unknown_as_none(run):
    """
    The error is the same, for each action, so that it does not tell that the object exists.
    """

    async def scenario(objects):
        await objects.record("file", "file-1", "team-a", **OPENAI)
        pairs = []
        for public_id in ("file-1", "file-2"):
            actions = (
                objects.find("file", public_id, "team-b"),
                objects.delete("file", public_id, "team-b"),
                objects.list("file", "team-b", after=public_id),
                objects.find("batch", public_id, "team-a"),
            )
            pairs.append([await problem_of(action) for action in actions])
        foreign = await problem_of(objects.record("file", "file-1", "team-b", **OPENAI))
        assert (await objects.find("file", "file-1", "team-a")).owner == "team-a"
        return pairs, foreign

    (foreign, unknown), recorded = run(scenario)

    for one, other in zip([*foreign, recorded], [*unknown, unknown[0]], strict=True):
        assert (
            (one.status, one.code, one.type) == (other.status, other.code, other.type) == (404, "not_found", other.type)
        )
        assert one.message == other.message.replace("file-2", "file-1")


def test_recording_again_replaces_the_data(run, calendar):
    """
    The moment stays.
    """

    async def scenario(objects):
        first = await objects.record("batch", "batch_1", "key-1", **OPENAI, data={"status": "queued"})
        calendar.forward(60)
        second = await objects.record("batch", "batch_1", "key-1", **OPENAI, data={"status": "done"})
        third = await objects.update(second, {"status": "gone"})
        return first, second, third, await objects.find("batch", "batch_1", "key-1")

    first, second, third, found = run(scenario)

    assert (second.created, second.data) == (first.created, {"status": "done"})
    assert found == third
    assert third.data == {"status": "gone"}


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_contain_each_object_once(run, calendar, oldest_first):
    """
    Also if several have one moment. Those of other owners and kinds are left out.
    """

    async def scenario(objects):
        for number in range(7):
            await objects.record("file", f"file-{number}", "key-1", **OPENAI)
            await objects.record("file", f"file-other-{number}", "key-2", **OPENAI)
            await objects.record("batch", f"batch_{number}", "key-1", **OPENAI)
            calendar.forward(number % 2)
        pages, after = [], None
        while True:
            page = await objects.list("file", "key-1", after=after, limit=3, oldest_first=oldest_first)
            pages.append(([each.public_id for each in page.objects], page.has_more))
            if not page.has_more:
                return pages
            after = page.objects[-1].public_id

    pages = run(scenario)

    names = [name for page, _ in pages for name in page]
    assert [len(page) for page, _ in pages] == [3, 3, 1]
    assert (
        sorted(names, reverse=not oldest_first)
        == names
        == [f"file-{n}" for n in sorted(range(7), reverse=not oldest_first)]
    )


def test_a_deleted_object_is_gone(run):
    """
    Deleting it again is an error, and another with its id can be recorded.
    """

    async def scenario(objects):
        await objects.record("file", "file-1", "key-1", **OPENAI)
        await objects.delete("file", "file-1", "key-1")
        assert (await problem_of(objects.delete("file", "file-1", "key-1"))).status == 404
        assert (await objects.list("file", "key-1")).objects == []
        await objects.record("file", "file-1", "key-2", **OPENAI)

    run(scenario)
