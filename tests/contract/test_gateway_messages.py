"""Recorded traffic of Anthropic, sent through the gateway to a vendor that replies as recorded."""

from __future__ import annotations

import json

import httpx
import pytest

from budwood_server.access.file_ids import find_file_ids
from tests.contract import naive, recorded
from tests.contract import naive_anthropic as reader
from tests.contract.replay import is_stream
from tests.contract.test_anthropic_messages import NOT_COMPARED, is_answered, is_count, is_message
from tests.contract.test_anthropic_requests import canonicalize
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.keys import TOKEN
from tests.servers import LoopbackServer, reply

SENT = ("anthropic-version", "anthropic-beta")

ADAPTED = {
    "anthropic_completion_tools_call_with_tool_result_stream": "its tool result has the id of another call",
}
"""Requests that Budwood repairs, by a part of their names, with reasons."""

STATUSES = {401: 502}
"""The gateway's status where it is another one: the vendor has rejected the key of the gateway, not of the client."""


def is_error(entry):
    """
    Return whether an exchange is a message with an error.
    """
    return is_message(entry) and entry["status"] >= 400


@pytest.fixture(scope="module")
def vendor():
    """
    A server that replies as recorded.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(vendor):
    """
    The gateway, with that server in place of Anthropic's.
    """
    provider = {"base_url": vendor.url, "api_key": "sk-vendor"}
    with GatewayServer({"providers": {"anthropic": provider}, "cache": False, "options": {"retries": 0}}) as server:
        yield server


@pytest.fixture(scope="module")
def client(gateway):
    """
    A client of the gateway.
    """
    with httpx.Client(base_url=gateway.url, headers={"x-api-key": TOKEN}, trust_env=False) as client:
        yield client


def send(one, client, vendor, path="/v1/messages"):
    """
    Send a recorded request to the gateway, with a name of its provider; return the reply and what the vendor got last.
    """
    content_type = "text/event-stream" if is_stream(one.response) else "application/json"
    vendor.clear_replies().play(reply(one.response.status, one.response.body, content_type=content_type))
    body = one.request.json()
    headers = {name: ",".join(one.request.headers[name]) for name in SENT if name in one.request.headers}
    answer = client.post(path, json={**body, "model": f"anthropic/{body['model']}"}, headers=headers)
    return answer, vendor.requests[-1] if vendor.requests else None


def assert_same_request(one, received):
    """
    Compare what the vendor got with what was recorded.
    """
    assert canonicalize(json.loads(received.body)) == canonicalize(one.request.json())
    assert json.loads(received.body).get("stream", False) == one.request.json().get("stream", False)
    betas = one.request.headers.get("anthropic-beta", [])
    assert split(received.headers.get("anthropic-beta", "")) == {beta for value in betas for beta in split(value)}
    versions = one.request.headers.get("anthropic-version", ["2023-06-01"])
    assert received.headers["anthropic-version"] == versions[0]
    assert received.headers["x-api-key"] == "sk-vendor"


def split(betas):
    """
    Return the names in a header with beta features.
    """
    return {beta.strip() for beta in betas.split(",") if beta.strip()}


def assert_same_reply(message, expected):
    """
    Compare a reply of the gateway with that of the vendor.
    """
    assert reader.read_message(message) == reader.read_message(expected)
    for name in ("id", "type", "role", "model", "stop_reason"):
        assert message[name] == expected[name]
    assert message["stop_sequence"] == expected.get("stop_sequence")
    assert naive.list_leaves(naive.remove_fields(expected, *NOT_COMPARED)) <= naive.list_leaves(message)


@pytest.mark.parametrize("file", recorded.list_files(is_answered))
def test_recorded_messages(shared_folder, client, vendor, file):
    """
    The vendor gets what the client sent, and the client what the vendor said, at once and streamed.
    """
    for one in recorded.select_exchanges(file, is_answered):
        if any(find_file_ids(one.request.json())):
            continue  # they are the vendor's, and the gateway takes only its own: see test_files_routes.py
        answer, received = send(one, client, vendor)

        assert answer.status_code == 200
        if any(name in file for name in ADAPTED):
            assert "x-budwood-adaptations" in answer.headers
            continue
        assert "x-budwood-adaptations" not in answer.headers
        assert_same_request(one, received)
        if is_stream(one.response):
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert_same_reply(
                *(reader.read_stream(reader.split_events(body)) for body in (answer.content, one.response.body))
            )
        else:
            assert_same_reply(answer.json(), one.response.json())


@pytest.mark.parametrize("file", recorded.list_files(is_error))
def test_recorded_errors(shared_folder, client, vendor, file):
    """
    A vendor's error keeps its message, in Anthropic's form.
    """
    for one in recorded.select_exchanges(file, is_error):
        sent = len(vendor.requests)
        answer, _ = send(one, client, vendor)

        assert answer.json()["type"] == "error"
        assert answer.status_code == STATUSES.get(one.response.status, one.response.status)
        if len(vendor.requests) > sent:
            assert one.response.json()["error"]["message"] in answer.json()["error"]["message"]
        else:
            assert "param" in answer.json()["error"]  # rejected before anything is sent


@pytest.mark.parametrize("file", recorded.list_files(is_count))
def test_recorded_token_counts(shared_folder, client, vendor, file):
    """
    The vendor's count of tokens is returned unchanged.
    """
    for one in recorded.select_exchanges(file, is_count):
        answer, received = send(one, client, vendor, "/v1/messages/count_tokens")

        assert answer.json() == {"input_tokens": one.response.json()["input_tokens"]}
        assert_same_request(one, received)
