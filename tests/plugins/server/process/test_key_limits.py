"""The limits and budgets of keys in a server with two workers."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests.chat_server import ChatServer, completion
from tests.plugins.server.serving import ServeProcess

pytestmark = pytest.mark.one_python

SETTINGS = """
[providers.local]
plugin = "openai"
base_url = "{origin}/v1"
api_key = "k"

[options]
retries = 0

[server.models]
fast = "offline/extractive"
paid = "local/gpt-4.1-mini"
"""
REPLIES = 20
"""The number of replies of the vendor that a budget is enough for."""
OUTPUT = 500
TOKENS, DOLLARS = 11 + OUTPUT, Decimal("0.0008044")
"""What each of them takes, at 0.40 and 1.60 dollars for a million tokens."""
QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


@pytest.fixture(scope="module")
def vendor():
    """
    A vendor whose replies take `TOKENS` each.
    """
    usage = {"prompt_tokens": TOKENS - OUTPUT, "completion_tokens": OUTPUT, "total_tokens": TOKENS}
    reply = completion("gpt-4.1-mini", "Two plants grow together.") | {"usage": usage}
    with ChatServer(fault=lambda *_: lambda handler: handler.send(200, reply)) as vendor:
        yield vendor


@pytest.fixture(scope="module")
def server(vendor, tmp_path_factory):
    """
    A server with two workers. Each has answered requests: the first one takes long, and delays what others wait for.
    """
    folder = tmp_path_factory.mktemp("server")
    settings = SETTINGS.format(origin=vendor.origin)
    with ServeProcess(folder, "--workers", "2", settings=settings) as server:
        key = server.create_key()
        assert all(ask(server, key).status_code == 200 for _ in range(20))
        yield server


def test_requests_per_minute_hold_over_workers(server):
    """
    Of many requests at once through two workers, exactly as many are answered as the key may send.
    """
    with ThreadPoolExecutor(8) as pool:
        while True:
            minute = time.time() // 60
            limited = server.create_key(requests_per_minute=5)

            replies = list(pool.map(lambda _, key=limited: ask(server, key), range(16)))
            if minute == time.time() // 60:  # else the next minute has begun meanwhile
                break

    assert sorted(reply.status_code for reply in replies) == [200] * 5 + [429] * 11
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "5"


def test_files_need_few_tokens_of_the_minute(server):
    """
    They are not counted before the call. What follows them has the tokens of the minute.
    """
    with server.client(server.create_key(tokens_per_minute=1000)) as client:
        first = client.post("/v1/files", files={"file": ("a.txt", b"Hello")}, data={"purpose": "user_data"})
        answered = client.post("/v1/chat/completions", json=QUESTION)
        untyped = client.post("/v1/chat/completions", content=json.dumps(QUESTION | {"max_tokens": 5000}))

    assert first.status_code != 429
    assert answered.status_code == 200
    assert untyped.status_code == 429


def test_a_request_that_exceeds_the_tokens_is_refused_for_good(server):
    """
    There is no retry-after, because no later minute has room; a short request of the same key is answered.
    """
    with server.client(server.create_key(tokens_per_minute=1000)) as client:
        refused = client.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 5000})
        answered = client.post("/v1/chat/completions", json=QUESTION)

    assert (refused.status_code, answered.status_code) == (429, 200)
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize(
    "policy",
    [
        {"budget": {"tokens": REPLIES * TOKENS, "per": "month"}},
        {"budget": {"dollars": REPLIES * DOLLARS, "per": "month"}},
        {"tokens_per_minute": REPLIES * TOKENS},
    ],
    ids=["tokens", "dollars", "tokens per minute"],
)
def test_budgets_hold_over_workers(server, vendor, policy):
    """
    Many requests at once through two workers never spend more than the key may, and nearly all of it.
    """
    body = QUESTION | {"model": "paid", "max_tokens": OUTPUT}
    with ThreadPoolExecutor(8) as pool:
        while True:
            minute = time.time() // 60
            vendor.requests.clear()
            limited = server.create_key(**policy)

            replies = list(pool.map(lambda _, key=limited: ask(server, key, body), range(3 * REPLIES)))
            if minute == time.time() // 60:  # else the next minute has begun meanwhile
                break

    assert {reply.status_code for reply in replies} == {200, 429}
    assert REPLIES // 2 <= len(vendor.requests) <= REPLIES
    assert sum(reply.status_code == 200 for reply in replies) == len(vendor.requests)


def ask(server, key, body=QUESTION):
    """
    Ask with a connection of its own, which any worker accepts.
    """
    with server.client(key) as client:
        return client.post("/v1/chat/completions", json=body)
