"""The order of events: places after the commit."""

from __future__ import annotations

import asyncio

import pytest

from budwood_server.database.versions import read_versions
from budwood_server.events.reading import format_id, parse_id, read_events
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import BATCH, Sequencer
from budwood_server.web.problems import ProblemError
from tests.plugins.server.databases import open_database


class Seen:
    """
    A receiver that keeps the events.
    """

    def __init__(self):
        self.events = []

    async def receive(self, connection, events):
        self.events += events


def run(url, scenario):
    """
    Run a coroutine function with a database, a sequencer, and what that has told its receiver.
    """

    async def main():
        async with open_database(url) as database:
            seen = Seen()
            return await scenario(database, Sequencer(database, seen.receive, poll=60), seen)

    return asyncio.run(main())


def make(number):
    """
    Return an event.
    """
    return NewEvent("run.finished", f"run_{number}", {"number": number}, owner="red")


async def write(database, *numbers):
    """
    Write events in a transaction of their own.
    """
    async with database.write() as connection:
        await record_events(connection, [make(number) for number in numbers])


async def read_subjects(database, after=0):
    """
    Return the subjects of the events that have places, in their order.
    """
    async with database.read() as connection:
        return [event.subject for event in await read_events(connection, after, limit=10_000)]


def test_places_have_no_gaps(database_url):
    """
    Events get consecutive places, the receiver gets them in the same transaction, and the version is the last place.
    """

    async def scenario(database, sequencer, seen):
        await write(database, 1, 2)
        assert await read_subjects(database) == []
        await sequencer.assign()
        await write(database, 3)
        await sequencer.assign()
        async with database.read() as connection:
            version = (await read_versions(connection))["events"]
            events = await read_events(connection, 0, limit=10)
        assert [event.place for event in events] == [1, 2, 3]
        assert list(events) == seen.events
        assert version == 3
        assert await read_subjects(database, after=2) == ["run_3"]

    run(database_url, scenario)


@pytest.mark.real_server
def test_events_that_are_committed_later_come_later(postgresql):
    """
    Two transactions commit in the reverse order of their rows: a reader of places misses none.
    """

    async def scenario(database, sequencer, seen):
        async with database.write() as first:
            await record_events(first, [make(1)])
            async with database.write() as second:
                await record_events(second, [make(2)])
            await sequencer.assign()
            assert await read_subjects(database) == ["run_2"]
        await sequencer.assign()
        assert await read_subjects(database, after=1) == ["run_1"]
        assert [event.place for event in seen.events] == [1, 2]

    run(postgresql.new_database(), scenario)


def test_several_sequencers_share_the_work(database_url):
    """
    Several at the same time give each event one place.
    """

    async def scenario(database, sequencer, seen):
        await write(database, *range(BATCH + 500))
        others = [Sequencer(database, seen.receive, poll=60) for _ in range(3)]
        while await read_count(database):
            await asyncio.gather(*(each.assign() for each in (sequencer, *others)))
        assert sorted(event.place for event in seen.events) == list(range(1, BATCH + 501))
        assert len(await read_subjects(database)) == BATCH + 500

    run(database_url, scenario)


async def read_count(database):
    """
    Return the number of events without a place.
    """
    from sqlalchemy import func, select

    from budwood_server.database.tables import EVENTS

    async with database.read() as connection:
        return (await connection.execute(select(func.count()).where(EVENTS.c.place.is_(None)))).scalar()


def test_a_receiver_that_fails_leaves_events_without_places(database_url):
    """
    Places and what the receiver writes are one transaction.
    """

    async def fail(_connection, _events):
        raise LookupError

    async def scenario(database, sequencer, seen):
        await write(database, 1)
        with pytest.raises(LookupError):
            await Sequencer(database, fail, poll=60).assign()
        assert await read_subjects(database) == []
        await sequencer.assign()
        assert [event.place for event in seen.events] == [1]

    run(database_url, scenario)


def test_events_of_a_transaction_that_fails_do_not_exist(database_url):
    """
    An event is written with what it tells, or not at all.
    """

    async def scenario(database, sequencer, seen):
        async def fail():
            async with database.write() as connection:
                await record_events(connection, [make(1)])
                raise LookupError

        with pytest.raises(LookupError):
            await fail()
        assert await sequencer.assign() == 0

    run(database_url, scenario)


def test_ids_grow_as_texts():
    """
    Public ids have the order of places, also as texts.
    """
    places = [1, 9, 10, 999, 10**9, 10**15]
    ids = [format_id(place) for place in places]

    assert sorted(ids) == ids
    assert [parse_id(each) for each in ids] == places
    assert parse_id("0") == 0


@pytest.mark.parametrize("text", ["", "evt_", "x", "evt_-1", "1" * 17, "\u0661"])
def test_other_texts_are_no_ids(text):
    """
    They are refused with a hint.
    """
    with pytest.raises(ProblemError) as caught:
        parse_id(text)
    assert caught.value.problem.status == 400
