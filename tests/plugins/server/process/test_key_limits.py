"""The limits and budgets of keys in a server with two workers."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.plugins.server.serving import ServeProcess

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """
    A server with two workers.
    """
    with ServeProcess(tmp_path_factory.mktemp("server"), "--workers", "2") as server:
        yield server


def test_requests_per_minute_hold_over_workers(server):
    """
    Of many requests at once through two workers, exactly as many are answered as the key may send.
    """
    with ThreadPoolExecutor(8) as pool:
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


def test_a_request_that_exceeds_the_tokens_is_refused_for_good(server):
    """
    There is no retry-after, because no later minute has room; a short request of the same key is answered.
    """
    with server.client(server.create_key(tokens_per_minute=1000)) as client:
        refused = client.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 5000})
        answered = client.post("/v1/chat/completions", json=QUESTION)

    assert (refused.status_code, answered.status_code) == (429, 200)
    assert "retry-after" not in refused.headers


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="workers are found in /proc")
def test_a_killed_worker_does_not_raise_the_limit(server):
    """
    What it had leased counts as used; the others, and the one that replaces it, answer at most the rest.
    """
    while True:
        minute = time.time() // 60
        limited = server.create_key(requests_per_minute=20)
        before = [ask(server, limited) for _ in range(6)]
        os.kill(min(list_children(server.process.pid)), signal.SIGKILL)
        after = [ask(server, limited) for _ in range(30)]
        if minute == time.time() // 60:  # else the next minute has begun meanwhile
            break

    answered = [reply for reply in before + after if reply is not None and reply.status_code == 200]
    refused = [reply for reply in after if reply is not None and reply.status_code == 429]
    assert [reply.status_code for reply in before] == [200] * 6
    assert len(answered) <= 20
    assert refused


def ask(server, key):
    """
    Ask with a connection of its own, which any worker accepts; None if that worker was killed.
    """
    with server.client(key) as client:
        try:
            return client.post("/v1/chat/completions", json=QUESTION)
        except httpx.TransportError:
            return None


def list_children(pid):
    """
    Return the ids of the worker processes.
    """
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            found += [child] if b"resource_tracker" not in command else []
    return found
