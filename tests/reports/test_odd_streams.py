"""Unusual streams of Anthropic, Gemini and Ollama: text is read, or an error is raised; nothing is dropped."""

from __future__ import annotations

import json

import pytest

import budwood
from budwood_testing import FakeClock, ScriptedTransport

ANTHROPIC, GEMINI, OLLAMA = "anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash", "ollama/m"
START = {"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage": {"input_tokens": 1}}}
END = (
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
)
NO_TEXTS = (5, 0, False, ["a"], {"a": 1}, 1.5)


def start(index=0, **block):
    """
    Return the event that starts a block.
    """
    return {"type": "content_block_start", "index": index, "content_block": block or {"type": "text", "text": ""}}


def make_text_delta(text, index=0):
    """
    Return an event with a part of a text.
    """
    return {"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": text}}


def make_block_stop(index=0):
    """
    Return the event that ends a block.
    """
    return {"type": "content_block_stop", "index": index}


def read(model, events):
    """
    Stream a reply with these events, and return the response.
    """
    if model == OLLAMA:
        body = "".join(json.dumps(event) + "\n" for event in events)
    else:
        body = "".join(f"event: {event.get('type', 'x')}\ndata: {json.dumps(event)}\n\n" for event in events)
    transport = ScriptedTransport().reply(200, body.encode())
    client = budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), retries=0)
    with client, client.stream("Hi", max_tokens=50) as stream:
        list(stream)
        return stream.response


def ask(model, body):
    """
    Ask a model that gives this reply, without streaming.
    """
    transport = ScriptedTransport().reply(200, body)
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), retries=0) as client:
        return client.ask("Hi", max_tokens=50)


READABLE = {
    "a wrong index": [start(), make_text_delta("Hel"), make_text_delta("lo", 1), make_block_stop()],
    "after its stop": [start(), make_text_delta("Hel"), make_block_stop(), make_text_delta("lo")],
    "no start": [make_text_delta("Hel"), make_text_delta("lo")],
    "no start and no index": [{**make_text_delta("Hello"), "index": None}],
    "index as text": [start("0"), make_text_delta("Hel", "0"), make_text_delta("lo"), make_block_stop()],
    "no index": [start(3), {**make_text_delta("Hello"), "index": None}, make_block_stop(3)],
    "no stop": [start(), make_text_delta("Hel"), start(), make_text_delta("lo")],
    "no stop of the last": [start(), make_text_delta("Hello")],
    "text in the start": [start(type="text", text="Hel"), make_text_delta("lo"), make_block_stop()],
    "a delta without type": [start(), {**make_text_delta(""), "delta": {"text": "Hello"}}, make_block_stop()],
    "a block without type": [start(text=""), make_text_delta("Hello"), make_block_stop()],
    "content in message_start": [{**START, "message": {"content": "Hel"}}, make_text_delta("lo")],
    "null beside text": [start(), make_text_delta(None), make_text_delta("Hello"), make_block_stop()],
    "two blocks at once": [
        start(),
        start(1),
        make_text_delta("He"),
        make_text_delta("lo", 1),
        make_text_delta("l"),
        make_block_stop(),
        make_block_stop(1),
    ],
}


@pytest.mark.parametrize("events", READABLE.values(), ids=READABLE)
def test_text_of_unusual_blocks_is_read(events):
    """
    The reply contains all text of the blocks.
    """
    response = read(ANTHROPIC, [*([] if events[0]["type"] == "message_start" else [START]), *events, *END])

    assert response.text == "Hello"
    assert response.finish_reason == "stop"


def test_events_without_a_type_use_their_name():
    """
    If the data has no type, the name of the server-sent event is its type.
    """
    events = [START, start(), make_text_delta("Hello"), make_block_stop(), *END]
    body = "".join(
        f"event: {event['type']}\ndata: {json.dumps({name: one for name, one in event.items() if name != 'type'})}\n\n"
        for event in events
    )
    transport = ScriptedTransport().reply(200, body.encode())
    client = budwood.Client(ANTHROPIC, api_key="no-key-123", transport=transport, clock=FakeClock())
    with client, client.stream("Hi", max_tokens=50) as stream:
        list(stream)

    assert stream.response.text == "Hello"


def test_thinking_without_a_start_event_is_read():
    """
    Thinking without a start event is read with its signature, which Anthropic requires later.
    """
    parts = ({"type": "thinking_delta", "thinking": "Hmm."}, {"type": "signature_delta", "signature": "s"})
    events = [{"type": "content_block_delta", "index": 0, "delta": part} for part in parts]
    response = read(ANTHROPIC, [START, *events, start(1), make_text_delta("Hello", 1), make_block_stop(1), *END])

    assert (response.reasoning, response.text) == ("Hmm.", "Hello")
    assert response.message.parts[0].data["signature"] == "s"


