"""The metrics of a server, and its log."""

from __future__ import annotations

import json
import re

import pytest

from tests.plugins.server.serving import MODELS, ServeProcess

pytestmark = pytest.mark.one_python

QUESTION = {"model": "fast", "messages": [{"role": "user", "content": "Summarise: Grafting joins two plants."}]}


def sum_of(text, name, **labels):
    """
    Return the sum of the series of a metric that have these labels.
    """
    rows = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    return sum(
        float(value) for found, value in rows if all(f'{key}="{label}"' in found for key, label in labels.items())
    )


def test_metrics_are_those_of_all_workers(tmp_path):
    """
    Requests are counted by route and status whichever worker answers; the observer's metrics stand beside them.
    """
    settings = 'observers = ["prometheus"]\n[server]\nmetrics = "open"\n' + MODELS
    with ServeProcess(tmp_path, "--workers", "2", settings=settings) as server:
        key = server.create_key()
        for _ in range(8):
            with server.client(key) as client:  # a connection of its own
                client.post("/v1/chat/completions", json=QUESTION)
        with server.client("wrong") as client:
            assert client.post("/v1/chat/completions", json=QUESTION).status_code == 401
            reply = client.get("/metrics")
            while sum_of(reply.text, "budwood_server_events_total", type="key.created") < 1:
                reply = client.get(
                    "/metrics"
                )  # another worker may have ordered the event, and shares that within a second

    chats = {"route": "/v1/chat/completions"}
    assert reply.headers["content-type"].startswith("text/plain")
    assert sum_of(reply.text, "budwood_server_requests_total", **chats, status="200") == 8
    assert sum_of(reply.text, "budwood_server_requests_total", **chats, status="401") == 1
    assert sum_of(reply.text, "budwood_server_request_duration_seconds_count", **chats) == 9
    assert sum_of(reply.text, "budwood_server_keys_refused_total", code="invalid_api_key") == 1
    assert sum_of(reply.text, "budwood_server_config_last_reload_successful") == 2
    assert sum_of(reply.text, "budwood_requests_total", provider="offline") == 8
    assert (
        reply.text.count("\nbudwood_server_webhook_deliveries{") == 2
    )  # a state each, of the database and not of workers


def test_metrics_need_a_key_for_telemetry(tmp_path):
    """
    Unless the settings say that they are open. The log has a line for each request, with its id and without secrets.
    """
    with ServeProcess(tmp_path, "--access-log", "--log-json") as server:
        key = server.create_key()
        with server.client(key) as client:
            assert client.get("/metrics").status_code == 403
            answered = client.post("/v1/chat/completions", json=QUESTION)
        with server.client(server.admin_key) as client:
            assert "budwood_server_requests_total" in client.get("/metrics").text
        line = json.loads(server.wait_for_line('"event": "http request"'))

    assert line["request_id"] == answered.headers["x-request-id"]
    assert (line["path"], line["status"]) == ("/v1/chat/completions", 200)
    assert key.rpartition("_")[2] not in "".join(server.lines)


def test_requests_under_api_are_logged_and_counted(tmp_path):
    """
    Also those of the admin page, by the route and without the ids in the path.
    """
    with ServeProcess(tmp_path, "--access-log", "--log-json") as server, server.client(server.admin_key) as client:
        answered = client.get("/api/keys/nowhere")
        line = json.loads(server.wait_for_line('"event": "http request"'))
        client.get("/admin/login")
        text = client.get("/metrics").text

    assert line["request_id"] == answered.headers["x-request-id"]
    assert (line["path"], line["status"]) == ("/api/keys/nowhere", 404)
    assert sum_of(text, "budwood_server_requests_total", route="/api/keys/{key_id}", status="404") == 1
    assert sum_of(text, "budwood_server_requests_total", route="/admin/login", status="200") == 1
    assert "/livez" not in text
