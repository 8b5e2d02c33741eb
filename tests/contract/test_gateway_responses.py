"""Recorded traffic of the Responses API through the gateway: it arrives whole at the vendor, and at the client."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from tests.contract import recorded
from tests.contract.replay import is_stream
from tests.plugins.server.in_process import Gateway
from tests.servers import head

NOT_COMPARED = ("id", "status", "logprobs", "annotations", "encrypted_content")
"""Fields of streamed items that are not compared: ids are the gateway's, others differ between the vendor's events."""

NEEDS_STATE = {"previous_response_id", "background", "conversation"}
"""Fields of requests that are not replayed, as those with files, because they need what an earlier one has stored."""


def is_answered(entry):
    """
    Return whether an exchange is a request with a reply.
    """
    path = urlsplit(entry["url"]).path
    return entry["method"] == "POST" and path.endswith("/responses") and entry["status"] == 200


@pytest.fixture(scope="module")
def relayed(shared_server):
    """
    A gateway to a server in place of OpenAI.
    """
    providers = {"openai": {"base_url": f"{shared_server.url}/v1", "api_key": "k"}}
    with Gateway({"providers": providers, "options": {"retries": 0}}) as gateway:
        yield gateway


def find_final(events):
    """
    Return the reply at the end of a stream.
    """
    return next(event["response"] for event in reversed(events) if "response" in event)


def parse_events(body):
    """
    Return the events of a recorded stream.
    """
    lines = [line.removeprefix("data:").strip() for line in body.decode().splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line not in ("", "[DONE]")]


def simplify(value):
    """
    Return items without the fields that are not compared, and without empty ones.
    """
    if isinstance(value, list):
        return [simplify(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kept = {name: simplify(inner) for name, inner in value.items() if name not in NOT_COMPARED}
    return {name: inner for name, inner in kept.items() if inner not in (None, [], {})}


@pytest.mark.parametrize("file", recorded.list_files(is_answered, "openai-responses"))
def test_recorded_responses(shared_server, relayed, openai_schemas, file):
    """
    The vendor gets each field as it was sent. The client gets the vendor's reply; of a stream, the same items.
    """
    for one in recorded.select_exchanges(file, is_answered):
        sent, body = one.request.json(), one.response.body
        if sent.keys() & NEEDS_STATE or b'"file_id"' in one.request.body:
            continue
        kind = "text/event-stream" if is_stream(one.response) else "application/json"
        shared_server.clear_replies().play(head(200, length=len(body), content_type=kind) + body)

        received = relayed.post("/v1/responses", {**sent, "model": f"openai/{sent['model']}"})

        assert received.status == 200, received.body
        assert without_flags(shared_server.requests[-1].json) == without_flags(sent)
        if is_stream(one.response):
            assert_stream(received.events, parse_events(body), openai_schemas)
        else:
            assert received.json | {"id": json.loads(body)["id"]} == json.loads(body)


def order(items):
    """
    Return items in one order: those of built-in tools may end in another one than they began.
    """
    return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))


def assert_stream(events, expected, schemas):
    """
    Compare the end of a stream, and the form of all events.
    """
    found, final = find_final(events), find_final(expected)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[-1]["type"], found["status"]) == (expected[-1]["type"], final["status"])
    assert order(simplify(found["output"])) == order(simplify(final["output"]))
    assert [problem for event in events for problem in schemas.problems("ResponseStreamEvent", event)] == []


def without_flags(body):
    """
    Return a request without what says only whether it is streamed.
    """
    return {name: value for name, value in body.items() if name != "stream"}
