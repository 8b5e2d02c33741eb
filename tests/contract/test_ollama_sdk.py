"""Ollama's SDK and Budwood decode the same recorded replies of a local server equally."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import NotFoundError
from tests.contract import recorded, sdk
from tests.servers import reply

ollama = sdk.import_sdk("ollama", "ollama")


def list_chats(status):
    """
    Return recordings of a chat with this status.
    """
    return recorded.list_files(
        lambda entry: recorded.ends_with(entry["url"], "/api/chat") and entry["status"] == status
    )


def serve_recording(server, file, *, times):
    """
    Let the server send a recorded reply, and return the exchange.
    """
    (one,) = recorded.read_exchanges(file)
    server.play(reply(one.response.status, one.response.body), times=times)
    return one


@pytest.fixture
def budwood_client(loopback_server, clock):
    """
    Budwood's client.
    """
    with Client("ollama/recorded", base_url=loopback_server.url, clock=clock, cache=False, retries=0) as client:
        yield client


@pytest.mark.parametrize("file", list_chats(200))
def test_replies_are_decoded_equally(ledger, loopback_server, budwood_client, file):
    """
    Text, thinking, calls, usage and finish reason are equal, complete and streamed.
    """
    one = serve_recording(loopback_server, file, times=2)
    recorded_request = one.request.json()
    sdk_client = ollama.Client(host=loopback_server.url)
    if recorded_request["stream"]:
        lines = list(sdk_client.chat("recorded", messages=recorded_request["messages"], stream=True))
        with budwood_client.stream("Hello") as stream:
            list(stream)
        response = stream.response
    else:
        lines = [sdk_client.chat("recorded", messages=recorded_request["messages"])]
        response = budwood_client.ask("Hello")

    assert response.text == "".join(line.message.content or "" for line in lines)
    assert response.reasoning == "".join(line.message.thinking or "" for line in lines)
    assert [(call.name, call.parse_arguments()) for call in response.tool_calls] == [
        (call.function.name, call.function.arguments) for line in lines for call in line.message.tool_calls or ()
    ]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (
        lines[-1].prompt_eval_count,
        lines[-1].eval_count,
    )
    assert response.raw_finish_reason == lines[-1].done_reason
    assert response.metadata["total_duration"] == lines[-1].total_duration
    ledger.record_agreement(one)


@pytest.mark.parametrize("file", list_chats(404))
def test_missing_model_errors_are_equal(shared_folder, loopback_server, budwood_client, file):
    """
    The error about a missing model has the same message with both.
    """
    serve_recording(loopback_server, file, times=2)
    with pytest.raises(ollama.ResponseError) as sdk_error:
        ollama.Client(host=loopback_server.url).chat("recorded")
    with pytest.raises(NotFoundError) as error:
        budwood_client.ask("Hello")

    assert (error.value.message, error.value.status) == (sdk_error.value.error, sdk_error.value.status_code)


def test_requests_are_equal(loopback_server, budwood_client):
    """
    A request with parameters and a schema has the same JSON with both.
    """
    body = {"model": "recorded", "message": {"role": "assistant", "content": "{}"}, "done": True, "done_reason": "stop"}
    loopback_server.play(reply(200, body), times=2)
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    ollama.Client(host=loopback_server.url).chat(
        "recorded",
        messages=[{"role": "user", "content": "Hello"}],
        options={"temperature": 0.5, "num_predict": 9},
        format=schema,
        think=False,
    )
    budwood_client.ask("Hello", temperature=0.5, max_tokens=9, reasoning_effort="none", schema=schema)

    sdk_request, request = (json.loads(one.body) for one in loopback_server.requests)
    assert {name: value for name, value in sdk_request.items() if value not in (None, [])} == request
