"""``POST /api/run`` as a stream of events, on a server that runs."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from budwood.types import OUTPUT_TOOL
from tests.plugins.server.gateway_server import GatewayServer
from tests.plugins.server.http_client import connect, encode_request, read_until
from tests.plugins.server.keys import TOKEN
from tests.plugins.server.test_chat_streams import anthropic_stream, chunk, stream
from tests.servers import EVENT_STREAM, WAIT_FOR_CLOSE, LoopbackServer, head, signal

RUN = "/api/run"
QUESTION = {"model": "fast", "input": "Hello", "stream": True}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


@pytest.fixture(scope="module")
def vendor():
    """
    A server in place of vendors.
    """
    with LoopbackServer() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(vendor):
    """
    The gateway, with comments every 20 ms.
    """
    providers = {
        "local": {"plugin": "openai-compatible", "base_url": f"{vendor.url}/v1"},
        "other": {"plugin": "anthropic", "base_url": vendor.url, "api_key": "k"},
    }
    server = {"models": {"fast": "local/m", "claude": "other/claude-3-haiku-20240307"}, "keep_alive": 0.02}
    options = {"retries": 0}
    with GatewayServer({"providers": providers, "server": server, "cache": False, "options": options}) as running:
        yield running


def ask(gateway, **fields):
    """
    Send a request, and return the events: names and data.
    """
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=gateway.url, headers=headers, trust_env=False) as client:
        reply = client.post(RUN, json=QUESTION | fields)
    assert reply.headers["content-type"].startswith("text/event-stream"), reply.text
    events = [part for part in reply.text.split("\n\n") if part and not part.startswith(":")]
    lines = [event.split("\n") for event in events]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


def test_text_comes_in_parts_and_the_reply_at_the_end(vendor, gateway):
    """
    The last event has what a reply at once has.
    """
    vendor.play(stream(chunk({"content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop")))

    *texts, (name, done) = ask(gateway)

    assert {each for each, _ in texts} == {"text"}
    assert "".join(data["text"] for _, data in texts) == "Hello"
    assert (name, done["text"], done["provider"], done["attempts"]) == ("done", "Hello", "local", 1)
    assert done["request_id"].startswith("req_")


def test_failed_stream_ends_with_an_error(vendor, gateway):
    """
    It does not claim to be complete.
    """
    vendor.play(stream(chunk({"content": "Hi"}), end=""))

    first, (name, data) = ask(gateway)

    assert first == ("text", {"text": "Hi"})
    assert (name, data["error"]["code"]) == ("error", "stream_interrupted")
    assert set(data["error"]) == {"code", "message", "hint", "request_id"}


@pytest.mark.parametrize(("number", "last"), [("5", "done"), ('"five"', "error")])
@pytest.mark.parametrize("model", ["fast", "claude"])
def test_structured_output_is_streamed(vendor, gateway, model, number, last):
    """
    As text, and as a value at the end; also if the vendor has it as a call. A mismatch is an error.
    """
    if model == "fast":
        vendor.play(stream(chunk({"content": f'{{"n": {number}}}'}), chunk({}, "stop")))
    else:
        block = {"type": "tool_use", "id": "t", "name": OUTPUT_TOOL, "input": {}}
        vendor.play(anthropic_stream((block, {"type": "input_json_delta", "partial_json": f'{{"n": {number}}}'})))

    *texts, (name, data) = ask(gateway, model=model, options={"schema": SCHEMA, "max_tokens": 50})

    assert "".join(each["text"] for _, each in texts) == f'{{"n": {number}}}'
    assert name == last
    assert (data["parsed"] == {"n": 5}) if last == "done" else (data["error"]["code"] == "schema_mismatch")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_client_that_leaves_ends_the_call(vendor, gateway, is_streamed):
    """
    The vendor's connection is closed, before and within a reply.
    """
    reached = threading.Event()
    vendor.closed_by_client.clear()
    vendor.play(*(() if is_streamed else (signal(reached),)), head(200, **EVENT_STREAM), WAIT_FOR_CLOSE)
    with connect(gateway) as connection:
        connection.sendall(encode_request(RUN, QUESTION | {"stream": is_streamed}))
        if is_streamed:
            assert read_until(connection, b": keep-alive\n\n").startswith(b"HTTP/1.1 200 ")
        else:
            reached.wait()

    vendor.closed_by_client.wait()
