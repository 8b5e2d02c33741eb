"""``/api/keys``: keys by HTTP, as the command line has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import select

from budwood_server.access.keys import ADMIN, INFER, KeyPolicy
from budwood_server.database.tables import API_KEYS, AUDIT, IDEMPOTENT_REPLIES
from budwood_server.people.principals import Principal
from budwood_server.people.roles import ROLES
from tests.plugins.server.keyed_gateway import POLICIES, KeyedGateway

SETTINGS = {"server": {"models": {"demo": "offline/extractive"}}}
POLICY = {
    "name": "from the page",
    "team": "red",
    "scopes": ["infer"],
    "models": ["demo"],
    "requests_per_minute": 60,
    "budget": {"dollars": "2.5", "per": "day", "timezone": "Europe/Oslo"},
    "request_options": ["label"],
}
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "What gives fruit?"}]}
ATTACKS = ("' OR 1=1 --", '"; DROP TABLE budwood_api_keys; --', "\x00", "%", ":p0 $1 ?")


@pytest.fixture
def gateway(database_url):
    """
    A gateway with the keys of `POLICIES`.
    """
    with KeyedGateway(SETTINGS, database_url) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """
    Such a gateway for tests that change no key.
    """
    with KeyedGateway(SETTINGS, f"sqlite:///{tmp_path_factory.mktemp('keys')}/server.sqlite3") as gateway:
        yield gateway


def send(gateway, method, path="", body=None, reader="admin", **headers):
    """
    Return the reply for a key.
    """
    content = b"" if body is None else json.dumps(body).encode()
    return gateway.send(
        method, f"/api/keys{path}", gateway.keys[reader], content, content_type="application/json", **headers
    )


def list_names(gateway, **query):
    """
    Return the names of the keys that a query selects.
    """
    answer = send(gateway, "GET", f"?{urlencode(query, quote_via=quote)}")
    assert answer.status == 200, answer.body
    return [item["name"] for item in answer.json["items"]]


def chat(gateway, token):
    """
    Return the status of a chat with a key.
    """
    return gateway.send("POST", "/v1/chat/completions", token, json.dumps(CHAT).encode()).status


def fetch_rows(gateway, query):
    """
    Return rows of the database.
    """

    async def fetch():
        async with gateway.worker.database.read() as connection:
            return (await connection.execute(query)).all()

    return gateway.run(fetch())


def test_created_key_works_and_is_shown_once(gateway):
    """
    Its policy is that of the request, and no later reply, table or log of acts has the secret.
    """
    answer = send(gateway, "POST", body=POLICY)
    created = answer.json
    token = created.pop("key")

    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    assert {name: created[name] for name in POLICY} == POLICY | {"budget": {**POLICY["budget"], "tokens": None}}
    assert (created["source"], created["state"]) == ("api", "active")
    assert chat(gateway, token) == 200
    shown = send(gateway, "GET", f"/{created['id']}")
    assert {name: shown.json[name] for name in created} | {"last_used": None} == created
    secret = token.rpartition("_")[2]
    texts = [
        shown.body,
        send(gateway, "GET").body,
        *(fetch_rows(gateway, select(table)) for table in (API_KEYS, AUDIT)),
    ]
    assert secret not in repr(texts)


def test_what_is_left_of_a_key_is_shown(gateway):
    """
    As the client of the gateway counts it; of limits that the key does not have, nothing is.
    """
    policy = {"name": "left", "requests_per_minute": 60, "budget": {"tokens": 100_000}}
    created = send(gateway, "POST", body=policy).json
    before = send(gateway, "GET", f"/{created['id']}").json["left"]
    gateway.spend(created["key"], "demo", 1234)
    after = send(gateway, "GET", f"/{created['id']}").json["left"]

    assert before["budget"] == {"limit": 100_000, "left": 100_000, "resets_at": None}
    assert gateway.find_spent(created["key"], "demo") == 1234
    assert after["budget"]["left"] == 100_000 - 1234
    assert after["budget"]["resets_at"] is not None
    assert after["requests"]["limit"] == 60
    assert after["tokens"] is None


def test_keys_are_shown_while_limits_cannot_be_read(gateway, monkeypatch):
    """
    Without what is left of them.
    """

    async def fail(*_):
        raise OSError("the store is away")

    created = send(gateway, "POST", body=POLICY).json
    monkeypatch.setattr(gateway.worker.services.leases, "read_taken", fail)
    shown = send(gateway, "GET", f"/{created['id']}")

    assert shown.status == 200
    assert shown.json["left"] is None


def test_repeated_request_creates_one_key(gateway):
    """
    The same idempotency-key returns the same secret, which the database has only encrypted.
    """
    first, again = (send(gateway, "POST", body=POLICY, idempotency_key="abc") for _ in range(2))
    other = send(gateway, "POST", body=POLICY | {"name": "other"}, idempotency_key="abc")

    assert (first.status, again.status, other.status) == (201, 201, 409)
    assert first.body == again.body
    assert again.headers["idempotent-replayed"] == "true"
    assert list_names(gateway, name="from the page") == ["from the page"]
    assert first.json["key"] not in repr(fetch_rows(gateway, select(IDEMPOTENT_REPLIES)))


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": ["admin", "infer"]},
        {"models": [""]},
        {"requests_per_minute": 0},
        {"budget": {"per": "day"}},
        {"budget": {"dollars": "1", "tokens": 1}},
        {"budget": {"dollars": "NaN"}},
        {"budget": {"tokens": 1, "timezone": "../../etc/passwd"}},
        {"expires": "2020-01-01T00:00:00Z"},
        {"expires": "2030-01-01T00:00:00"},
        {"request_options": ["retries"]},
        {"id": "mine"},
    ],
)
def test_invalid_policies_are_refused(shared, change):
    """
    As by the command line. Nothing is created.
    """
    answer = send(shared, "POST", body=POLICY | change)

    assert answer.status == 400, answer.body
    assert answer.json["error"]["code"] == "invalid_value"
    assert list_names(shared, name="from the page") == []


def test_keys_are_listed_in_pages(gateway):
    """
    The newest first, each once, with filters.
    """
    names, cursor = [], ""
    while cursor is not None:
        page = send(gateway, "GET", f"?limit=3{cursor and '&cursor=' + cursor}").json
        names += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]

    assert sorted(names) == sorted(POLICIES)
    assert sorted(list_names(gateway, team="red")) == ["colleague", "owner"]
    assert list_names(gateway, state="revoked") == ["revoked"]
    assert list_names(gateway, state="expired") == ["expired"]
    assert sorted(list_names(gateway, state="active")) == sorted(POLICIES.keys() - {"expired", "revoked"})
    assert list_names(gateway, name="admin", source="command") == ["admin"]
    assert list_names(gateway, source="api") == []


def test_rotated_key_gets_a_new_secret(gateway):
    """
    The one before works as long as the request says.
    """
    created = send(gateway, "POST", body=POLICY).json
    path = f"/{created['id']}/rotate"
    second = send(gateway, "POST", path, {"overlap": 3600}).json
    third = send(gateway, "POST", path, {"overlap": 0}).json

    assert second["id"] == third["id"] == created["id"]
    assert second["old_secret_expires"] is not None
    assert [chat(gateway, key["key"]) for key in (created, second, third)] == [401, 401, 200]
    assert send(gateway, "POST", path).status == 200
    assert send(gateway, "POST", path, {"overlap": -1}).status == 400
    assert send(gateway, "POST", path, {"overlaps": 1}).status == 400


def test_revoked_key_is_refused_at_once(gateway):
    """
    It cannot be rotated. Revoking it again changes nothing.
    """
    created = send(gateway, "POST", body=POLICY).json
    assert chat(gateway, created["key"]) == 200

    revoked, again = (send(gateway, "POST", f"/{created['id']}/revoke") for _ in range(2))

    assert revoked.json["state"] == "revoked"
    assert revoked.json["revoked"] == again.json["revoked"]
    assert chat(gateway, created["key"]) == 401
    conflict = send(gateway, "POST", f"/{created['id']}/rotate")
    assert (conflict.status, conflict.json["error"]["code"]) == (409, "key_conflict")


def test_each_act_is_in_the_audit_log(gateway):
    """
    With who did it; a refused one is not.
    """
    created = send(gateway, "POST", body=POLICY).json
    send(gateway, "POST", f"/{created['id']}/rotate")
    send(gateway, "POST", f"/{created['id']}/revoke")
    send(gateway, "POST", f"/{created['id']}/rotate")
    send(gateway, "POST", body=POLICY | {"name": ""})

    rows = fetch_rows(gateway, select(AUDIT).where(AUDIT.c.target == created["id"]).order_by(AUDIT.c.id))

    assert [row.action for row in rows] == ["key.create", "key.rotate", "key.revoke"]
    assert {(row.principal_kind, row.principal_name) for row in rows} == {("key", "admin")}
    by_command = fetch_rows(gateway, select(AUDIT).where(AUDIT.c.principal_kind == "command"))
    assert {row.details["name"] for row in by_command} == POLICIES.keys()


@pytest.mark.parametrize("reader", ["owner", "telemetry"])
def test_other_keys_manage_no_keys(shared, reader):
    """
    Neither their own nor others.
    """
    owner = shared.keys["owner"].split("_")[2]
    for method, path, body in (
        ("GET", "", None),
        ("GET", f"/{owner}", None),
        ("POST", "", POLICY),
        ("POST", f"/{owner}/rotate", None),
        ("POST", f"/{owner}/revoke", None),
    ):
        assert send(shared, method, path, body, reader).status == 403
    assert chat(shared, shared.keys["owner"]) == 200


def test_operators_manage_only_keys_that_infer(gateway, monkeypatch):
    """
    They cannot make themselves admins.
    """
    operator = Principal("1", "ola", "account", ROLES["operator"], "account-1")
    monkeypatch.setattr("budwood_server.api.access.from_key", lambda _: operator)
    admin = gateway.keys["admin"].split("_")[2]

    assert send(gateway, "POST", body=POLICY).status == 201
    for scopes in ([ADMIN], ["telemetry"], ["infer", "prompts"]):
        assert send(gateway, "POST", body=POLICY | {"scopes": scopes}).status == 403
    for act in ("rotate", "revoke"):
        refused = send(gateway, "POST", f"/{admin}/{act}")
        assert (refused.status, refused.json["error"]["code"]) == (403, "missing_scope")


def test_texts_are_values_and_no_sql(gateway):
    """
    They select nothing, or are refused.
    """
    before = len(list_names(gateway))
    for attack in ATTACKS:
        for name in ("team", "name", "source", "state", "cursor"):
            answer = send(gateway, "GET", f"?{urlencode({name: attack}, quote_via=quote)}")
            assert answer.status == 400 or answer.json["items"] == [], name
        for act in ("", "/rotate", "/revoke"):
            assert send(gateway, "POST" if act else "GET", f"/{quote(attack)}{act}").status == 404

    assert len(list_names(gateway)) == before


def test_names_and_tokens_find_no_key(shared):
    """
    Paths are logged, so that they have ids only.
    """
    for text in ("owner", shared.keys["owner"]):
        assert send(shared, "POST", f"/{text}/revoke").status == 404
    assert chat(shared, shared.keys["owner"]) == 200


def test_expiry_must_be_to_come(gateway):
    """
    A key can end later.
    """
    expires = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    assert send(gateway, "POST", body=POLICY | {"expires": expires}).status == 201
    assert KeyPolicy(name="x", expires=expires).scopes == {INFER}


def test_methods_of_a_path_are_listed(shared):
    """
    Those of all its routes.
    """
    answer = send(shared, "DELETE")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
