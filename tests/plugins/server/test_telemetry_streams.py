"""``/api/telemetry``: new calls as they are recorded, CSV, and the header ``x-budwood-client``."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest
from sqlalchemy import text

from budwood_server.access.keys import TELEMETRY
from budwood_server.telemetry import reading
from budwood_server.telemetry.csv_export import write_rows
from budwood_server.web import event_streams
from budwood_usage.database import add
from tests.plugins.server.in_process import send_request
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.telemetry_calls import make_call, write_calls

SETTINGS = {"server": {"models": {"demo": "offline/extractive"}}}
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Grafting joins two plants. What is grafting?"}]}


@pytest.fixture
def gateway(database_url):
    """
    A gateway with a key of the team red, for telemetry.
    """
    with KeyedGateway(SETTINGS, database_url) as gateway:
        gateway.keys["red"] = gateway.create_key(scopes={TELEMETRY}, team="red")
        yield gateway


@pytest.fixture
def look(gateway, monkeypatch):
    """
    Run functions one after the other, each before the stream looks for new calls; then the stream ends.
    """
    steps = []

    async def take_step(_):
        await asyncio.sleep(0)
        if steps:
            await steps.pop(0)()
        else:
            gateway.worker.drain()

    class FakeAsyncio:
        sleep = staticmethod(take_step)

    monkeypatch.setattr(event_streams, "asyncio", FakeAsyncio)
    return steps


def follow(gateway, query="", **headers):
    """
    Return the events of a stream: ids and calls.
    """
    answer = gateway.send("GET", f"/api/telemetry/follow{query}", gateway.keys["red"], **headers)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event.splitlines() for event in answer.body.decode().split("\n\n") if event.startswith("id: ")]
    assert all(event[1] == "event: call" for event in events)
    return [(int(event[0].removeprefix("id: ")), json.loads(event[2].removeprefix("data: "))) for event in events]


def write_later(gateway, rows):
    """
    Return a function that writes rows.
    """

    async def write():
        async with gateway.worker.database.write() as connection:
            await connection.run_sync(add, rows)

    return write


def test_new_calls_are_sent(gateway, look):
    """
    Those of the own team that are recorded after the start.
    """
    write_calls(gateway, [make_call(0)])
    look += [
        write_later(gateway, [make_call(1), make_call(2, team="blue")]),
        write_later(gateway, [make_call(3, team="blue")]),
        write_later(gateway, [make_call(4, tags={"user": "line\nbreak"})]),
    ]

    events = follow(gateway)

    assert [call["call"] for _, call in events] == ["call-1", "call-4"]
    assert [number for number, _ in events] == [call["id"] for _, call in events]
    assert events[1][1]["user"] == "line\nbreak"


@pytest.mark.parametrize("way", ["query", "header"])
def test_stream_resumes_after_an_id(gateway, look, monkeypatch, way):
    """
    No call is missed or sent twice, also if there are more than one look reads.
    """
    monkeypatch.setattr(reading, "_PORTION", 2)
    write_calls(gateway, [make_call(number) for number in range(7)])
    page = gateway.send("GET", "/api/telemetry/calls", gateway.keys["red"]).json["items"]
    after = str(page[5]["id"])

    events = follow(gateway, f"?after={after}") if way == "query" else follow(gateway, "?after=0", last_event_id=after)

    assert [call["call"] for _, call in events] == [f"call-{number}" for number in range(2, 7)]


@pytest.mark.parametrize("after", ["-1", "x", "9223372036854775808"])
def test_invalid_ids_are_refused(gateway, after):
    """
    In both places.
    """
    assert gateway.send("GET", f"/api/telemetry/follow?after={after}", gateway.keys["red"]).status == 400
    assert gateway.send("GET", "/api/telemetry/follow", gateway.keys["red"], last_event_id=after).status == 400


def test_stream_ends_when_its_key_is_revoked(gateway, look):
    """
    Calls that are recorded afterwards are not sent.
    """

    async def revoke():
        await gateway.worker.services.keys.store.revoke(gateway.keys["red"])
        await gateway.worker.services.keys.refresh()
        await write_later(gateway, [make_call(1)])()

    look += [revoke, None]

    assert follow(gateway) == []
    assert look == [None]


def test_silent_stream_gets_comments(gateway, look, monkeypatch):
    """
    So that proxies do not close it, and the end of the client is noticed.
    """
    clock = iter(range(0, 10_000, 100))

    class FakeTime:
        monotonic = staticmethod(lambda: float(next(clock)))

    monkeypatch.setattr(event_streams, "time", FakeTime)

    answer = gateway.send("GET", "/api/telemetry/follow", gateway.keys["red"])

    assert event_streams.COMMENT in answer.body


def test_streams_are_bounded(gateway, look, monkeypatch):
    """
    Each reads the database once a second. One that has ended makes room.
    """
    monkeypatch.setattr(event_streams, "MAX_STREAMS", 1)
    statuses = []

    async def open_another():
        headers = {"authorization": f"Bearer {gateway.keys['red']}"}
        answer = await send_request(gateway.worker, "GET", "/api/telemetry/follow", b"", headers)
        statuses.append((answer.status, answer.json["error"]["code"]))

    look.append(open_another)

    assert follow(gateway) == []
    assert statuses == [(429, "too_many_streams")]
    assert follow(gateway) == []


def test_failing_database_ends_a_stream(gateway, look):
    """
    The client connects again, and gets the error then.
    """

    async def remove_table():
        async with gateway.worker.database.write() as connection:
            await connection.execute(text("ALTER TABLE budwood_calls RENAME TO away"))

    look += [remove_table, None]

    assert follow(gateway) == []
    assert look == [None]
    assert gateway.send("GET", "/api/telemetry/calls", gateway.keys["red"]).status == 503


def test_csv_has_all_calls(gateway, monkeypatch):
    """
    Portion by portion, with texts that no spreadsheet takes for formulas.
    """
    monkeypatch.setattr(reading, "_PORTION", 2)
    tags = {"user": "=HYPERLINK(1)", "metadata.a": 'b,"c"\nd'}
    write_calls(gateway, [make_call(number, tags=tags, label="@SUM(1)") for number in range(5)])

    answer = gateway.send("GET", "/api/telemetry/calls.csv", gateway.keys["red"])
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="budwood-calls.csv"'
    assert [row["call"] for row in rows] == [f"call-{number}" for number in reversed(range(5))]
    assert {(row["user"], row["label"], row["cost"], row["cached"]) for row in rows} == {
        ("'=HYPERLINK(1)", "'@SUM(1)", "0.25", "0")
    }
    assert json.loads(rows[0]["tags"]) == {"metadata.a": 'b,"c"\nd'}
    assert rows[0]["time"] == "2026-03-31T23:33:24Z"
    assert b"secret" not in answer.body


def test_sums_are_exported(gateway):
    """
    With the dimensions as the first columns.
    """
    write_calls(gateway, [make_call(1, tags={"user": "-1+1"}), make_call(2)])

    answer = gateway.send("GET", "/api/telemetry/totals.csv?by=user,day&order=group", gateway.keys["red"])

    head, none, user = answer.body.decode().splitlines()
    assert head.startswith("user,day,calls,errors")
    assert none.startswith(",2026-03-31,1,0")
    assert user.startswith("'-1+1,2026-03-31,1,0")


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1+1"])
def test_texts_that_look_like_formulas_are_quoted(formula):
    """
    Numbers are not, so that sums of negative amounts are right.
    """
    [[cell, number]] = csv.reader(io.StringIO(write_rows([[formula, -1.5]]), newline=""))

    assert (cell, number) == (f"'{formula}", "-1.5")


def test_client_of_a_request_is_recorded(gateway):
    """
    As a dimension of telemetry, for names of a bounded form.
    """
    gateway.keys["infer"] = gateway.create_key(team="red")
    for client in ("budwood-cli/0.1.0", "budwood-cli/0.1.0", "budwood-vscode/1.2", "x" * 500, ""):
        body = json.dumps(CHAT).encode()
        assert (
            gateway.send("POST", "/v1/chat/completions", gateway.keys["infer"], body, x_budwood_client=client).status
            == 200
        )
    gateway.run(gateway.worker.services.usage.flush())

    answer = gateway.send("GET", "/api/telemetry/totals?by=client", gateway.keys["red"])

    groups = {item["group"]["client"]: item["calls"] for item in answer.json["items"]}
    assert groups == {"budwood-cli/0.1.0": 2, "budwood-vscode/1.2": 1, None: 2}
