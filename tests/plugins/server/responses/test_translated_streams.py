"""Streams of the Responses API from a vendor that speaks Chat Completions."""

from __future__ import annotations

import pytest
from openai import APIError

from tests.plugins.server.responses.vendor import chat_chunk

WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}
USAGE = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "small-1",
    "choices": [],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
}


def call_chunk(index, arguments, call_id=None, name=None):
    """Return a chunk with a fragment of a tool call."""
    function = {"arguments": arguments} | ({"name": name} if name else {})
    call = {"index": index, "function": function} | ({"id": call_id, "type": "function"} if call_id else {})
    return chat_chunk(tool_calls=[call])


def test_events_of_a_text(read_events, vendor, problems):
    """
    The events have the order, the numbers and the form of the API; the last one has the whole reply.
    """
    vendor.reply(
        [chat_chunk(role="assistant", content="Hel"), chat_chunk(content="lo."), chat_chunk("stop"), USAGE, "[DONE]"]
    )

    events = read_events({"model": "plain", "input": "Hi"})

    assert [event["type"] for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event)] == []
    final = events[-1]["response"]
    assert final["output"] == [events[-2]["item"]]
    assert final["output"][0]["content"][0]["text"] == "Hello."
    assert final["usage"]["total_tokens"] == 7
    assert final["budwood"]["provider"] == "chat"
    assert final["id"] == events[0]["response"]["id"]


def test_reasoning_text_and_parallel_calls(client, vendor):
    """
    OpenAI's client puts the reply together: a summary, a text, and two calls whose fragments alternate.
    """
    vendor.reply(
        [
            chat_chunk(role="assistant", reasoning_content="Hm"),
            chat_chunk(content="Wait."),
            call_chunk(0, '{"city":', "call_1", "weather"),
            call_chunk(1, '{"city": "Rome"}', "call_2", "weather"),
            call_chunk(0, ' "Oslo"}'),
            chat_chunk("tool_calls"),
            "[DONE]",
        ]
    )

    with client.responses.stream(model="plain", input="Hi", tools=[WEATHER]) as stream:
        reply = stream.get_final_response()

    reasoning, message, oslo, rome = reply.output
    assert reasoning.summary[0].text == "Hm"
    assert message.content[0].text == "Wait."
    assert (oslo.call_id, oslo.arguments) == ("call_1", '{"city": "Oslo"}')
    assert (rome.call_id, rome.arguments) == ("call_2", '{"city": "Rome"}')


def test_events_of_a_call(read_events, vendor, problems):
    """
    The arguments come in deltas, and once more as a whole.
    """
    vendor.reply(
        [call_chunk(0, '{"a"', "call_1", "weather"), call_chunk(0, ": 1}"), chat_chunk("tool_calls"), "[DONE]"]
    )

    events = read_events({"model": "plain", "input": "Hi", "tools": [WEATHER]})

    assert [event["type"].removeprefix("response.") for event in events[2:]] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event)] == []


def test_input_of_a_custom_tool(read_events, vendor, problems):
    """
    The input is written without the JSON of the function that replaces the tool.
    """
    vendor.reply([call_chunk(0, '{"input": "a\\n', "call_1", "patch"), call_chunk(0, 'b"}'), chat_chunk("tool_calls")])

    events = read_events({"model": "plain", "input": "Hi", "tools": [{"type": "custom", "name": "patch"}]})

    assert [event.get("delta") for event in events if event["type"].endswith("input.delta")] == ["a\nb"]
    assert events[-1]["response"]["output"][0]["input"] == "a\nb"
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event)] == []


def test_a_reply_that_was_cut_off_is_incomplete(read_events, vendor, problems):
    """
    The last event says why, also if a schema was to be satisfied.
    """
    vendor.reply([chat_chunk(content='{"a'), chat_chunk("length"), "[DONE]"])
    text = {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}}

    events = read_events({"model": "plain", "input": "Hi", "text": text})

    final = events[-1]
    assert final["type"] == "response.incomplete"
    assert final["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert final["response"]["output"][0]["status"] == "incomplete"
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event)] == []


@pytest.mark.parametrize(
    "rest", [[], [{"error": {"message": "The model crashed.", "type": "server_error", "code": "oops"}}]]
)
def test_a_failure_after_the_first_event(read_events, client, vendor, problems, rest):
    """
    The stream ends with response.failed and error, never with response.completed; the client raises.
    """
    chunks = [chat_chunk(role="assistant", content="Hel"), *rest]
    vendor.reply(chunks)
    vendor.reply(chunks)

    events = read_events({"model": "plain", "input": "Hi"})
    with pytest.raises(APIError):
        list(client.responses.create(model="plain", input="Hi", stream=True))

    assert [event["type"] for event in events[-2:]] == ["response.failed", "error"]
    assert "response.completed" not in [event["type"] for event in events]
    assert events[-2]["response"]["status"] == "failed"
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event)] == []


def test_an_error_before_the_first_event_has_its_status(post, vendor):
    """
    It is a reply as without a stream.
    """
    vendor.reply({"error": {"message": "bad", "type": "invalid_request_error", "code": "x"}}, 400)

    reply = post({"model": "plain", "input": "Hi", "stream": True})

    assert reply.status_code == 400
    assert reply.json()["error"]["message"].endswith("bad")
