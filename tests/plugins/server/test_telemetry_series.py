"""``/api/telemetry/series``: calls over time."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from itertools import pairwise
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_server.access.keys import ADMIN, TELEMETRY
from budwood_server.telemetry.timeline import MAX_INTERVALS, PERIODS, find_timeline, fit_timeline
from budwood_server.web.problems import ProblemError
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.telemetry_calls import START, make_call, write_calls

DAY = 86_400
MOMENTS = st.integers(0, 4 * 10**12).map(lambda milliseconds: milliseconds / 1000)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def gateway(request, tmp_path_factory):
    """
    A gateway with the calls of two teams on two days.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('series')}/server.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    with KeyedGateway({"server": {"models": {"demo": "offline/extractive"}}}, url) as gateway:
        gateway.keys["everything"] = gateway.create_key(scopes={TELEMETRY, ADMIN})
        gateway.keys["red"] = gateway.create_key(scopes={TELEMETRY}, team="red")
        write_calls(
            gateway,
            [
                make_call(1, seconds=1.0),
                make_call(2, seconds=3.0, model="best", cost="1.5"),
                make_call(3, error=ValueError("secret"), model="best"),
                make_call(4, "k2", "blue", model="mini", cost="0.01", seconds=9.0, time=START + 2 * DAY),
            ],
        )
        yield gateway


def read(gateway, reader="everything", /, **query):
    """
    Return the series of a key.
    """
    answer = gateway.send("GET", f"/api/telemetry/series?{urlencode(query)}", gateway.keys[reader])
    assert answer.status == 200, answer.body
    return answer.json


def test_series_has_a_point_for_each_interval(gateway):
    """
    Also for those without calls; costs are exact, and durations are those of calls that succeeded.
    """
    series = read(gateway, period="month", until="2026-04-03T12:00:00Z")

    points = {point["start"]: point for point in series["points"]}
    assert (len(points), series["step"], series["until"]) == (30, DAY, "2026-04-04T00:00:00Z")
    full, empty = points["2026-03-31T00:00:00Z"], points["2026-04-01T00:00:00Z"]
    assert {name: full[name] for name in ("calls", "errors", "cost", "p50", "p95")} == {
        "calls": 3,
        "errors": 1,
        "cost": "2",
        "p50": 1.0,
        "p95": 3.0,
    }
    assert {name: empty[name] for name in ("calls", "errors", "cost", "p50", "p95", "input_tokens")} == {
        "calls": 0,
        "errors": 0,
        "cost": "0",
        "p50": None,
        "p95": None,
        "input_tokens": 0,
    }
    assert (series["total"]["calls"], series["total"]["cost"]) == (4, "2.01")
    assert (series["p50"], series["p95"], series["groups"]) == (3.0, 9.0, [])
    assert b"secret" not in str(series).encode()


def test_largest_groups_have_series(gateway):
    """
    All others share one; together they are the totals.
    """
    query = {"since": "2026-03-31", "until": "2026-04-03", "by": "model"}
    series = read(gateway, **query, top=1)

    assert [group["value"] for group in series["groups"]] == ["best", None]
    for index, point in enumerate(series["points"]):
        parts = [group["points"][index] for group in series["groups"]]
        assert sum(part["calls"] for part in parts) == point["calls"]
        assert sum(Decimal(part["cost"]) for part in parts) == Decimal(point["cost"])
    assert [group["value"] for group in read(gateway, **query)["groups"]] == ["best", "fast", "mini"]


def test_points_count_unknown_costs(gateway):
    """
    So that no reader takes a cost of zero for a known one; groups count them, too.
    """
    write_calls(gateway, [make_call(9, cost=None, model="own", time=START - 400 * DAY)])
    series = read(gateway, since="2025-02-01", until="2025-03-01", by="model")

    (point,) = [point for point in series["points"] if point["calls"]]
    assert (point["cost"], point["unknown_costs"], series["total"]["unknown_costs"]) == ("0", 1, 1)
    assert sum(point["unknown_costs"] for point in series["groups"][0]["points"]) == 1


@pytest.mark.parametrize("path", ["calls.csv", "totals.csv"])
def test_unknown_costs_are_empty_in_csv(gateway, path):
    """
    Zero would say that the calls were free. Costs that are known are numbers.
    """
    write_calls(gateway, [make_call(f"csv-{path}", team="priceless", cost=None, time=START - 500 * DAY)])
    rows = {}
    for team in ("priceless", "blue"):
        answer = gateway.send("GET", f"/api/telemetry/{path}?team={team}", gateway.keys["everything"])
        rows[team] = next(csv.DictReader(io.StringIO(answer.body.decode())))

    assert rows["priceless"]["cost"] == ""
    assert rows["priceless"].get("cost_unknown") or rows["priceless"]["unknown_costs"] != "0"
    assert rows["blue"]["cost"] == "0.01"


def test_keys_see_the_series_of_their_team(gateway):
    """
    As in the other forms of telemetry; filters select as well.
    """
    query = {"since": "2026-03-31", "until": "2026-04-03"}

    assert read(gateway, "red", **query)["total"]["calls"] == 3
    assert read(gateway, **query, model="mini")["total"]["calls"] == 1
    assert gateway.send("GET", "/api/telemetry/series?team=blue", gateway.keys["red"]).status == 403
    assert gateway.send("GET", "/api/telemetry/series", gateway.keys["owner"]).status == 403
    assert gateway.send("GET", "/api/telemetry/series", "").status == 401


@pytest.mark.parametrize(
    "query",
    [{"period": "year"}, {"by": "color"}, {"top": 0}, {"since": "2026-04-02", "until": "2026-04-01"}, {"by": "a,b"}],
)
def test_invalid_queries_are_refused(gateway, query):
    """
    The error names the parameter.
    """
    answer = gateway.send("GET", f"/api/telemetry/series?{urlencode(query)}", gateway.keys["everything"])

    assert answer.status == 400, answer.body


@given(now=MOMENTS, period=st.sampled_from(PERIODS))
def test_periods_end_with_the_present(now, period):
    """
    Their intervals follow each other, and the last one has the moment.
    """
    timeline = find_timeline(period, now)

    intervals = timeline.intervals
    assert len(intervals) == timeline.count <= MAX_INTERVALS
    assert intervals[-1].since <= now < intervals[-1].until == timeline.end
    assert all(one.until == other.since for one, other in pairwise(intervals))
    before = timeline.intervals_before
    assert (len(before), before[-1].until) == (timeline.count, timeline.start)


@given(moments=st.lists(MOMENTS, min_size=2, max_size=2, unique=True).map(sorted))
def test_intervals_cover_any_time(moments):
    """
    There are never too many of them, and weeks begin on Mondays.
    """
    since, until = moments
    timeline = fit_timeline(since, until)

    assert 1 <= timeline.count <= MAX_INTERVALS
    assert timeline.start <= since < timeline.start + timeline.step
    assert timeline.end - timeline.step < until <= timeline.end
    assert timeline.step <= DAY or timeline.start % (7 * DAY) == 4 * DAY


def test_end_must_be_after_the_start():
    """
    An empty time has no intervals.
    """
    with pytest.raises(ProblemError, match="until"):
        fit_timeline(10, 10)
