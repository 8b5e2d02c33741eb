"""What a whole server writes and answers about accounts, logins, tokens and prompts contains no secret."""

from __future__ import annotations

import signal

import httpx
import pytest

from budwood_server.vault.master_keys import VARIABLE, new_master_key
from tests.plugins.server.process.test_secrets import read_database
from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

PASSWORD = "Vq8Rn3Lx6Wt1 Zp5Kd"
WRONG = "Gm2Jc7Yb4Hf9 Xs0Qa"
VENDOR_TOKEN = "sk-vendor-4c81e07b93fd26a5587103ce"
SETTINGS = """
[providers.vendor]
plugin = "openai-compatible"
base_url = "http://127.0.0.1:9/v1"

[options]
retries = 0

[server.models]
fast = "vendor/small"
"""
PAGES = ("/api/config", "/api/tokens", "/api/keys", "/api/accounts", "/api/audit", "/api/endpoints", "/api/auth/me")
MORE = (
    "/api/telemetry/calls",
    "/api/telemetry/calls.csv",
    "/api/telemetry/totals.csv?by=key",
    "/openapi.json",
    "/readyz",
)


def use_accounts(client, admin):
    """
    Create an account, log it in by password and by ticket, refresh, fail, and change the password. Return secrets.
    """
    account = {"name": "ann", "role": "admin", "password": PASSWORD}
    client.post("/api/accounts", json=account, headers=admin | {"idempotency-key": "one"}).raise_for_status()
    client.post("/api/accounts", json=account, headers=admin)
    client.post("/api/accounts", json=account | {"name": "A B"}, headers=admin)
    body = {"name": "ann", "password": PASSWORD}
    first = client.post("/api/auth/login", json=body).json()
    client.post("/api/auth/login", json=body | {"password": WRONG})
    client.post("/api/auth/login", json=body | {"kind": WRONG})
    tokens = client.post("/api/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    login = {"authorization": f"Bearer {tokens['access_token']}"}
    ticket = client.post("/api/auth/tickets", headers=login).json()["ticket"]
    origin = {"origin": str(client.base_url).rstrip("/")}
    page = client.post("/api/auth/login", json={"ticket": ticket, "kind": "page"}, headers=origin)
    page.raise_for_status()
    client.cookies.clear()
    secrets = {f"first {name}": first[name] for name in ("access_token", "refresh_token")}
    secrets |= {name: tokens[name] for name in ("access_token", "refresh_token")}
    return login, secrets | {"ticket": ticket, "cookie": page.headers["set-cookie"].split("=")[1].split(";")[0]}


def use_tokens(client, login):
    """
    Store a token of the vendor, use it, and send it where it does not belong.
    """
    client.post("/api/tokens", json={"provider": "vendor", "token": VENDOR_TOKEN}, headers=login).raise_for_status()
    for body in ({"provider": VENDOR_TOKEN}, {"token": [VENDOR_TOKEN]}, {"provider": "vendor", "token": VENDOR_TOKEN}):
        client.post("/api/tokens", json=body, headers=login)
    key = client.post("/api/keys", json={"name": "k"}, headers=login | {"idempotency-key": "two"}).json()["key"]
    call = {"model": "fast", "messages": [{"role": "user", "content": "Hello."}]}
    client.post("/v1/chat/completions", json=call, headers={"authorization": f"Bearer {key}"})
    return {"vendor's token": VENDOR_TOKEN, "key": key.rpartition("_")[2]}


def test_no_secret_is_written_or_answered(tmp_path):
    """
    Neither the log at debug level, the database, lists, exports, errors nor the document have one.
    """
    master, answers = new_master_key(), []
    options = ("--log-level", "debug", "--access-log")
    with ServeProcess(tmp_path, *options, settings=SETTINGS, environment={VARIABLE: master}) as server:
        with httpx.Client(base_url=server.url, timeout=120, event_hooks={"response": [answers.append]}) as client:
            admin = {"authorization": f"Bearer {server.create_key(scopes={'admin'})}"}
            login, secrets = use_accounts(client, admin)
            secrets |= use_tokens(client, login) | {"password": PASSWORD, "wrong password": WRONG, "master key": master}
            replies = [client.get(path, headers=login) for path in (*PAGES, *MORE)]
            assert [reply.status_code for reply in replies] == [200] * len(replies)
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
    errors = [answer for answer in answers if answer.status_code >= 400]
    for answer in errors:
        answer.read()
    found = {
        "log": "\n".join(server.lines),
        "database": read_database(tmp_path / "data" / "server.sqlite3"),
        "replies": "\n".join(f"{reply.headers} {reply.text}" for reply in [*replies, *errors]),
    }

    assert len(errors) >= 8
    assert "/v1/chat/completions" in found["log"]
    assert [(name, place) for name, secret in secrets.items() for place in found if secret in found[place]] == []
