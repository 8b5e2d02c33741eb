"""Figures that are kept in memory: always those of the records."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from budwood.types import CallFilter
from budwood_server.database import Database
from budwood_server.telemetry import kept as module
from budwood_server.telemetry.kept import KeptFigures
from budwood_usage.database import Interval, add, calls, prune, read_figures, upgrade
from tests.plugins.server.telemetry_calls import make_call

STEP = 60
BY = ("tag:model", "tag:key")
FILTERS = (CallFilter(), CallFilter(tags={"team": "red"}), CallFilter(since=30.0, until=200.5), CallFilter(error="*"))

CALL = st.fixed_dictionaries(
    {
        "time": st.integers(0, 240).map(float) | st.floats(0, 240),
        "key": st.sampled_from(["k1", "k2"]),
        "team": st.sampled_from(["red", "blue", None]),
        "model": st.sampled_from(["fast", "best", "'; --"]),
        "cost": st.sampled_from(["0.25", "1.5", None]),
        "seconds": st.floats(0, 100),
        "error": st.sampled_from([None, None, ValueError()]),
    }
)
CHANGE = st.lists(CALL, max_size=8) | st.floats(0, 240)
"""Calls that are recorded, or the time before which they are removed."""

READING = st.tuples(st.sampled_from(FILTERS), st.sampled_from([0, 0, STEP, -STEP, 1]))
"""A filter, and by how many seconds the intervals are moved."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def runner(request, tmp_path_factory):
    """
    Runs coroutines with a database.
    """
    import asyncio

    url = f"sqlite:///{tmp_path_factory.mktemp('kept')}/server.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    with asyncio.Runner() as runner:
        database = Database(url)

        async def prepare():
            async with database.write() as connection:
                await connection.run_sync(upgrade)

        runner.run(prepare())
        yield lambda function, *arguments: runner.run(function(database, *arguments))
        runner.run(database.close())


async def change(database, number, changed):
    """
    Record or remove calls.
    """
    async with database.write() as connection:
        if isinstance(changed, float):
            await connection.run_sync(prune, changed, 3)
        else:
            rows = [make_call(f"{number}-{index}", **call) for index, call in enumerate(changed)]
            await connection.run_sync(add, rows)


async def clear(database):
    """
    Remove all calls.
    """
    async with database.write() as connection:
        await connection.execute(delete(calls))


async def read(database, kept, where, moved=0):
    """
    Return figures with and without memory.
    """
    intervals = [Interval(start + moved, start + STEP + moved) for start in range(0, 240, STEP)]
    async with database.read() as connection:
        found = await kept.read(connection, intervals, where, BY, with_durations=True)
        parts = [interval.within(where) for interval in intervals]
        return found, [await connection.run_sync(read_figures, part, where, BY) for part in parts]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(CHANGE, READING), max_size=8), max_bytes=st.sampled_from([0, 5000, 10**6]))
def test_figures_are_those_of_the_records(runner, steps, max_bytes):
    """
    Whatever is recorded, also with an earlier time, or removed between two readings, and however few are kept.
    """
    kept = KeptFigures(max_bytes)
    runner(clear)
    for number, (changed, (where, moved)) in enumerate(steps):
        runner(change, number, changed)
        found, expected = runner(read, kept, where, moved)
        assert found == expected


def test_only_intervals_with_new_records_are_read_again(runner, monkeypatch):
    """
    Those without are taken from memory, and those without any record need no statement.
    """
    intervals = []

    def note(connection, interval, *arguments, **options):
        intervals.append(interval.since)
        return read_figures(connection, interval, *arguments, **options)

    monkeypatch.setattr(module, "read_figures", note)
    kept = KeptFigures()
    runner(clear)
    for number, (time, expected) in enumerate([(70.0, [60]), (190.0, [180]), (191.0, [180]), (65.0, [60])]):
        runner(change, number, [{"time": time}])
        intervals.clear()
        runner(read, kept, CallFilter())
        assert intervals == expected
    intervals.clear()
    runner(read, kept, CallFilter())
    assert intervals == []


def test_records_are_not_counted_if_removals_do_not_matter(runner, monkeypatch):
    """
    New ones are noticed all the same, also with an earlier time.
    """
    monkeypatch.setattr(module, "count_records", None)
    kept = KeptFigures(notices_removal=False)
    runner(clear)
    for number, time in enumerate([70.0, 190.0, 65.0]):
        runner(change, number, [{"time": time}])
        found, expected = runner(read, kept, CallFilter())
        assert found == expected


def test_records_of_an_earlier_database_are_read_again(runner, monkeypatch):
    """
    When a copy of it takes its place, ids begin with lower ones.
    """
    kept = KeptFigures()
    runner(clear)
    runner(change, 0, [{"time": 10.0, "cost": "5"}])
    runner(read, kept, CallFilter())
    runner(clear)
    runner(change, 1, [{"time": 10.0, "cost": "7"}])
    monkeypatch.setattr(module, "read_last_id", lambda _: 0)

    found, expected = runner(read, kept, CallFilter())

    assert found == expected
