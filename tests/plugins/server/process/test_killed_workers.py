"""Workers that are killed under load: what was committed stays, the others go on, and no limit is exceeded."""

from __future__ import annotations

import random
import signal
import sqlite3
from contextlib import closing

import pytest

from tests.chat_server import ChatServer
from tests.plugins.server.senders import Senders, kill_process, list_workers, wait_for_replacement
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


class Load(Senders):
    """
    Sends calls with two keys.

    Args:
        server: The server.
        key: A key without limits.
        limited: A key with a budget.

    Attributes:
        replies: The ids of replies that the server said it keeps.
    """

    def __init__(self, server, key, limited):
        super().__init__([server.url], SENDERS)
        self._keys = {"fast": key, "limited": limited}
        self.replies = []

    def send(self, connection, labels):
        """Send a call, one whose reply is kept, and one with a budget."""
        label = self.new_label()
        headers = {"authorization": f"Bearer {self._keys['fast']}", "x-budwood-label": label}
        body = {"model": "fast", "messages": MESSAGES}
        if self.request(connection, "/v1/chat/completions", headers, body, 200) is not None:
            labels.append(label)
            self.note_answer()
        if kept := self.request(connection, "/v1/responses", headers, {"model": "fast", "input": "Hello."}, 200):
            self.replies.append(kept["id"])
        headers = {"authorization": f"Bearer {self._keys['limited']}"}
        body = {"model": "limited", "messages": MESSAGES, "max_tokens": 5}
        self.request(connection, "/v1/chat/completions", headers, body, 200, 429)


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
            kill_process(killed)
            keys.append(server.create_key())
            assert [accepts(server, key) for key in keys] == [True] * len(keys)  # the other worker answers
            wait_for_replacement(server, killed)
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


def accepts(server, key):
    """Tell whether a key can be used, over a new connection."""
    with server.client(key) as client:
        return client.get("/v1/models").status_code == 200
