"""``/api/telemetry``: who sees which calls, filters, sums and pages."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from budwood_server.access.keys import ADMIN, TELEMETRY
from budwood_server.telemetry import reading
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.telemetry_calls import START, make_call, write_calls

SETTINGS = {"server": {"models": {"demo": "offline/extractive"}}}
ATTACKS = (
    "' OR 1=1 --",
    '"; DROP TABLE budwood_calls; --',
    "red' UNION SELECT 1",
    "\\",
    "%",
    "\x00",
    "''",
    "$1",
    ":p0",
    "?",
)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real_server)])
def gateway(request, tmp_path_factory):
    """
    A gateway with the calls of two teams and of a key without one. Tests add none.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('telemetry')}/server.sqlite3"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql").new_database()
    with KeyedGateway(SETTINGS, url) as gateway:
        gateway.keys["everything"] = gateway.create_key(scopes={TELEMETRY, ADMIN})
        gateway.keys["red"] = gateway.create_key(scopes={TELEMETRY}, team="red")
        lone = gateway.run(gateway.worker.find_key(gateway.keys["telemetry"]))
        write_calls(
            gateway,
            [
                make_call(1, tags={"user": "ada", "client": "sdk/1"}),
                make_call(2, tags={"user": "bob", "metadata.job": "nightly"}, error=ValueError("secret"), model="best"),
                make_call(3, "k2", "blue", cost="1.5", seconds=9.0),
                make_call(4, "k2", "blue", time=START + 86_400),
                make_call(5, lone.id, None),
            ],
        )
        yield gateway


def fetch(gateway, path, reader="everything", /, **query):
    """
    Return the reply for a key.
    """
    text = urlencode(query, doseq=True, quote_via=quote)
    return gateway.send("GET", f"/api/telemetry/{path}?{text}", gateway.keys[reader])


def list_numbers(gateway, reader="everything", /, **query):
    """
    Return the numbers of the calls that a key sees.
    """
    answer = fetch(gateway, "calls", reader, **query)
    assert answer.status == 200, answer.body
    return [int(item["call"].removeprefix("call-")) for item in answer.json["items"]]


def sum_by(gateway, by, reader="everything", /, **query):
    """
    Return calls and costs by group.
    """
    answer = fetch(gateway, "totals", reader, by=by, **query)
    assert answer.status == 200, answer.body
    return {tuple(item["group"].values()): (item["calls"], item["cost"]) for item in answer.json["items"]}


def test_calls_are_listed_without_prompts(gateway):
    """
    The newest first, with the names of the gateway: key, team and model as it was requested.
    """
    answer = fetch(gateway, "calls", team="red")

    failed, call = answer.json["items"]
    assert answer.json["next_cursor"] is None
    assert (failed["error"], failed["tags"]) == ("ValueError", {"metadata.job": "nightly"})
    assert failed["failures"] == [{"endpoint": None, "vendor_key": "default", "error": "ValueError"}]
    assert {name: call[name] for name in ("key", "team", "model", "user", "client", "label")} == {
        "key": "k1",
        "team": "red",
        "model": "fast",
        "user": "ada",
        "client": "sdk/1",
        "label": "name of k1",
    }
    assert (call["time"], call["provider"], call["vendor_model"]) == ("2026-03-31T23:33:21Z", "vendor", "gpt-5")
    assert (call["cost"], call["input_tokens"], call["first_token"]) == ("0.25", 10, 0.5)
    assert b"secret" not in answer.body


def test_keys_see_the_calls_of_their_owner(gateway):
    """
    Those of their team, or their own without one, in every form; only with admin those of all.
    """
    assert list_numbers(gateway) == [4, 5, 3, 2, 1]
    assert list_numbers(gateway, "red") == [2, 1]
    assert list_numbers(gateway, "red", user="ada", tag="team=red") == [1]
    assert list_numbers(gateway, "telemetry") == [5]
    assert sum_by(gateway, "team", "red") == {("red",): (2, "0.5")}
    assert sum_by(gateway, "team", "telemetry") == {(None,): (1, "0.25")}
    assert fetch(gateway, "totals", "red").json["total"]["calls"] == 2
    for path, query in (("calls.csv", {}), ("totals.csv", {"by": "team"})):
        assert b"blue" in fetch(gateway, path, **query).body
        assert b"blue" not in fetch(gateway, path, "red", **query).body


