"""The limits and budgets of keys in a server with two workers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.plugins.server.serving import ServeProcess

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """
    A server with two workers. Each has answered requests: the first one takes long, and delays what others wait for.
    """
    with ServeProcess(tmp_path_factory.mktemp("server"), "--workers", "2") as server:
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


def test_a_request_that_exceeds_the_tokens_is_refused_for_good(server):
    """
    There is no retry-after, because no later minute has room; a short request of the same key is answered.
    """
    with server.client(server.create_key(tokens_per_minute=1000)) as client:
        refused = client.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 5000})
        answered = client.post("/v1/chat/completions", json=QUESTION)

    assert (refused.status_code, answered.status_code) == (429, 200)
    assert "retry-after" not in refused.headers


def ask(server, key):
    """
    Ask with a connection of its own, which any worker accepts.
    """
    with server.client(key) as client:
        return client.post("/v1/chat/completions", json=QUESTION)
