"""``/api/webhooks``."""

from __future__ import annotations

import json
import os

import pytest
from sqlalchemy import text, update

from budwood_server.access.keys import ADMIN, INFER, TELEMETRY, TEXTS, WEBHOOKS
from budwood_server.database.tables import DELIVERIES
from budwood_server.database.tables import WEBHOOKS as ENDPOINTS
from budwood_server.events.recording import NewEvent, record_events
from budwood_server.events.sequencing import Sequencer
from budwood_server.people.audit import list_entries
from budwood_server.vault.master_keys import VARIABLE, MasterKeys, new_master_key, parse_master_keys
from budwood_server.vault.store import count_by_key
from budwood_server.webhooks import verify
from budwood_server.webhooks.fan_out import fan_out
from budwood_server.webhooks.secrets import load_secrets
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.webhooks.receiver import run_receiver

URL = "https://example.org/T0/secret-path"

REFUSED = [
    ({}, 400, "url"),
    ({"url": "ftp://example.org/"}, 400, "https://"),
    ({"url": "https://10.0.0.1/"}, 400, "not public"),
    ({"url": "https://[::ffff:169.254.169.254]/"}, 400, "not public"),
    ({"url": "https://user:pass@example.org/"}, 400, "password"),
    ({"url": URL, "types": ["runs.finished"]}, 400, "runs.finished"),
    ({"url": URL, "types": []}, 400, "types"),
    ({"url": URL, "concurrency": 0}, 400, "concurrency"),
    ({"url": URL, "other": 1}, 400, "other"),
    ({"url": URL, "name": "a\0b"}, 400, "name"),
    ({"url": URL, "types": ["inference.*"]}, 403, "telemetry"),
    ({"url": URL, "types": ["run.*", "token.added"]}, 403, "admin"),
    ({"url": URL, "sees_all": True}, 403, "admin"),
    ({"url": URL, "with_texts": True}, 403, "texts"),
]
"""Bodies that are refused, the status, and what the error names."""