@pytest.mark.parametrize("query", [{"team": "blue"}, {"tag": "team=blue"}, {"tag": ["team=red", "team=blue"]}])
@pytest.mark.parametrize("path", ["calls", "calls.csv", "totals", "totals.csv", "follow"])
def test_keys_cannot_name_other_teams(gateway, path, query):
    """
    That is an error, not an empty list.
    """
    answer = fetch(gateway, path, "red", **query)

    assert (answer.status, answer.json["error"]["code"]) == (403, "foreign_calls")


def test_one_call_is_found_by_its_id(gateway):
    """
    That of another team is not found.
    """
    listed = {item["call"]: item for item in fetch(gateway, "calls").json["items"]}
    red, blue = listed["call-1"], listed["call-3"]

    assert fetch(gateway, f"calls/{red['id']}", "red").json == red
    assert fetch(gateway, f"calls/{blue['id']}", "red").status == 404
    assert fetch(gateway, f"calls/{blue['id']}").json == blue
    assert fetch(gateway, "calls/999999").status == 404
    assert fetch(gateway, "calls/0").status == fetch(gateway, "calls/x").status == 400


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"since": "2026-04-01"}, [4]),
        ({"until": "2026-03-31T23:33:22Z"}, [1]),
        ({"since": "1m"}, []),
        ({"key": "k1"}, [2, 1]),
        ({"model": "best"}, [2]),
        ({"client": "sdk/1"}, [1]),
        ({"label": "name of k2", "min_seconds": "5"}, [3]),
        ({"provider": "vendor", "vendor_model": "vendor/gpt-5", "vendor_key": "default", "user": "bob"}, [2]),
        ({"provider": "other"}, []),
        ({"error": "any"}, [2]),
        ({"error": "ValueError"}, [2]),
        ({"with_failures": "true"}, [2]),
        ({"tag": "metadata.job=nightly"}, [2]),
        ({"tag": ["user=ada", "client=sdk/1"]}, [1]),
    ],
)
def test_filters_select_calls(gateway, query, numbers):
    """
    All of them must match.
    """
    assert list_numbers(gateway, **query) == numbers


@pytest.mark.parametrize("by", ["key", "team", "model", "user", "client", "provider", "vendor_model", "label", "day"])
def test_calls_are_grouped(gateway, by):
    """
    Each dimension has the calls that have it.
    """
    expected = {
        "team": {("red",): (2, "0.5"), ("blue",): (2, "1.75"), (None,): (1, "0.25")},
        "model": {("fast",): (4, "2.25"), ("best",): (1, "0.25")},
        "user": {("ada",): (1, "0.25"), ("bob",): (1, "0.25"), (None,): (3, "2")},
        "client": {("sdk/1",): (1, "0.25"), (None,): (4, "2.25")},
        "provider": {("vendor",): (5, "2.5")},
        "vendor_model": {("gpt-5",): (5, "2.5")},
        "day": {("2026-03-31",): (4, "2.25"), ("2026-04-01",): (1, "0.25")},
    }
    groups = sum_by(gateway, by)

    assert sum(calls for calls, _ in groups.values()) == 5
    assert groups == expected.get(by, groups)


def test_groups_are_ordered_and_paged(gateway):
    """
    The highest cost first, unless the request says otherwise; the total is over all pages.
    """
    first = fetch(gateway, "totals", by="team,model", limit=2).json
    second = fetch(gateway, "totals", by="team,model", limit=2, cursor=first["next_cursor"]).json
    by_name = fetch(gateway, "totals", by=["team", "model"], order="group").json

    groups = [list(item["group"].values()) for item in first["items"] + second["items"]]
    assert groups == [["blue", "fast"], [None, "fast"], ["red", "best"], ["red", "fast"]]
    assert [list(item["group"].values()) for item in by_name["items"]] == sorted(groups, key=lambda each: each[0] or "")
    assert first["total"] == second["total"]
    assert (first["total"]["calls"], first["total"]["errors"], first["total"]["cost"]) == (5, 1, "2.5")
    assert second["next_cursor"] is None
    assert fetch(gateway, "totals", order="calls", by="team").json["items"][-1]["calls"] == 1


