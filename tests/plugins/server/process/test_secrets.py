"""What a whole server writes and answers contains no secret."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing

import httpx
import pytest

from tests.chat_server import ChatServer, failure
from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

VENDOR_KEY = "sk-vendor-9f3ac71b02de85f6447105ab"
ADMIN_KEY = "Zk7Qp2Vx9Lm4Rt8Wn3Yb6Hc1Jd5Fg0Sa"
SETTINGS = """
[providers.local]
plugin = "openai-compatible"
base_url = "{origin}/v1"
api_key = "{key}"

[providers.lost]
plugin = "openai-compatible"
base_url = "http://user:{password}@127.0.0.1:9/v1"
api_key = "{key}"

[options]
retries = 1

[server]
admin_key = "{admin}"
metrics = "open"

[server.models]
fast = "local/small"
lost = "lost/small"

[server.responses]
retention = 1
"""
PASSWORD = "Hq4Tz8Bn2Kv6"
MESSAGES = [{"role": "user", "content": "Hello."}]
BODIES = [
    ("/v1/chat/completions", {"messages": MESSAGES}),
    ("/v1/chat/completions", {"messages": MESSAGES, "stream": True}),
    ("/v1/messages", {"messages": MESSAGES, "max_tokens": 5}),
    ("/v1/responses", {"input": "Hello."}),
    ("/v1/embeddings", {"input": "Hello."}),
]


def echo_key(number, _body):
    """Fail each second time with an error that quotes the key, as some vendors do."""
    statuses = (401, 400, 500, 429)
    if number % 2:
        return failure(statuses[number // 2 % len(statuses)], f"Incorrect API key provided: {VENDOR_KEY}.")
    return None


def send_all(server, tokens):
    """Send requests with each token to models that answer, fail, and do not exist, and return the replies."""
    replies = []
    with httpx.Client(base_url=server.url, timeout=120) as client:
        for token in tokens:
            for headers in ({"authorization": f"Bearer {token}"}, {"x-api-key": token}, {"api-key": token}):
                for path, body in BODIES:
                    bodies = [{"model": model, **body} for model in ("fast", "lost", "none")]
                    replies += [client.post(path, json=each, headers=headers) for each in bodies]
                replies += [client.get(path, headers=headers) for path in ("/v1/models", "/api/config", "/v1/nothing")]
                replies.append(client.post("/v1/chat/completions", content=token, headers=headers))
        replies += [client.get(path) for path in ("/metrics", "/readyz", "/livez", "/openapi.json")]
    return replies


def test_no_secret_is_written_or_answered(tmp_path):
    """
    Neither logs, database, replies nor metrics have the keys of clients, wrong ones, or the key of the vendor.
    """
    with ChatServer(fault=echo_key) as vendor:
        settings = SETTINGS.format(origin=vendor.origin, key=VENDOR_KEY, password=PASSWORD, admin=ADMIN_KEY)
        with ServeProcess(tmp_path, "--log-level", "debug", "--access-log", settings=settings) as server:
            valid = server.create_key()
            wrong = valid[:-6] + valid[-6:].swapcase()
            replies = send_all(server, [valid, wrong, ADMIN_KEY, f"sk-{valid[8:]}"])
            server.send_signal(signal.SIGHUP)
            server.wait_for_line("settings loaded")
            server.send_signal(signal.SIGTERM)
            assert server.wait() == 0

    found = {
        "log": "\n".join(server.lines),
        "database": read_database(tmp_path / "data" / "server.sqlite3"),
        "replies": "\n".join(f"{reply.headers} {reply.text}" for reply in replies),
    }
    assert {200, 400, 401, 403, 404, 502} <= {reply.status_code for reply in replies}
    assert all(text in found["log"] for text in ("request", "/v1/messages", "attempt"))
    assert "[redacted]" in found["replies"]
    secrets = {
        "key": valid.rpartition("_")[2],
        "wrong key": wrong.rpartition("_")[2],
        "admin key": ADMIN_KEY,
        "vendor's key": VENDOR_KEY,
        "password": PASSWORD,
    }
    assert [(name, place) for name, secret in secrets.items() for place in found if secret in found[place]] == []


def read_database(file):
    """Return the bytes of a database as text, also of what was deleted, and its rows."""
    with closing(sqlite3.connect(file)) as database:
        rows = "\n".join(database.iterdump())
    return rows + json.dumps([each.read_bytes().decode("latin-1") for each in file.parent.glob("*.sqlite3*")])
