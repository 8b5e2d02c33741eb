"""The figures of intervals of time."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, delete

from budwood.types import Attempt, CallFilter, RequestFinished
from budwood_usage import database
from budwood_usage.database import Interval, find_quantile
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


def find_durations(calls):
    """
    Return the durations of calls that succeeded without the cache.
    """
    return sorted(call["seconds"] for call in calls if not call["is_error"] and not call["is_cached"])


def write(connection, calls):
    """
    Replace all records.
    """
    connection.execute(delete(database.calls))
    database.add(connection, [make_row(number, call) for number, call in enumerate(calls)])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_figures_are_those_of_the_calls(engine, calls):
    """
    For any calls, each interval has their number, their exact cost, each group of each dimension, and all durations.
    """
    with engine.begin() as connection:
        write(connection, calls)
        found = [database.read_figures(connection, each, CallFilter(), ("label", "error")) for each in INTERVALS]
        counts = database.count_records(connection, INTERVALS)

    for interval, count, figures in zip(INTERVALS, counts, found, strict=True):
        expected = select(calls, interval)
        paid = [call["cost"] for call in expected if not call["is_cached"]]
        assert count == figures.total.calls == len(expected)
        assert figures.total.errors == sum(call["is_error"] for call in expected)
        assert figures.total.cost == sum(paid, Decimal(0))
        assert figures.total.group == ()
        labels = Counter(call["label"] for call in expected)
        assert {value: totals.calls for value, totals in figures.groups["label"].items()} == labels
        errors = Counter("ValueError" if call["is_error"] else None for call in expected)
        assert {value: totals.calls for value, totals in figures.groups["error"].items()} == errors
        for totals in (*figures.groups["label"].values(), *figures.groups["error"].values()):
            assert len(totals.group) == 1
        assert list(figures.durations) == find_durations(expected)


def test_filter_selects_calls_and_time(engine):
    """
    An interval is cut by the times of a filter; without a part of it, there are no calls.
    """
    calls = [
        {"time": float(time), "seconds": 1.0, "cost": Decimal(1), "label": "a", "is_error": False, "is_cached": False}
        for time in range(0, 240, 10)
    ]
    where = CallFilter(since=50.0, until=130.0)
    with engine.begin() as connection:
        write(connection, calls)
        found = [database.read_figures(connection, each.within(where), where) for each in INTERVALS]
        other = database.read_figures(connection, INTERVALS[0], CallFilter(label="b"), ("label",))
        assert database.count_records(connection, []) == []

    assert [figures.total.calls for figures in found] == [1, 6, 1, 0]
    assert (other.total.calls, other.groups, list(other.durations)) == (0, {"label": {}}, [])


def test_new_records_have_higher_ids(engine):
    """
    Their times show which intervals have changed, also when they are older than others.
    """
    call = {"seconds": 1.0, "cost": Decimal(1), "label": None, "is_error": False, "is_cached": False}
    with engine.begin() as connection:
        write(connection, [call | {"time": 100.0}])
        last = database.read_last_id(connection)
        assert database.find_times(connection, last) is None
        database.add(connection, [make_row(number, call | {"time": time}) for number, time in enumerate((7.0, 3.0), 1)])

        assert database.find_times(connection, last) == (3.0, 7.0)


@given(
    columns=st.lists(st.lists(st.sampled_from([0.0, 0.5, 5e-324, 7.5]) | st.floats(0, 1e300))),
    quantile=st.floats(0, 1) | st.sampled_from(QUANTILES),
)
def test_quantiles_are_those_of_all_numbers(columns, quantile):
    """
    By the nearest rank, as if all columns were one.
    """
    numbers = sorted(number for column in columns for number in column)
    expected = numbers[max(math.ceil(quantile * len(numbers)), 1) - 1] if numbers else None

    assert find_quantile([array("d", sorted(column)) for column in columns], quantile) == expected
