"""``/api/events``, and the schemas of what events have."""

from __future__ import annotations

import json
import time

import pytest
from jsonschema import Draft202012Validator
from sqlalchemy import select

from budwood_server.access.keys import PROMPTS
from budwood_server.database.tables import EVENTS
from budwood_server.events.envelope import encode_event
from budwood_server.events.event_types import EVENT_TYPES
from budwood_server.events.listing import EventQuery, list_events
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.schemas import MODELS, describe_data
from budwood_server.events.sequencing import Sequencer
from budwood_server.people.audit import EVENTS as ACTS
from budwood_server.vault.master_keys import VARIABLE, new_master_key
from budwood_server.webhooks.fan_out import fan_out
from tests.plugins.server.keyed_gateway import KeyedGateway


@pytest.fixture
def gateway(sqlite_url, monkeypatch):
    """
    A gateway that writes an event for each call.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())
    settings = {
        "providers": {"vendor": {"plugin": "openai-compatible", "base_url": "https://vendor.example/v1"}},
        "server": {"models": {"fast": "offline/extractive"}, "events": {"poll": 60, "inference": True}},
    }
    with KeyedGateway(settings, sqlite_url) as gateway:
        yield gateway


def send(gateway, method, path, body=None, *, key="admin", status=200):
    """
    Send a request, and return the JSON of its reply.
    """
    content = b"" if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"content_type": "application/json"}
    answer = gateway.send(method, path, gateway.keys[key], content, **headers)
    assert answer.status == status, answer.body
    return answer.json if answer.body else None


def order(gateway):
    """
    Give events their places.
    """

    async def run():
        while await Sequencer(gateway.worker.database, fan_out, poll=60).assign():
            pass

    gateway.run(run())


def read_data(gateway):
    """
    Return the data of all events with their types.
    """

    async def run():
        async with gateway.worker.database.read() as connection:
            query = select(EVENTS.c.type, EVENTS.c.data).order_by(EVENTS.c.id)
            return [(row.type, row.data) for row in await connection.execute(query)]

    return gateway.run(run())


def act(gateway):
    """
    Do each act that has an event.
    """
    gateway.keys["prompts"] = gateway.create_key(name="prompts", scopes={PROMPTS})
    prompt = {"name": "greeting", "messages": [{"role": "user", "content": "Hello"}]}
    for _ in range(2):
        send(gateway, "POST", "/api/prompts", prompt, key="prompts", status=201)
    path = "/api/prompts/greeting"
    send(gateway, "PUT", f"{path}/labels/live", {"version": 2}, key="prompts")
    send(gateway, "POST", f"{path}/rollback", {"version": 1}, key="prompts", status=201)
    send(gateway, "DELETE", f"{path}/labels/live", key="prompts", status=204)
    send(gateway, "DELETE", f"{path}/versions/1", key="prompts", status=204)
    send(gateway, "DELETE", path, key="prompts", status=204)
    key = send(gateway, "POST", "/api/keys", {"name": "new"}, status=201)["id"]
    send(gateway, "POST", f"/api/keys/{key}/rotate", {"overlap": 60})
    send(gateway, "POST", f"/api/keys/{key}/revoke")
    token = send(gateway, "POST", "/api/tokens", {"provider": "vendor", "token": "sk-0123456789abcdef"}, status=201)
    send(gateway, "POST", f"/api/tokens/{token['id']}/rotate", {"token": "sk-fedcba9876543210"})
    send(gateway, "DELETE", f"/api/tokens/{token['id']}", status=204)


def call_models(gateway):
    """
    Call a model, once with success.
    """
    body = {"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}
    send(gateway, "POST", "/v1/chat/completions", body, key="owner")
    send(gateway, "POST", "/v1/chat/completions", body | {"n": 5}, key="owner", status=400)
    gateway.run(gateway.worker.services.usage.stop())


def test_what_is_written_is_what_the_schemas_say(gateway):
    """
    Of each act and each call; a field more or less is an error.
    """
    act(gateway)
    call_models(gateway)
    found = read_data(gateway)

    for kind, data in found:
        Draft202012Validator(describe_data(kind)).validate(data)
        Draft202012Validator.check_schema(describe_data(kind))
    assert {data["action"] for _, data in found if "action" in data} == {*ACTS}
    assert "inference.completed" in {kind for kind, _ in found}


def test_each_type_has_a_schema(gateway):
    """
    Its path is in the events and in the list of types.
    """
    listed = {each["name"]: each for each in send(gateway, "GET", "/api/events/types")["types"]}

    assert {*listed} == {*EVENT_TYPES}
    assert {*MODELS} <= {*EVENT_TYPES, "webhook.test"}
    assert send(gateway, "GET", listed["key.created"]["dataschema"])["title"] == "key.created"
    assert (listed["key.created"]["is_visible"], listed["inference.failed"]["is_visible"]) == (True, False)
    error = send(gateway, "GET", "/api/events/schemas/key.lost", status=404)["error"]
    assert error["code"] == "unknown_event_type"


def test_events_are_listed_after_an_id(gateway):
    """
    In pages, of the types that the reader may see, and of its owner unless it sees everything.
    """

    async def write():
        async with gateway.worker.database.write() as connection:
            events = [NewEvent("run.finished", f"run_{number}", {}, owner="team-red") for number in range(3)]
            await record_events(connection, [*events, NewEvent("run.finished", "run_9", {}, owner="team-blue")])

    gateway.run(write())
    order(gateway)
    first = send(gateway, "GET", "/api/events?type=run.*&limit=2", key="owner")
    second = send(gateway, "GET", f"/api/events?type=run.finished&after={first['next_cursor']}", key="owner")
    full = send(gateway, "GET", "/api/events?limit=200")["items"]

    assert [each["subject"] for each in first["items"] + second["items"]] == ["run_0", "run_1", "run_2"]
    assert second["next_cursor"] is None
    assert [each["id"] for each in full] == sorted(each["id"] for each in full)
    assert {"key.created", "key.revoked", "run.finished"} == {each["type"] for each in full}
    assert {each["subject"] for each in send(gateway, "GET", "/api/events", key="other")["items"]} == {"run_9"}
    assert send(gateway, "GET", "/api/events?after=x", status=400)["error"]["message"] == "'x' is no id of an event."
    send(gateway, "GET", "/api/events?type=runs.*", status=400)


def test_the_newest_events_are_listed_first(gateway):
    """
    In pages, by what they are about and when they happened; somebody else's is not found.
    """

    async def write():
        async with gateway.worker.database.write() as connection:
            events = [NewEvent("run.finished", "run_1", {"number": n}, owner="team-red") for n in range(3)]
            await record_events(connection, [*events, NewEvent("run.finished", "run_2", {}, owner="team-red")])

    gateway.run(write())
    order(gateway)
    path = "/api/events?order=newest&subject=run_1&since=1h&limit=2"
    first = send(gateway, "GET", path, key="owner")
    second = send(gateway, "GET", f"{path}&before={first['next_cursor']}", key="owner")
    event = second["items"][0]

    assert [each["data"]["number"] for each in first["items"] + second["items"]] == [2, 1, 0]
    assert second["next_cursor"] is None
    assert send(gateway, "GET", "/api/events?type=run.*&until=2020-01-01")["items"] == []
    assert send(gateway, "GET", f"/api/events/{event['id']}", key="owner") == event
    assert send(gateway, "GET", f"/api/events/{event['id']}", key="other", status=404)["error"]["code"] == "not_found"
    for query in ("before=x", "since=yesterday", "order=other", "subject="):
        send(gateway, "GET", f"/api/events?{query}", status=400)


def test_lists_have_the_same_events_as_streams(gateway):
    """
    Each with the same JSON, also if it happened in a whole second.
    """
    second = float(int(time.time()))

    async def write():
        async with gateway.worker.database.write() as connection:
            moments = {"run_1": second, "run_2": second + 0.25}
            await record_events(
                connection, [NewEvent("run.finished", name, {}, time=moment) for name, moment in moments.items()]
            )

    gateway.run(write())
    order(gateway)
    listed = send(gateway, "GET", "/api/events?type=run.finished")["items"]

    async def read():
        everything = EventQuery(frozenset({"run.finished"}))
        async with gateway.worker.database.read() as connection:
            found = await list_events(connection, everything, "oldest", limit=9)
        return [json.loads(encode_event(event, "budwood", with_texts=False)) for event in found]

    assert [event["time"][-5:] for event in listed] == [".000Z", ".250Z"]
    assert listed == gateway.run(read())
