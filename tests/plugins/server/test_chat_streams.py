"""Streamed replies of ``/v1/chat/completions``."""

from __future__ import annotations

import json

import pytest

from tests.servers import EVENT_STREAM, reply

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chunk(delta, index=0, finish=None, **fields):
    """
    Return a chunk of the vendor.
    """
    choice = {"index": index, "delta": delta, "finish_reason": finish, **fields}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "m-1", "choices": [choice]}


def stream(*chunks, end="data: [DONE]\n\n"):
    """
    Return a stream of the vendor with usage.
    """
    usage = {"id": "chatcmpl-1", "model": "m-1", "choices": [], "usage": USAGE}
    events = "".join(f"data: {json.dumps(each)}\n\n" for each in (*chunks, *([usage] if end else [])))
    return reply(body=events + end, **EVENT_STREAM)


def ask(gateway, model="fast", **fields):
    """
    Return the chunks of a streamed reply.
    """
    received = gateway.post(PATH, {"model": model, "messages": HELLO, "stream": True, **fields})
    assert received.status == 200, received.body
    return received.events


def join(chunks, index=0):
    """
    Return the text of a choice.
    """
    choices = [choice for each in chunks for choice in each["choices"] if choice["index"] == index]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_chunks_of_a_plain_reply(vendor, gateway):
    """
    The role comes first, the finish reason last, with what is known only at the end.
    """
    vendor.play(stream(chunk({"role": "assistant", "content": ""}), chunk({"content": "Hé"}), chunk({}, finish="stop")))

    *chunks, done = ask(gateway)

    assert done == "[DONE]"
    assert [each["choices"][0]["delta"] for each in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hé"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None, None, "stop"]
    assert {(each["id"], each["model"], each["object"]) for each in chunks} == {
        ("chatcmpl-1", "m-1", "chat.completion.chunk")
    }
    assert chunks[-1]["budwood"]["provider"] == "vendor"
    assert not any("usage" in each for each in chunks)


def test_usage_is_sent_if_the_client_asks_for_it(vendor, gateway):
    """
    It has a chunk of its own without choices, which also has what is known only at the end.
    """
    vendor.play(stream(chunk({"content": "Hi"}), chunk({}, finish="stop")))

    *chunks, usage, done = ask(gateway, stream_options={"include_usage": True, "include_obfuscation": False})

    assert vendor.requests[0].json["stream_options"] == {"include_usage": True, "include_obfuscation": False}
    assert (usage["choices"], usage["usage"], done) == ([], USAGE, "[DONE]")
    assert usage["budwood"]["attempts"] == 1
    assert "budwood" not in chunks[-1]


def test_tool_calls_are_sent_in_fragments(vendor, gateway):
    """
    The first has the id and the name, and all have the index.
    """
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    vendor.play(
        stream(
            chunk({"role": "assistant", "content": None, "tool_calls": [first]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}),
            chunk({}, finish="tool_calls"),
        )
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}

    *chunks, _ = ask(gateway, tools=[tool])

    deltas = [each["choices"][0]["delta"]["tool_calls"][0] for each in chunks[1:-1]]
    assert deltas[0] == first
    assert "".join(delta["function"]["arguments"] for delta in deltas) == '{"x":1}'
    assert all(delta["index"] == 0 for delta in deltas)
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_functions_have_the_older_form(vendor, gateway):
    """
    A client that sends ``functions`` gets ``function_call``.
    """
    call = {"name": "f", "arguments": "{}"}
    vendor.play(stream(chunk({"function_call": call}), chunk({}, finish="function_call")))

    *chunks, _ = ask(gateway, functions=[{"name": "f"}])

    calls = [each["choices"][0]["delta"]["function_call"] for each in chunks[1:-1]]
    assert (calls[0]["name"], "".join(each["arguments"] for each in calls)) == ("f", "{}")
    assert chunks[-1]["choices"][0]["finish_reason"] == "function_call"


def test_custom_tools_have_an_input(vendor, gateway):
    """
    The fragments of a call of a custom tool have the form of that type.
    """
    start = {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    vendor.play(stream(chunk({"tool_calls": [start]}), chunk({}, finish="tool_calls")))

    *chunks, _ = ask(gateway, tools=[{"type": "custom", "custom": {"name": "sh"}}])

    calls = [each["choices"][0]["delta"]["tool_calls"][0] for each in chunks[1:-1]]
    assert (calls[0]["type"], calls[0]["custom"]["name"]) == ("custom", "sh")
    assert "".join(call["custom"]["input"] for call in calls) == "ls"


def test_every_choice_has_its_chunks(vendor, gateway):
    """
    With ``n``, each choice has a role, its deltas and a finish reason.
    """
    vendor.play(
        stream(
            chunk({"content": "a"}),
            chunk({"content": "b"}, 1),
            chunk({}, 1, "length"),
            chunk({}, 0, "stop", logprobs={"content": [{"token": "a"}]}),
        )
    )

    *chunks, _ = ask(gateway, n=2)

    assert (join(chunks), join(chunks, 1)) == ("a", "b")
    finished = {each["choices"][0]["index"]: each["choices"][0] for each in chunks}
    assert (finished[0]["finish_reason"], finished[1]["finish_reason"]) == ("stop", "length")
    assert finished[0]["logprobs"] == {"content": [{"token": "a"}]}


def test_failed_stream_ends_with_an_error_and_no_done(vendor, gateway):
    """
    What was received stays valid, and the stream does not claim to be complete.
    """
    vendor.play(stream(chunk({"content": "Hi"}), end=""))

    chunks = ask(gateway)

    assert join(chunks[:-1]) == "Hi"
    assert chunks[-1]["error"]["code"] == "stream_interrupted"


def anthropic_stream(*blocks):
    """
    Return a stream of Anthropic's API: pairs of a block and its delta.
    """
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "content": []}
    events = [{"type": "message_start", "message": message | {"usage": {"input_tokens": 3, "output_tokens": 1}}}]
    for index, (block, delta) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    stop = "tool_use" if blocks[-1][0]["type"] == "tool_use" else "end_turn"
    events.append({"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": 2}})
    events.append({"type": "message_stop"})
    return reply(body="".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events), **EVENT_STREAM)


@pytest.mark.parametrize("valid", [True, False])
def test_structured_output_is_streamed_as_text(vendor, gateway, valid):
    """
    It is text although the model returns it by a tool, and it is not checked.
    """
    content = '{"age": 5}' if valid else '{"age": "x"}'
    block = {"type": "tool_use", "id": "toolu_1", "name": "return_output", "input": {}}
    vendor.play(anthropic_stream((block, {"type": "input_json_delta", "partial_json": content})))
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    format_ = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}

    *chunks, done = ask(gateway, "claude", response_format=format_)

    assert (join(chunks), done) == (content, "[DONE]")
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_reasoning_of_another_api(vendor, gateway):
    """
    It is sent as ``reasoning_content``, and a tool call after it has the index 0.
    """
    vendor.play(
        anthropic_stream(
            ({"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "Hm"}),
            (
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
                {"type": "input_json_delta", "partial_json": "{}"},
            ),
        )
    )
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}

    *chunks, _ = ask(gateway, "claude", tools=[tool])

    deltas = [each["choices"][0]["delta"] for each in chunks]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm"
    assert {call["index"] for delta in deltas for call in delta.get("tool_calls", ())} == {0}
