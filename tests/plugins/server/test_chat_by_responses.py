"""``/v1/chat/completions`` of models that OpenAI offers by Responses."""

from __future__ import annotations

import json

import pytest

from tests.plugins.server.in_process import Gateway
from tests.servers import EVENT_STREAM, reply

PATH = "/v1/chat/completions"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": False}}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "m",
    "output": [CALL],
    "usage": {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}},
}


@pytest.fixture
def openai(vendor):
    """
    A gateway to OpenAI.
    """
    return Gateway(
        {"providers": {"openai": {"api_key": "k", "base_url": f"{vendor.url}/v1"}}, "options": {"retries": 0}}
    )


@pytest.mark.parametrize("model", ["gpt-5.6", "o1-pro"])
def test_requests_are_translated_for_responses(vendor, openai, model):
    """
    A model with tools that reasons, or that has no other API, gets all fields that both APIs have.
    """
    vendor.play(reply(body=RESPONSE))
    fields = {
        "max_completion_tokens": 5,
        "metadata": {"a": "b"},
        "store": False,
        "verbosity": "low",
        "response_format": FORMAT,
    }

    received = openai.post(
        PATH,
        {"model": f"openai/{model}", "messages": [{"role": "user", "content": "Hi"}], "tools": [TOOL], **fields},
    )

    sent = vendor.requests[0].json
    assert vendor.requests[0].line.startswith("POST /v1/responses ")
    assert (sent["max_output_tokens"], sent["metadata"], sent["store"]) == (5, {"a": "b"}, False)
    assert sent["text"] == {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": False},
    }
    assert received.json["choices"][0]["message"]["tool_calls"][0]["id"] == "call_1"
    assert received.json["usage"]["completion_tokens_details"] == {"reasoning_tokens": 1}


def test_fields_that_only_chats_have_keep_the_request_there(vendor, openai):
    """
    Its vendor says whether it accepts them.
    """
    vendor.play(reply(400, {"error": {"message": "no", "param": "n", "code": "unsupported"}}))

    received = openai.post(
        PATH, {"model": "openai/gpt-5.6", "messages": [{"role": "user", "content": "Hi"}], "tools": [TOOL], "n": 2}
    )

    assert vendor.requests[0].line.startswith("POST /v1/chat/completions ")
    assert (received.status, received.json["error"]["param"]) == (400, "n")


def test_streams_of_responses_have_the_form_of_chats(vendor, openai):
    """
    Calls have their id, name and arguments, and the index 0.
    """
    started = RESPONSE | {"status": "in_progress", "output": []}
    events = [
        {"type": "response.created", "response": started},
        {"type": "response.output_item.added", "output_index": 0, "item": CALL | {"arguments": ""}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "item_id": "fc_1", "delta": "{}"},
        {"type": "response.output_item.done", "output_index": 0, "item": CALL},
        {"type": "response.completed", "response": RESPONSE},
    ]
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    vendor.play(reply(body=body, **EVENT_STREAM))

    *chunks, done = openai.post(
        PATH,
        {
            "model": "openai/gpt-5.6",
            "messages": [{"role": "user", "content": "Hi"}],
            "tools": [TOOL],
            "stream": True,
        },
    ).events

    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert done == "[DONE]"
    assert {call["index"] for call in calls} == {0}
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("call_1", "f")
    assert "".join(call["function"]["arguments"] for call in calls) == "{}"
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
