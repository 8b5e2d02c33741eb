"""Events of providers and budgets, written by a server with two workers."""

from __future__ import annotations

import threading

import pytest

from tests.chat_server import ChatServer, failure
from tests.plugins.server.serving import ServeProcess, wait_until

pytestmark = pytest.mark.one_python

SETTINGS = """
[providers.local]
plugin = "openai-compatible"
base_url = "{origin}/v1"

[options]
retries = 0

[server]
database = "{url}"

[server.events]
budget_thresholds = [0.25, 0.75]

[server.models]
fast = "local/small"
"""
BODY = {"model": "fast", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 5}


class Gateway:
    """
    A server with two workers and a vendor that fails as long as a test wants.
    """

    def __init__(self, process, broken):
        self.process = process
        self.broken = broken
        with process.client(process.admin_key) as client:
            self.admin = self._create(client, scopes=["admin", "telemetry"])

    def create_key(self, **policy):
        """
        Create a key, and return its token.
        """
        with self.process.client(self.admin) as client:
            return self._create(client, **policy)

    def ask(self, token):
        """
        Return the status of a call over a new connection, which reaches any worker.
        """
        with self.process.client(token) as client:
            return client.post("/v1/chat/completions", json=BODY).status_code

    def list_events(self, kind):
        """
        Return the events of a group of types.
        """
        with self.process.client(self.admin) as client:
            return client.get("/api/events", params={"type": kind}).json()["items"]

    def count_open_breakers(self):
        """
        Return in how many workers the breaker of the vendor is not closed.
        """
        with self.process.client(self.admin) as client:
            (provider,) = [each for each in client.get("/api/endpoints").json()["providers"] if each["name"] == "local"]
        (endpoint,) = provider["endpoints"]
        return (endpoint["state"] != "closed") + len(endpoint["open_in"])

    def _create(self, client, **policy):
        reply = client.post("/api/keys", json={"name": "test"} | policy)
        assert reply.status_code == 201, reply.text
        return reply.json()["key"]


@pytest.fixture
def gateway(tmp_path, database_url):
    """
    A gateway, with either database.
    """
    broken = threading.Event()
    vendor = ChatServer(fault=lambda *_: failure(500) if broken.is_set() else None)
    with vendor:
        settings = SETTINGS.format(origin=vendor.origin, url=database_url)
        with ServeProcess(tmp_path, "--workers", "2", settings=settings) as process:
            yield Gateway(process, broken)


def test_outages_and_budgets_are_told_once_for_all_workers(gateway):
    """
    Both workers open their breakers and close them again, and both count a budget: each change has one event.
    """
    token = gateway.create_key()
    gateway.broken.set()
    wait_until(lambda: gateway.ask(token) != 200 and gateway.count_open_breakers() == 2)
    gateway.broken.clear()
    wait_until(lambda: gateway.ask(token) and gateway.count_open_breakers() == 0)
    limited = gateway.create_key(name="limited", budget={"tokens": 2000})
    wait_until(lambda: gateway.ask(limited) == 429)
    wait_until(lambda: len(gateway.list_events("cost.*")) == 2)

    events = gateway.list_events("provider.*")
    failed, recovered = events[:2]
    outages = len(events) // 2  # a slow machine may have a second one: its workers do not recover together
    assert [event["type"] for event in events] == ["provider.failed", "provider.recovered"] * outages
    assert failed["subject"] == recovered["subject"] == failed["data"]["endpoint"] == "local"
    assert failed["data"]["error"] == "ServerError"
    assert recovered["data"]["reason"] == "answered"
    quarter, most = (event["data"] for event in gateway.list_events("cost.*"))
    assert (quarter["threshold"], most["threshold"]) == (0.25, 0.75)
    assert (quarter["name"], quarter["limit"], quarter["unit"]) == ("limited", "2000", "tokens")
    assert 500 <= int(quarter["spent"]) <= int(most["spent"]) <= 2000
