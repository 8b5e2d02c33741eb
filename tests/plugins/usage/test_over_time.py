"""Sums and durations over intervals of time."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete

from budwood.types import Attempt, CallFilter, RequestFinished
from budwood_usage import database
from budwood_usage.database import Interval
from budwood_usage.over_time import find_rank
from budwood_usage.rows import collect, make_rows
from tests.postgresql_server import PostgreSQLServer

STEP = 60.0
INTERVALS = [Interval(number * STEP, (number + 1) * STEP) for number in range(4)]
QUANTILES = (0.5, 0.95, 1.0)

CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "time": st.integers(0, 300).map(float),
            "seconds": st.sampled_from([0.0, 0.25, 0.5, 1.0, 7.5]) | st.floats(0, 1e6),
            "cost": st.decimals(0, 10**6, places=12),
            "label": st.sampled_from(["a", "b", "c", "'; --", None]),
            "is_error": st.booleans(),
            "is_cached": st.booleans(),
        }
    ),
    max_size=40,
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def engine(request, tmp_path_factory):
    """
    An engine of a database with the tables.
    """
    if request.param == "sqlite":
        engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('series')}/own.sqlite3")
        with engine.begin() as connection:
            database.upgrade(connection)
        yield engine
        engine.dispose()
        return
    with PostgreSQLServer() as server:
        engine = create_engine(server.new_database().replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            database.upgrade(connection)
        yield engine
        engine.dispose()


def make_row(number, call):
    """
    Return the row of a call.
    """
    target = {"provider": "acme", "model": "large"}
    attempt = Attempt(**target, key=None, status=200, duration=1.0, cost=call["cost"], cached=call["is_cached"])
    ended = RequestFinished(
        call=f"call-{number}",
        service="chat",
        prompt="",
        response=None,
        error=ValueError() if call["is_error"] else None,
        attempts=(attempt,),
        seconds=call["seconds"],
        label=call["label"],
        **target,
    )
    return make_rows([collect(ended, call["time"], None)])[0][0]


def select(calls, interval):
    """
    Return the calls of an interval.
    """
    return [call for call in calls if interval.since <= call["time"] < interval.until]


def find_quantile(calls, quantile):
    """
    Return the duration of the nearest rank of calls that succeeded without the cache.
    """
    seconds = sorted(call["seconds"] for call in calls if not call["is_error"] and not call["is_cached"])
    return seconds[max(math.ceil(quantile * len(seconds)), 1) - 1] if seconds else None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_sums_and_durations_are_those_of_the_calls(engine, calls):
    """
    For any calls, each interval has their number, their exact cost, and durations by the nearest rank.
    """
    with engine.begin() as connection:
        connection.execute(delete(database.calls))
        database.add(connection, [make_row(number, call) for number, call in enumerate(calls)])
        sums = {each.interval: each for each in database.sum_intervals(connection, INTERVALS, CallFilter())}
        counts = [sums[index].timed if index in sums else 0 for index in range(len(INTERVALS))]
        durations = database.find_durations(connection, INTERVALS, counts, CallFilter(), QUANTILES)

    assert sums.keys() == {index for index, each in enumerate(INTERVALS) if select(calls, each)}
    for index, each in sums.items():
        expected = select(calls, INTERVALS[index])
        paid = [call["cost"] for call in expected if not call["is_cached"]]
        assert (each.value, each.totals.calls) == (None, len(expected))
        assert each.totals.errors == sum(call["is_error"] for call in expected)
        assert each.totals.cost == sum(paid, Decimal(0))
    for interval, found in zip(INTERVALS, durations, strict=True):
        assert list(found) == [find_quantile(select(calls, interval), quantile) for quantile in QUANTILES]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_groups_have_each_call_once(engine, calls):
    """
    Values without a group of their own, also none at all, are one group.
    """
    values = ("a", "'; --", "absent")
    with engine.begin() as connection:
        connection.execute(delete(database.calls))
        database.add(connection, [make_row(number, call) for number, call in enumerate(calls)])
        sums = database.sum_intervals(connection, INTERVALS, CallFilter(), by="label", values=values)

    expected = {}
    for index, interval in enumerate(INTERVALS):
        for call in select(calls, interval):
            place = (index, call["label"] if call["label"] in values else None)
            expected[place] = expected.get(place, 0) + 1
    assert {(each.interval, each.value): each.totals.calls for each in sums} == expected


def test_filter_and_interval_both_select(engine):
    """
    A filter for a part of the time leaves the rest of its intervals empty.
    """
    calls = [
        {"time": float(time), "seconds": 1.0, "cost": Decimal(1), "label": None, "is_error": False, "is_cached": False}
        for time in range(0, 240, 10)
    ]
    with engine.begin() as connection:
        connection.execute(delete(database.calls))
        database.add(connection, [make_row(number, call) for number, call in enumerate(calls)])
        sums = database.sum_intervals(connection, INTERVALS, CallFilter(since=50.0, until=130.0))
        assert database.sum_intervals(connection, [], CallFilter()) == []
        assert database.find_durations(connection, [], [], CallFilter(), QUANTILES) == []

    assert [(each.interval, each.totals.calls) for each in sums] == [(0, 1), (1, 6), (2, 1)]


@pytest.mark.parametrize(
    ("quantile", "count", "rank"), [(0.5, 1, 1), (0.5, 4, 2), (0.95, 100, 95), (1, 7, 7), (0, 3, 1)]
)
def test_ranks_are_the_nearest(quantile, count, rank):
    """
    From 1 to the number of values.
    """
    assert find_rank(quantile, count) == rank
