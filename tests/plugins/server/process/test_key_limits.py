"""The limits and budgets of keys in a server with two workers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.plugins.server.serving import ServeProcess

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


def test_requests_per_minute_hold_over_workers(tmp_path):
    """
    Of many requests at once through two workers, exactly as many are answered as the key may send.
    """
    with ServeProcess(tmp_path, "--workers", "2") as server, ThreadPoolExecutor(8) as pool:
        while True:
            minute = time.time() // 60
            limited = server.create_key(requests_per_minute=5)

            def ask(_, limited=limited):
                with server.client(limited) as client:  # a connection of its own, which any worker accepts
                    return client.post("/v1/chat/completions", json=QUESTION)

            replies = list(pool.map(ask, range(16)))
            if minute == time.time() // 60:  # else the next minute has begun meanwhile
                break

    assert sorted(reply.status_code for reply in replies) == [200] * 5 + [429] * 11
    refused = next(reply for reply in replies if reply.status_code == 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["x-ratelimit-limit-requests"] == "5"


def test_a_request_that_exceeds_the_tokens_is_refused_for_good(tmp_path):
    """
    There is no retry-after, because no later minute has room; a short request of the same key is answered.
    """
    with ServeProcess(tmp_path) as server, server.client(server.create_key(tokens_per_minute=1000)) as client:
        refused = client.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 5000})
        answered = client.post("/v1/chat/completions", json=QUESTION)

    assert (refused.status_code, answered.status_code) == (429, 200)
    assert "retry-after" not in refused.headers
