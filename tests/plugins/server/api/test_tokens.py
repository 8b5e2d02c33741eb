"""``/api/tokens``."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text

from budwood_server.people.audit import list_entries
from budwood_server.vault.master_keys import VARIABLE, new_master_key
from tests.plugins.server.keyed_gateway import KeyedGateway
from tests.plugins.server.vault.test_use import FIRST, SECOND, THIRD, send


@pytest.fixture
def gateway(vendor, database_url, monkeypatch):
    """
    A gateway to a provider without a key.
    """
    monkeypatch.setenv(VARIABLE, new_master_key())
    providers = {"vendor": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"}}
    settings = {"providers": providers, "options": {"retries": 0}, "server": {"models": {"fast": "vendor/m"}}}
    with KeyedGateway(settings, database_url) as gateway:
        yield gateway


def call(gateway, method, path="", body=None, **headers):
    """
    Send a request with the admin key.
    """
    content = b"" if body is None else json.dumps(body).encode()
    headers |= {} if body is None else {"content_type": "application/json"}
    return gateway.send(method, f"/api/tokens{path}", gateway.keys["admin"], content, **headers)


def add(gateway, provider="vendor", token=FIRST, **fields):
    """
    Store a token.
    """
    answer = call(gateway, "POST", body={"provider": provider, "token": token, **fields})
    assert answer.status == 201, answer.body
    return answer.json


def read_all(gateway):
    """
    Return the entries of the audit log about tokens, the newest first, and all that the tables have.
    """

    async def run():
        async with gateway.worker.database.read() as connection:
            tables = ("budwood_vendor_tokens", "budwood_audit", "budwood_idempotent_replies")
            rows = [(await connection.execute(text(f"SELECT * FROM {table}"))).all() for table in tables]
            entries = [entry for entry in await list_entries(connection) if entry.action.startswith("token.")]
            return entries, str(rows)

    return gateway.run(run())


def test_a_token_is_stored_used_replaced_and_removed(gateway, vendor):
    """
    The reply comes after the worker uses it. No reply and no table contains it, and each act is in the audit log.
    """
    answers = [call(gateway, "POST", body={"provider": "vendor", "token": FIRST}, idempotency_key="one")]
    answers.append(call(gateway, "POST", body={"provider": "vendor", "token": FIRST}, idempotency_key="one"))
    token = answers[0].json
    used = [send(gateway, vendor)]
    answers.append(call(gateway, "POST", f"/{token['id']}/rotate", {"token": SECOND}))
    used.append(send(gateway, vendor))
    answers += [call(gateway, "GET", f"/{token['id']}"), call(gateway, "GET"), call(gateway, "POST", "/rewrap")]
    answers.append(call(gateway, "DELETE", f"/{token['id']}"))
    used.append(send(gateway, vendor))
    entries, rows = read_all(gateway)

    assert [answer.status for answer in answers] == [201, 201, 200, 200, 200, 200, 204]
    assert (token["provider"], token["label"], token["ending"]) == ("vendor", "default", "6789")
    assert token["problem"] is None
    assert answers[1].json == token
    assert used == [FIRST, SECOND, ""]
    assert [entry.action for entry in reversed(entries)] == [
        "token.add",
        "token.rotate",
        "token.rewrap",
        "token.remove",
    ]
    assert {(entry.principal_kind, entry.principal_name) for entry in entries} == {("key", "admin")}
    assert entries[-1].details == {"provider": "vendor", "label": "default"}
    for secret in (FIRST, SECOND):
        assert secret[:-4] not in f"{answers} {entries} {rows}"


def test_without_a_master_key_nothing_is_stored(gateway, monkeypatch):
    """
    The reply names the command that makes one.
    """
    monkeypatch.delenv(VARIABLE)
    answer = call(gateway, "POST", body={"provider": "vendor", "token": FIRST})

    assert (answer.status, answer.json["error"]["code"]) == (409, "no_master_key")
    assert "`budwood server master-key create`" in answer.json["error"]["hint"]
    assert call(gateway, "GET").json == {"items": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"provider": "vendor"}, "token"),
        ({"provider": "nowhere", "token": FIRST}, "nowhere"),
        ({"provider": "offline", "token": FIRST}, "takes no API key"),
        ({"provider": "ven\0dor", "token": FIRST}, "provider"),
        ({"provider": "vendor", "token": f"{FIRST} {SECOND}"}, "without spaces"),
        ({"provider": "vendor", "token": FIRST, "label": FIRST}, "names"),
        ({"provider": "vendor", "token": [FIRST]}, "token"),
        ({"provider": "vendor", "token": FIRST, "other": FIRST}, "other"),
    ],
)
def test_invalid_bodies_are_not_quoted(gateway, body, problem):
    """
    The error is a 400 that names the field.
    """
    answer = call(gateway, "POST", body=body)

    assert answer.status == 400
    assert problem in answer.json["error"]["message"]
    assert FIRST.encode() not in answer.body


def test_conflicts_and_unknown_tokens(gateway):
    """
    Labels and tokens of a provider are unique.
    """
    token = add(gateway)
    statuses = [
        call(gateway, "POST", body={"provider": "vendor", "token": SECOND}),
        call(gateway, "POST", body={"provider": "vendor", "token": FIRST, "label": "second"}),
        call(gateway, "POST", f"/{token['id']}/rotate", {"token": FIRST}),
        call(gateway, "POST", "/tok_x/rotate", {"token": SECOND}),
        call(gateway, "GET", "/tok_x"),
        call(gateway, "DELETE", "/tok_x"),
        call(gateway, "DELETE", "/%00"),
    ]

    assert [answer.status for answer in statuses] == [409, 409, 409, 404, 404, 404, 400]


def test_pages(gateway):
    """
    Each token once, also those of one provider.
    """
    for number, secret in enumerate((FIRST, SECOND, THIRD)):
        add(gateway, token=secret, label=f"{number}")
    add(gateway, "groq")
    first = call(gateway, "GET", "?limit=3").json
    second = call(gateway, "GET", f"?limit=3&cursor={first['next_cursor']}").json

    assert [(item["provider"], item["label"]) for item in first["items"] + second["items"]] == [
        ("groq", "default"),
        *(("vendor", label) for label in "210"),
    ]
    assert second["next_cursor"] is None
    assert len(call(gateway, "GET", "?provider=Vendor").json["items"]) == 3
    assert call(gateway, "GET", "?cursor=x").status == 400
    assert call(gateway, "GET", "?provider=%00").status == 400


def test_a_token_that_cannot_be_opened_has_a_problem(gateway, monkeypatch):
    """
    Rewrapping reports it, too, and seals the others.
    """
    add(gateway)
    monkeypatch.setenv(VARIABLE, new_master_key())
    add(gateway, "groq")

    problems = {item["provider"]: item["problem"] for item in call(gateway, "GET").json["items"]}
    rewrapped = call(gateway, "POST", "/rewrap").json

    assert problems["groq"] is None
    assert "sealed with the master key" in problems["vendor"]
    assert (rewrapped["rewrapped"], rewrapped["unchanged"]) == (0, 1)
    assert [item["provider"] for item in rewrapped["failed"]] == ["vendor"]


@pytest.mark.parametrize("name", ["owner", "telemetry"])
def test_only_admins_see_tokens(gateway, name):
    """
    Other keys get a 403.
    """
    for method, path in (("GET", ""), ("POST", ""), ("POST", "/rewrap"), ("GET", "/tok_x"), ("DELETE", "/tok_x")):
        assert gateway.send(method, f"/api/tokens{path}", gateway.keys[name]).status == 403