def make_arguments_delta(value, index=0):
    """
    Return an event with a part of a call's arguments.
    """
    return {"type": "content_block_delta", "index": index, "delta": {"type": "input_json_delta", "partial_json": value}}


CALL = start(type="tool_use", id="c1", name="weather", input={})

RAISED = {
    "arguments without a call": [make_arguments_delta("{}")],
    "arguments at a wrong index": [CALL, make_arguments_delta('{"city": "Oslo"}', 4)],
    "arguments after their stop": [
        CALL,
        make_arguments_delta('{"city": '),
        make_block_stop(),
        make_arguments_delta('"Oslo"}'),
    ],
    "arguments of a text": [start(), make_text_delta("Hi"), make_arguments_delta("{}")],
    "text of a call": [CALL, make_text_delta("Hello")],
    "thinking of a text": [start(), {**make_text_delta(""), "delta": {"type": "thinking_delta", "thinking": "Hmm."}}],
    "arguments that are a list": [CALL, make_arguments_delta(["a"])],
    "no delta": [start(), {"type": "content_block_delta", "index": 0}],
    "an unknown delta of no block": [{**make_text_delta(""), "delta": {"type": "odd_delta", "odd": "Hello"}}],
    "content that is a number": [{**START, "message": {"content": 5}}],
    **{f"text that is {value!r}": [start(), make_text_delta(value)] for value in NO_TEXTS},
    **{f"a start with {value!r}": [start(type="text", text=value)] for value in NO_TEXTS},
    **{f"thinking that is {value!r}": [start(type="thinking", thinking=value)] for value in NO_TEXTS},
}


@pytest.mark.parametrize("events", RAISED.values(), ids=RAISED)
def test_unreadable_content_is_an_error(events):
    """
    A stream whose content cannot be read raises an error instead of returning a shorter reply.
    """
    with pytest.raises((budwood.BadResponseError, budwood.StreamInterruptedError)):
        read(ANTHROPIC, [START, *events, *END])


def test_arguments_as_an_object_are_read():
    """
    Some gateways send the arguments as an object in one event.
    """
    response = read(ANTHROPIC, [START, CALL, make_arguments_delta({"city": "Oslo"}), make_block_stop(), *END])

    assert response.tool_calls[0].parse_arguments() == {"city": "Oslo"}


