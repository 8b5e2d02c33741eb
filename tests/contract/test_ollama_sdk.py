"""Ollama's own client and our plugin, reading the same recorded replies from a server on loopback, agree."""

from __future__ import annotations

import json

import pytest

from budwood import Client
from budwood.errors import NotFoundError
from tests.contract import recorded, sdk
from tests.servers import reply

ollama = sdk.installed("ollama", "ollama")


def chats(status):
    """
    List recordings of a chat that ended with this status.
    """
    return recorded.files(lambda entry: recorded.ends_with(entry["url"], "/api/chat") and entry["status"] == status)


def played(server, file, *, times):
    """
    Let the server play a recording, and return it.
    """
    (one,) = recorded.interactions(file)
    server.play(reply(one.response.status, one.response.body), times=times)
    return one


@pytest.fixture
def asked(loopback_server, clock):
    """
    A client of ours, of that server.
    """
    with Client("ollama/recorded", base_url=loopback_server.url, clock=clock, cache=False, retries=0) as client:
        yield client


@pytest.mark.parametrize("file", chats(200))
def test_both_clients_read_the_same(ledger, loopback_server, asked, file):
    """
    Text, thinking, calls, usage and finish reason are equal, streamed or not.
    """
    one = played(loopback_server, file, times=2)
    recorded_request = one.request.json()
    theirs = ollama.Client(host=loopback_server.url)
    if recorded_request["stream"]:
        lines = list(theirs.chat("recorded", messages=recorded_request["messages"], stream=True))
        with asked.stream("Hello") as stream:
            list(stream)
        response = stream.response
    else:
        lines = [theirs.chat("recorded", messages=recorded_request["messages"])]
        response = asked.ask("Hello")

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
    ledger.agrees(one)


@pytest.mark.parametrize("file", chats(404))
def test_both_clients_report_a_missing_model(shared_folder, loopback_server, asked, file):
    """
    The message is the same.
    """
    played(loopback_server, file, times=2)
    with pytest.raises(ollama.ResponseError) as theirs:
        ollama.Client(host=loopback_server.url).chat("recorded")
    with pytest.raises(NotFoundError) as ours:
        asked.ask("Hello")

    assert (ours.value.message, ours.value.status) == (theirs.value.error, theirs.value.status_code)


def test_both_ask_the_same(loopback_server, asked):
    """
    A question with parameters and a schema is sent in the same JSON by both.
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
    asked.ask("Hello", temperature=0.5, max_tokens=9, reasoning_effort="none", schema=schema)

    theirs, ours = (json.loads(request.body) for request in loopback_server.requests)
    assert {name: value for name, value in theirs.items() if value not in (None, [])} == ours