@pytest.fixture
def gateway(database_url, monkeypatch):
    """
    A gateway that sends nothing by itself.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())
    webhooks = {"worker": False, "allow_local": True}
    with KeyedGateway({"server": {"webhooks": webhooks, "events": {"poll": 60}}}, database_url) as gateway:
        gateway.keys["red"] = gateway.create_key(name="red", team="red", scopes={WEBHOOKS, INFER})
        gateway.keys["texts"] = gateway.create_key(name="texts", team="red", scopes={WEBHOOKS, TELEMETRY, TEXTS})
        gateway.keys["blue"] = gateway.create_key(name="blue", team="blue", scopes={WEBHOOKS, INFER})
        gateway.keys["both"] = gateway.create_key(name="both", scopes={ADMIN, TELEMETRY})
        yield gateway


def call(gateway, method, path="", body=None, key="red", **headers):
    """
    Send a request.
    """
    content = b"" if body is None else json.dumps(body).encode()
    headers |= {} if body is None else {"content_type": "application/json"}
    return gateway.send(method, f"/api/webhooks{path}", gateway.keys[key], content, **headers)


def create(gateway, key="red", **fields):
    """
    Create an endpoint.
    """
    answer = call(gateway, "POST", body={"url": URL, **fields}, key=key)
    assert answer.status == 201, answer.body
    return answer.json


def write_events(gateway, count=1, owner="team-red"):
    """
    Write events, and have them get their places and deliveries.
    """

    async def run():
        database = gateway.worker.database
        async with database.write() as connection:
            await record_events(
                connection,
                [
                    NewEvent("run.finished", f"run_{number}", {"name": "n"}, owner=owner, texts={"reply": "Hello"})
                    for number in range(count)
                ],
            )
        while await Sequencer(database, fan_out, poll=60).assign():
            pass

    gateway.run(run())


def read_log(gateway):
    """
    Return the acts about endpoints, the oldest first, and all that the tables have.
    """

    async def run():
        async with gateway.worker.database.read() as connection:
            tables = ("budwood_webhooks", "budwood_webhook_secrets", "budwood_audit", "budwood_idempotent_replies")
            rows = [(await connection.execute(text(f"SELECT * FROM {table}"))).all() for table in tables]
            entries = [entry for entry in await list_entries(connection) if entry.action.startswith("webhook.")]
            return [*reversed(entries)], str(rows)

    return gateway.run(run())


def test_an_endpoint_is_created_changed_rotated_and_deleted(gateway):
    """
    Its secret is only in the reply that creates it, which the same request gets again; each act is in the audit log.
    """
    created = create(gateway, types=["run.*"], per_second=5)
    again = [call(gateway, "POST", body={"url": URL}, idempotency_key="one").json for _ in range(2)]
    path = f"/{created['id']}"
    shown = call(gateway, "GET", path).json
    paused = call(gateway, "PATCH", path, {"state": "paused", "name": "later", "subjects": ["run_1"]}).json
    rotated = call(gateway, "POST", f"{path}/rotate", {"overlap": 60}).json
    after = call(gateway, "GET", path).json
    deleted = call(gateway, "DELETE", path).status
    entries, rows = read_log(gateway)

    assert created["secret"].startswith("whsec_")
    assert (created["name"], created["types"], created["state"]) == ("example.org", ["run.*"], "active")
    assert (created["owner"], created["sees_all"], created["with_texts"]) == ("team-red", False, False)
    assert again[0] == again[1]
    assert "secret" not in shown
    assert (shown["deliveries"], len(shown["secrets"])) == ({}, 1)
    assert (paused["state"], paused["name"], paused["subjects"], paused["per_second"]) == (
        *("paused", "later", ["run_1"]),
        5,
    )
    assert rotated["secret"] != created["secret"]
    assert [secret["expires"] is None for secret in after["secrets"]] == [True, False]
    assert (deleted, call(gateway, "GET", path).status) == (204, 404)
    names = ["create", "create", "change", "rotate", "delete"]
    assert [entry.action.removeprefix("webhook.") for entry in entries] == names
    assert entries[2].details == {"name": "later", "host": "example.org", "changed": ["name", "state", "subjects"]}
    for secret in (created["secret"], again[0]["secret"], rotated["secret"]):
        assert secret not in f"{rows} {shown} {after} {entries}"
    assert "secret-path" not in str(entries)


def test_without_a_master_key_nothing_is_stored(gateway, monkeypatch):
    """
    The reply names the command that makes one.
    """
    monkeypatch.delenv(VARIABLE)
    answer = call(gateway, "POST", body={"url": URL})

    assert (answer.status, answer.json["error"]["code"]) == (409, "no_master_key")
    assert "`budwood server master-key create`" in answer.json["error"]["hint"]
    assert call(gateway, "GET").json["items"] == []


def test_choices_are_checked(gateway):
    """
    The error names the field or the scope, and the same is refused as a change.
    """
    created = create(gateway)
    for body, status, problem in REFUSED:
        answers = [call(gateway, "POST", body=body)]
        answers += [call(gateway, "PATCH", f"/{created['id']}", body)] if body else []
        for answer in answers:
            assert answer.status == status, answer.body
            assert problem in answer.json["error"]["message"]


def test_a_name_identifies_an_endpoint_of_an_owner(gateway):
    """
    A name that is in use is refused with the id that has it, and the host as a default gets a number.
    """
    first, other = create(gateway, name="mailer"), create(gateway, "blue", name="mailer")
    hosts = [create(gateway) for _ in range(3)]
    refused = [
        call(gateway, "POST", body={"url": URL, "name": "mailer"}),
        call(gateway, "PATCH", f"/{hosts[0]['id']}", {"name": "mailer"}),
        call(gateway, "PATCH", f"/{hosts[0]['id']}", {"name": "mailer"}, key="admin"),
    ]

    assert [answer.status for answer in refused] == [409] * 3
    for answer in refused:
        assert answer.json["error"]["code"] == "name_in_use"
        assert first["id"] in answer.json["error"]["message"]
    assert [each["name"] for each in hosts] == ["example.org", "example.org-2", "example.org-3"]
    assert call(gateway, "PATCH", f"/{first['id']}", {"name": "mailer"}).status == 200
    assert call(gateway, "PATCH", f"/{other['id']}", {"name": "example.org"}, key="blue").status == 200


def test_deliveries_of_an_endpoint_that_rests_come_after_its_pause(gateway):
    """
    A pause that is over is none, and an endpoint that is paused by its owner has no next attempt.
    """
    webhook = create(gateway)
    write_events(gateway)
    path, found = f"/{webhook['id']}", []
    for until in (1e10, 1.0):
        gateway.run(set_pause(gateway, until))
        (delivery,) = call(gateway, "GET", f"{path}/deliveries").json["items"]
        found.append((call(gateway, "GET", path).json["open_until"], delivery["due"]))
    call(gateway, "PATCH", path, {"state": "paused"})
    (delivery,) = call(gateway, "GET", f"{path}/deliveries").json["items"]

    assert found[0] == ("2286-11-20T17:46:40Z",) * 2
    assert (found[1][0], found[1][1] > "2026") == (None, True)
    assert (delivery["state"], delivery["due"]) == ("waiting", None)


async def set_pause(gateway, until):
    """
    Have all endpoints rest until a moment.
    """
    async with gateway.worker.database.write() as connection:
        await connection.execute(update(ENDPOINTS).values(failures=7, open_until=until))


def test_who_sees_what(gateway):
    """
    A key sees the endpoints of its owner; an admin those of all, and may have events of all owners.
    """
    own, other = create(gateway), create(gateway, "blue")
    full = create(gateway, "both")

    def list_ids(key):
        return [item["id"] for item in call(gateway, "GET", key=key).json["items"]]

    assert list_ids("red") == list_ids("texts") == [own["id"]]
    assert list_ids("admin") == [full["id"], other["id"], own["id"]]
    assert (full["sees_all"], "inference.failed" in full["selected_types"]) == (True, True)
    for method, path, body in (
        ("GET", "", None),
        ("PATCH", "", {"state": "paused"}),
        ("DELETE", "", None),
        ("POST", "/test", None),
        ("POST", "/rotate", None),
        ("GET", "/deliveries", None),
        ("POST", "/replay", {"since": "2026-01-01T00:00:00Z"}),
    ):
        assert call(gateway, method, f"/{own['id']}{path}", body, key="blue").status == 404
    assert call(gateway, "GET", key="owner").status == 403
    assert call(gateway, "GET", "/wh%00").status == 400


def test_pages(gateway):
    """
    Each endpoint once.
    """
    made = [create(gateway)["id"] for _ in range(3)]
    first = call(gateway, "GET", "?limit=2").json
    second = call(gateway, "GET", f"?limit=2&cursor={first['next_cursor']}").json

    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


def test_deliveries_and_replays(gateway):
    """
    A delivery shows its body, with texts only for a key that may see them; replays put it back in the queue.
    """
    webhook = create(gateway, "texts", types=["job.finished"])
    assert call(gateway, "PATCH", f"/{webhook['id']}", {"with_texts": True, "types": ["run.*"]}).status == 403
    webhook = create(gateway)
    write_events(gateway, 3)
    path = f"/{webhook['id']}/deliveries"
    first = call(gateway, "GET", f"{path}?limit=2").json
    rest = call(gateway, "GET", f"{path}?cursor={first['next_cursor']}").json
    item = rest["items"][0]
    shown = call(gateway, "GET", f"{path}/{item['id']}").json

    events = [each["event"] for each in first["items"] + rest["items"]]
    assert (len(events), events) == (3, sorted(events, reverse=True))
    assert (item["state"], item["attempts"], item["last"]) == ("waiting", 0, None)
    assert json.loads(shown["body"])["data"] == {"name": "n"}
    assert (shown["is_truncated"], shown["requests"]) == (False, [])
    assert call(gateway, "GET", f"{path}/999").status == 404
    assert call(gateway, "GET", f"{path}?state=failed").json["items"] == []
    assert len(call(gateway, "GET", f"{path}?type=run.*&type=key.created").json["items"]) == 3
    assert call(gateway, "GET", f"{path}?type=key.*").json["items"] == []
    assert call(gateway, "GET", f"{path}?type=runs.*").status == 400

    gateway.run(end_deliveries(gateway))
    assert call(gateway, "GET", f"/{webhook['id']}").json["deliveries"] == {"delivered": 3}
    replayed = call(gateway, "POST", f"{path}/{item['id']}/replay")
    assert (replayed.status, replayed.json["state"]) == (200, "waiting")
    assert call(gateway, "POST", f"/{webhook['id']}/replay", {"since": "2020-01-01T00:00:00Z"}).json == {"events": 3}
    assert call(gateway, "GET", f"/{webhook['id']}").json["deliveries"] == {"waiting": 3}
    assert call(gateway, "POST", f"/{webhook['id']}/replay", {"since": "yesterday"}).status == 400


async def end_deliveries(gateway):
    """
    Mark all deliveries as delivered.
    """
    async with gateway.worker.database.write() as connection:
        await connection.execute(update(DELIVERIES).values(state="delivered", finished=1.0))


def test_texts_need_their_scope(gateway):
    """
    An endpoint with texts shows them to a key with the scope texts, and to no other key of its team.
    """
    gateway.keys["all"] = gateway.create_key(name="all", team="red", scopes={WEBHOOKS, INFER, TEXTS})
    webhook = create(gateway, "all", with_texts=True)
    write_events(gateway)
    path = f"/{webhook['id']}/deliveries"
    delivery = call(gateway, "GET", path).json["items"][0]["id"]

    bodies = {
        key: json.loads(call(gateway, "GET", f"{path}/{delivery}", key=key).json["body"]) for key in ("all", "red")
    }

    assert bodies["all"]["data"] == {"name": "n", "reply": "Hello"}
    assert bodies["red"]["data"] == {"name": "n"}


def test_an_endpoint_is_used_by_those_who_see_its_events(gateway):
    """
    Another key of the team cannot have its events sent elsewhere, nor get its secret or its deliveries.
    """
    gateway.keys["thief"] = gateway.create_key(name="thief", team="red", scopes={WEBHOOKS})
    webhook = create(gateway, "texts", types=["inference.*"], with_texts=True)
    own = create(gateway)
    write_events(gateway)
    delivery = call(gateway, "GET", f"/{own['id']}/deliveries").json["items"][0]["id"]
    path = f"/{webhook['id']}"
    refused = [
        call(gateway, method, where, body, key).status
        for key in ("thief", "red", "admin")
        for method, where, body in (
            ("PATCH", path, {"url": "https://example.com/"}),
            ("PATCH", path, {"state": "active", "subjects": ["x"]}),
            ("POST", f"{path}/rotate", None),
            ("POST", f"{path}/test", None),
            ("POST", f"{path}/replay", {"since": "2026-01-01T00:00:00Z"}),
        )
    ]
    shown = f"/{own['id']}/deliveries/{delivery}"

    assert set(refused) == {403}
    assert call(gateway, "GET", path).json["url"] == URL
    assert call(gateway, "GET", shown, key="thief").status == 403
    assert call(gateway, "POST", f"{shown}/replay", key="thief").status == 403
    assert call(gateway, "GET", shown).status == 200
    assert call(gateway, "PATCH", path, {"url": f"{URL}/new"}, "texts").status == 200
    assert call(gateway, "PATCH", path, {"state": "paused"}, "thief").status == 200
    assert call(gateway, "DELETE", path, key="thief").status == 204


def test_a_test_event_is_sent_at_once(gateway):
    """
    Also to an endpoint that is paused: signed, and the reply has the answer.
    """

    async def run():
        async with run_receiver() as receiver:
            webhook = await post(gateway, "", {"url": receiver.url})
            await post(gateway, f"/{webhook['id']}", {"state": "paused"}, "PATCH")
            tested = await post(gateway, f"/{webhook['id']}/test")
            receiver.find_status = lambda _: 500
            return webhook, tested, await post(gateway, f"/{webhook['id']}/test"), receiver.requests

    webhook, tested, failed, requests = gateway.run(run())
    headers, body = requests[0]

    assert (tested["delivered"], tested["attempt"]["status"]) == (True, 204)
    assert (failed["delivered"], failed["attempt"]["status"]) == (False, 500)
    assert headers["webhook-id"] == tested["event"] != failed["event"]
    assert "webhook-signature" not in tested["attempt"]["request_headers"]
    event = verify(body, headers, webhook["secret"])
    assert (event["type"], event["subject"]) == ("webhook.test", webhook["id"])
    assert event["data"] == {"webhook": webhook["id"], "name": "127.0.0.1"}


async def post(gateway, path, body=None, method="POST"):
    """
    Send a request in the event loop of the gateway.
    """
    from tests.plugins.server.in_process import send_request

    content = b"" if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {gateway.keys['red']}"}
    headers |= {} if body is None else {"content_type": "application/json"}
    answer = await send_request(gateway.worker, method, f"/api/webhooks{path}", content, headers)
    assert answer.status < 300, answer.body
    return answer.json


def test_secrets_are_sealed_with_a_new_master_key(gateway, monkeypatch):
    """
    An older key cannot be removed before that, and afterwards the secret is the same.
    """
    old = parse_master_keys(os.environ[VARIABLE], "variable")
    webhook = create(gateway)
    new = old.rotate()
    monkeypatch.setenv(VARIABLE, new.to_text())
    before = read_counts(gateway)
    rewrapped = gateway.send("POST", "/api/tokens/rewrap", gateway.keys["admin"]).json
    lost = parse_master_keys(new_master_key(), "variable")
    monkeypatch.setenv(VARIABLE, lost.to_text())
    failed = gateway.send("POST", "/api/tokens/rewrap", gateway.keys["admin"]).json

    assert before == {old.current.id: 1}
    assert rewrapped["webhook_secrets"] == {"rewrapped": 1, "unchanged": 0, "failed": []}
    assert read_counts(gateway) == {new.current.id: 1}
    assert failed["webhook_secrets"]["failed"] == [webhook["id"]]
    assert gateway.run(open_secrets(gateway, MasterKeys(new.keys[:1]))) == [webhook["secret"]]


def read_counts(gateway):
    """
    Return what each master key seals.
    """

    async def run():
        async with gateway.worker.database.read() as connection:
            return await count_by_key(connection)

    return gateway.run(run())


async def open_secrets(gateway, keys):
    """
    Return all secrets.
    """
    async with gateway.worker.database.read() as connection:
        return [secret.open(keys) for secret in await load_secrets(connection)]