def make_gemini_chunk(part, **candidate):
    """
    Return a chunk, or a reply, with this part.
    """
    return {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP", **candidate}]}


def make_ollama_line(**message):
    """
    Return a line, or a reply, with this message.
    """
    return {"model": "m", "message": {"role": "assistant", **message}, "done": True, "done_reason": "stop"}


@pytest.mark.parametrize("value", NO_TEXTS, ids=repr)
@pytest.mark.parametrize("streamed", [False, True], ids=["reply", "stream"])
@pytest.mark.parametrize("vendor", ["anthropic", "gemini", "ollama", "ollama thinking"])
def test_values_that_are_not_text_are_errors(vendor, streamed, value):
    """
    A number or a list instead of text raises an error, with and without streaming.
    """
    model, body = {
        "anthropic": (ANTHROPIC, {"content": [{"type": "text", "text": value}], "stop_reason": "end_turn"}),
        "gemini": (GEMINI, make_gemini_chunk({"text": value})),
        "ollama": (OLLAMA, make_ollama_line(content=value)),
        "ollama thinking": (OLLAMA, make_ollama_line(thinking=value, content="Hi")),
    }[vendor]
    if streamed and vendor == "anthropic":
        body = {"type": "message_start", "message": body}
    with pytest.raises((budwood.BadResponseError, budwood.StreamInterruptedError)):
        read(model, [body]) if streamed else ask(model, body)


CONTENTS = (
    "Hello",
    {"parts": "Hello"},
    {"parts": {"text": "Hello"}},
    {"parts": [{"text": "Hel"}, {"text": None}, {"text": "lo"}]},
)


@pytest.mark.parametrize("content", CONTENTS, ids=json.dumps)
@pytest.mark.parametrize("streamed", [False, True], ids=["reply", "stream"])
def test_gemini_content_in_unusual_forms_is_read(content, streamed):
    """
    A string instead of parts, a part instead of a list, and a part whose text is null are read.
    """
    body = {"candidates": [{"content": content, "finishReason": "STOP", "index": "0"}]}
    response = read(GEMINI, [body]) if streamed else ask(GEMINI, body)

    assert response.text == "Hello"


@pytest.mark.parametrize("content", [5, {"parts": 5}, {"parts": ["Hello"]}, [["Hello"]]], ids=json.dumps)
def test_gemini_content_of_another_type_is_an_error(content):
    """
    Content of another type raises an error instead of returning an empty reply.
    """
    with pytest.raises((budwood.BadResponseError, budwood.StreamInterruptedError)):
        read(GEMINI, [{"candidates": [{"content": content, "finishReason": "STOP"}]}])


@pytest.mark.parametrize("reason", [5, ["STOP"], {"a": 1}], ids=json.dumps)
@pytest.mark.parametrize("model", [ANTHROPIC, GEMINI, OLLAMA])
def test_a_finish_reason_of_another_type_is_unknown(model, reason):
    """
    A finish reason that is not a string counts as unknown, and the text is returned.
    """
    events = {
        ANTHROPIC: [
            START,
            start(),
            make_text_delta("Hello"),
            make_block_stop(),
            {**END[0], "delta": {"stop_reason": reason}},
            END[1],
        ],
        GEMINI: [make_gemini_chunk({"text": "Hello"}, finishReason=reason)],
        OLLAMA: [{**make_ollama_line(content="Hello"), "done_reason": reason}],
    }[model]
    response = read(model, events)

    assert (response.text, response.finish_reason) == ("Hello", "other")


REPORTS = (
    {"code": 1113, "msg": "used up"},
    {"base_resp": {"status_msg": "used up"}},
    {"detail": "used up"},
    {"errors": ["used up"]},
)


@pytest.mark.parametrize("body", REPORTS, ids=json.dumps)
@pytest.mark.parametrize("model", [ANTHROPIC, GEMINI, OLLAMA])
def test_a_reply_without_content_quotes_the_server(model, body):
    """
    The error quotes the server's message and does not blame base_url.
    """
    with pytest.raises(budwood.BadResponseError, match="used up") as caught:
        ask(model, body)

    assert "base_url" not in str(caught.value)


@pytest.mark.parametrize("streamed", [False, True], ids=["reply", "stream"])
@pytest.mark.parametrize("model", [ANTHROPIC, GEMINI, OLLAMA])
def test_ids_and_names_that_are_numbers_become_texts(model, streamed):
    """
    Numbers as the id or model of a reply, or as the id of a call, become text.
    """
    call = {"type": "tool_use", "id": 5, "name": 7, "input": {"city": "Oslo"}}
    body = {
        ANTHROPIC: {"id": 1, "model": 2, "content": [call], "stop_reason": "tool_use"},
        GEMINI: {
            "responseId": 1,
            "modelVersion": 2,
            **make_gemini_chunk({"functionCall": {"id": 5, "name": 7, "args": {"city": "Oslo"}}}),
        },
        OLLAMA: {
            **make_ollama_line(tool_calls=[{"id": 5, "function": {"name": 7, "arguments": {"city": "Oslo"}}}]),
            "model": 2,
        },
    }[model]
    events = [{"type": "message_start", "message": body}, END[1]] if model == ANTHROPIC else [body]
    response = read(model, events) if streamed else ask(model, body)

    assert response.model == "2"
    (tool_call,) = response.tool_calls
    assert (tool_call.id, tool_call.name, tool_call.parse_arguments()) == ("5", "7", {"city": "Oslo"})


def test_text_of_a_block_with_an_invalid_type_is_read():
    """
    The text of a block is read even if its type is not a string.
    """
    body = {"content": [{"type": ["text"], "text": "Hello"}], "stop_reason": "end_turn"}

    assert ask(ANTHROPIC, body).text == "Hello"
    assert read(ANTHROPIC, [{"type": "message_start", "message": body}, END[1]]).text == "Hello"


@pytest.mark.parametrize(
    "content",
    ["Hello", ["Hello"], [None, {"type": "text", "text": "Hello"}], {"type": "text", "text": "Hello"}],
    ids=["text", "text in a list", "null", "object"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_content_that_is_no_list_of_blocks_is_read(streamed, content):
    """
    Gateways send content of Anthropic as a text, an object, or a list with texts and null.
    """
    body = {"content": content, "stop_reason": "end_turn"}
    response = read(ANTHROPIC, [{**START, "message": body}, *END]) if streamed else ask(ANTHROPIC, body)

    assert response.text == "Hello"


@pytest.mark.parametrize("streamed", [False, True])
def test_an_input_that_is_json_text_is_not_encoded_again(streamed):
    """
    Gateways send the input of a call as JSON text, in place of an object.
    """
    block = {"type": "tool_use", "id": "c1", "name": "weather", "input": '{"city": "Oslo"}'}
    events = [START, start(**block), make_block_stop(), *END]
    response = read(ANTHROPIC, events) if streamed else ask(ANTHROPIC, {"content": [block], "stop_reason": "tool_use"})

    assert [call.arguments for call in response.tool_calls] == ['{"city": "Oslo"}']