def test_pages_have_each_call_once(sqlite_url):
    """
    Also if others are recorded meanwhile.
    """
    seen, cursor = [], {}
    with KeyedGateway(SETTINGS, sqlite_url) as gateway:
        write_calls(gateway, [make_call(number) for number in range(5)])
        gateway.keys["red"] = gateway.create_key(scopes={TELEMETRY}, team="red")
        for number in range(3):
            page = fetch(gateway, "calls", "red", limit=2, **cursor).json
            seen += [item["call"] for item in page["items"]]
            cursor = {"cursor": page["next_cursor"]}
            write_calls(gateway, [make_call(100 + number)])

    assert seen == ["call-4", "call-3", "call-2", "call-1", "call-0"]
    assert cursor == {"cursor": None}


def test_no_calls_are_no_error(gateway):
    """
    Sums over none are zero.
    """
    answer = fetch(gateway, "totals", user="nobody", by="day").json

    assert answer["items"] == []
    assert (answer["total"]["calls"], answer["total"]["cost"], answer["total"]["group"]) == (0, "0", {})


def test_too_many_groups_are_an_error(gateway, monkeypatch):
    """
    A reply has a bounded number of them.
    """
    monkeypatch.setattr(reading, "MAX_GROUPS", 2)

    answer = fetch(gateway, "totals", by="team")

    assert (answer.status, answer.json["error"]["code"]) == (400, "too_many_groups")


@pytest.mark.parametrize("attack", ATTACKS)
def test_filters_are_values_and_no_sql(gateway, attack):
    """
    Each parameter with a piece of SQL selects nothing, or is refused, and the records are all there afterwards.
    """
    texts = ("key", "team", "model", "user", "client", "label", "provider", "vendor_model", "vendor_key", "error")
    for name in texts:
        assert list_numbers(gateway, **{name: attack}) == [], name
        assert sum_by(gateway, name, **{name: attack}) == {}
    for query in (
        {"tag": f"user={attack}"},
        {"tag": f"{attack}=x"},
        {"by": attack},
        {"by": f"tag:{attack}"},
        {"order": attack},
        {"since": attack},
        {"until": attack},
        {"cursor": attack},
        {"limit": attack},
        {"min_seconds": attack},
    ):
        for path in ("calls", "totals"):
            answer = fetch(gateway, path, **query)
            assert answer.status == 400 or not answer.json["items"] or not query.keys() & _read_by(path), (path, query)

    assert list_numbers(gateway) == [4, 5, 3, 2, 1]


def _read_by(path):
    return {"tag", "since", "until", "cursor", "limit", "min_seconds"} | (
        {"by", "order"} if path == "totals" else set()
    )


@pytest.mark.parametrize(
    "query",
    [
        {"by": "color"},
        {"by": "tag:a b"},
        {"by": "key,team,model,user,client,day"},
        {"since": "yesterday"},
        {"limit": "0"},
        {"limit": "201"},
        {"cursor": "AAAA"},
        {"cursor": "bnVsbA"},
        {"cursor": "WzEsMl0"},
        {"cursor": "é"},
        {"min_seconds": "nan"},
        {"min_seconds": "-1"},
        {"tag": "user"},
        {"order": "price"},
        {"user": "x" * 513},
    ],
)
def test_invalid_queries_are_refused(gateway, query):
    """
    The error names the parameter, in the form of the API.
    """
    answer = fetch(gateway, "totals", **query)

    assert answer.status == 400
    assert next(iter(query)) in answer.json["error"]["message"] or answer.json["error"]["hint"]
