"""``/api/endpoints``: the providers of the gateway, and the state of their breakers."""

from __future__ import annotations

import json
import socket

import pytest

from budwood_server.worker import WorkerState
from tests.plugins.server.keyed_gateway import KeyedGateway

CHAT = {"model": "vendor/m", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def gateway(sqlite_url):
    """
    A gateway whose vendor accepts no connections, with a password in its address.
    """
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    provider = {"plugin": "openai-compatible", "base_url": f"http://user:hunter2@127.0.0.1:{port}/v1"}
    settings = {"providers": {"vendor": provider, "broken": {"plugin": "openai-compatible"}}, "options": {"retries": 0}}
    with KeyedGateway(settings, sqlite_url) as gateway:
        yield gateway


def fetch(gateway, reader="admin"):
    """
    Return the providers by their name.
    """
    answer = gateway.send("GET", "/api/endpoints", gateway.keys[reader])
    assert answer.status == 200, answer.body
    return {each["name"]: each for each in answer.json["providers"]}


def test_breaker_opens_after_failures(gateway):
    """
    The reply shows it, with the class of the last error.
    """
    (before,) = fetch(gateway)["vendor"]["endpoints"]
    for _ in range(12):
        gateway.send("POST", "/v1/chat/completions", gateway.keys["owner"], json.dumps(CHAT).encode())
    (after,) = fetch(gateway)["vendor"]["endpoints"]

    assert (before["state"], before["calls"], before["last_error"]) == ("closed", 0, None)
    assert (after["state"], after["last_error"]) == ("open", "ConnectionFailedError")
    assert after["next_probe"] > 0
    assert after["failures"] == after["calls"] > 0


def test_provider_that_cannot_be_used_says_why(gateway):
    """
    The others are listed nevertheless. Keys of teams get no details.
    """
    providers = fetch(gateway)

    assert providers["broken"]["endpoints"] == []
    assert "base_url" in providers["broken"]["error"]
    assert providers["vendor"]["error"] is None
    assert fetch(gateway, "telemetry")["broken"]["error"] == "It cannot be used."


def test_addresses_have_no_passwords(gateway):
    """
    Keys of teams see no addresses at all.
    """
    admin, telemetry = (gateway.send("GET", "/api/endpoints", gateway.keys[name]) for name in ("admin", "telemetry"))

    assert b"hunter2" not in admin.body + telemetry.body
    assert fetch(gateway)["vendor"]["endpoints"][0]["url"].startswith("http://127.0.0.1:")
    assert fetch(gateway, "telemetry")["vendor"]["endpoints"][0]["url"] is None


def test_breakers_of_other_workers_are_shown(gateway):
    """
    An endpoint names the processes whose breaker is open.
    """
    other = WorkerState(4711, "v", "2026-01-01", open_breakers=["vendor"])
    gateway.worker.others = lambda: [other, WorkerState(4712, "v", "2026-01-01")]

    (endpoint,) = fetch(gateway)["vendor"]["endpoints"]

    assert (endpoint["state"], endpoint["open_in"]) == ("closed", [4711])


def test_changes_of_breakers_are_announced(gateway):
    """
    So that the other workers know of them.
    """
    announced = []
    gateway.worker.announce = lambda: announced.append(gateway.worker.state.open_breakers)
    for _ in range(12):
        gateway.send("POST", "/v1/chat/completions", gateway.keys["owner"], json.dumps(CHAT).encode())

    assert announced == [("vendor",)]


def test_workers_are_listed(gateway):
    """
    Each has breakers of its own, so the reply says whose they are.
    """
    answer = gateway.send("GET", "/api/endpoints", gateway.keys["admin"]).json

    assert answer["workers"] == [answer["pid"]]
    assert gateway.send("GET", "/api/endpoints", gateway.keys["owner"]).status == 403
