"""Workers that are killed under load: what was committed stays, the others go on, and no limit is exceeded."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.chat_server import ChatServer
from tests.plugins.server.serving import ServeProcess, wait_until

pytestmark = pytest.mark.one_python

SETTINGS = """
[providers.local]
plugin = "openai-compatible"
base_url = "{origin}/v1"

[options]
retries = 0

[server.models]
fast = "local/small"
limited = "local/limited"

[server.responses]
retention = 1
"""
MESSAGES = [{"role": "user", "content": "Summarise: Grafting joins two plants."}]
SENDERS = 4
KILLS = 3
REPLY_TOKENS = 16
"""The tokens of each reply of the vendor, with those of the request."""
BUDGET = 60 * REPLY_TOKENS


class Load:
    """
    Sends requests from several threads inside a ``with`` block, over connections that are kept.

    Args:
        server: The server.
        key: A key without limits.
        limited: A key with a budget.

    Attributes:
        count: The number of answered calls.
        finished: The labels of the calls of each connection that was used to the end.
        broken: The labels of the calls of each connection that the server closed.
        replies: The ids of replies that the server said it keeps.
        statuses: The statuses that no request should have.
    """

    def __init__(self, server, key, limited):
        self._server = server
        self._keys = {"fast": key, "limited": limited}
        self._numbers = itertools.count()
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self.count = 0
        self.finished, self.broken, self.replies, self.statuses = [], [], [], []

    def __enter__(self):
        self._pool = ThreadPoolExecutor(SENDERS)
        self._senders = [self._pool.submit(self._send_until_stopped) for _ in range(SENDERS)]
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._pool.shutdown()
        for sender in self._senders:
            sender.result()

    def wait_for(self, count):
        """Wait until so many more calls are answered."""
        with self._changed:
            wanted = self.count + count
            assert self._changed.wait_for(lambda: self.count >= wanted, 120)

    def _send_until_stopped(self):
        while not self._stopping.is_set():
            connection = self._connect()
            calls = []
            try:
                while not self._stopping.is_set():
                    self._send(connection, calls)
                self.finished.append(calls)
            except (OSError, http.client.HTTPException):
                self.broken.append(calls)
            finally:
                connection.close()

    def _connect(self):
        """Return a connection, which reaches one worker and is not opened again."""
        address = urlsplit(self._server.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        connection.connect()
        connection.auto_open = 0
        return connection

    def _send(self, connection, calls):
        label = f"call-{next(self._numbers)}"
        headers = {"authorization": f"Bearer {self._keys['fast']}", "x-budwood-label": label}
        if (
            self._post(connection, "chat/completions", headers, {"model": "fast", "messages": MESSAGES}, 200)
            is not None
        ):
            calls.append(label)
            with self._changed:
                self.count += 1
                self._changed.notify_all()
        if kept := self._post(connection, "responses", headers, {"model": "fast", "input": "Hello."}, 200):
            self.replies.append(kept["id"])
        headers = {"authorization": f"Bearer {self._keys['limited']}"}
        body = {"model": "limited", "messages": MESSAGES, "max_tokens": 5}
        self._post(connection, "chat/completions", headers, body, 200, 429)

    def _post(self, connection, path, headers, body, *expected):
        """Return the body of a successful reply. A status that is not expected is noted."""
        connection.request("POST", f"/v1/{path}", json.dumps(body), headers | {"content-type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status not in expected:
            self.statuses.append((reply.status, text))
        return json.loads(text) if reply.status == 200 else None


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.deep)])
def test_kills_at_random_moments_lose_nothing(tmp_path, rounds):
    """
    Keys, replies, and calls that ended a while before are all there; the budget is not exceeded.

    Requests of the killed worker end with a closed connection, and all others are answered.
    """
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed: {seed}")  # noqa: T201 - pytest shows it if the test fails
    for number in range(rounds):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        with ChatServer() as vendor, start(folder, vendor) as server:
            kill_under_load(server, vendor, random.Random(seed + number))


def start(folder, vendor):
    """Return a server with two workers."""
    return ServeProcess(folder, "--workers", "2", settings=SETTINGS.format(origin=vendor.origin))


def kill_under_load(server, vendor, chance):
    """Kill workers at random moments, and check what is left."""
    limited = server.create_key(budget={"tokens": BUDGET, "per": "month"})
    keys = [server.create_key()]
    with Load(server, keys[0], limited) as load:
        load.wait_for(10)
        for _ in range(KILLS):
            load.wait_for(chance.randint(1, 40))
            killed = chance.choice(list_workers(server))
            os.kill(killed, signal.SIGKILL)
            keys.append(server.create_key())
            assert [accepts(server, key) for key in keys] == [True] * len(keys)  # the other worker answers
            wait_until(lambda killed=killed: len({*list_workers(server)} - {killed}) == 2)
    assert load.statuses == []
    assert len(load.broken) <= KILLS * SENDERS
    with server.client(keys[0]) as client:
        assert [client.get(f"/v1/responses/{each}").status_code for each in load.replies] == [200] * len(load.replies)
    exhaust(server, limited)
    assert REPLY_TOKENS <= sum(body["model"] == "limited" for body in vendor.requests) * REPLY_TOKENS <= BUDGET
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    check_calls(server.folder, load)


def exhaust(server, limited):
    """Send requests of a key until its budget is spent."""
    with server.client(limited) as client:
        body = {"model": "limited", "messages": MESSAGES, "max_tokens": 5}
        wait_until(lambda: client.post("/v1/chat/completions", json=body).status_code == 429)


def check_calls(folder, load):
    """
    Check that calls are recorded, but for the last ones of a killed worker.

    A connection reaches one worker, which records its calls in their order: one that was not closed has lost none, and
    one that was closed only its last ones.
    """
    with closing(sqlite3.connect(folder / "data" / "server.sqlite3")) as database:
        recorded = {label for (label,) in database.execute("SELECT label FROM budwood_calls")}

    assert [label for calls in load.finished for label in calls if label not in recorded] == []
    for calls in load.broken:
        found = [label in recorded for label in calls]
        assert found == sorted(found, reverse=True), calls
    assert sum(label.startswith("call-") for label in map(str, recorded)) > load.count / 2


def list_workers(server):
    """Return the numbers of the processes of all workers."""
    with server.client(server.admin_key) as client:
        return [worker["pid"] for worker in client.get("/api/config").json()["workers"]]


def accepts(server, key):
    """Tell whether a key can be used, over a new connection."""
    with server.client(key) as client:
        return client.get("/v1/models").status_code == 200
