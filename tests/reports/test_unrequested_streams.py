"""Streams that were not requested, and JSON bodies in place of a requested stream."""

from __future__ import annotations

import pytest

from budwood import BadResponseError, ContextLengthError, ServerError, StreamInterruptedError
from budwood_testing import chat_reply
from tests.reports.wire import (
    CLAUDE,
    CLAUDE_END,
    COMPATIBLE,
    GEMINI,
    chunk,
    encode_json,
    encode_named_sse,
    encode_sse,
    weather,
)

EVENTS = {"content-type": "text/event-stream"}
CHAT_STREAM = encode_sse(
    chunk({"role": "assistant", "content": "Hel"}),
    chunk({"content": "lo."}),
    chunk({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 3}),
)
CLAUDE_STREAM = encode_named_sse(
    {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 9}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}},
    *CLAUDE_END,
)
GEMINI_STREAM = encode_sse(
    {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hello."}]}, "finishReason": "STOP"}]}, end=b""
)


@pytest.mark.report("sgl-project/mini-sglang#51", outcome="mended")
@pytest.mark.parametrize("start", [b"", b": connected\n\n", b"\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("headers", [EVENTS, {"content-type": "application/json"}])
def test_ask_reads_a_stream_that_was_not_requested(start, headers, scripted, make_client):
    """
    A server that always streams still gives `client.ask` the full reply with its usage.
    """
    scripted.reply(200, start + CHAT_STREAM, headers=headers)

    reply = make_client(COMPATIBLE).ask("Hi")

    assert (reply.text, reply.finish_reason) == ("Hello.", "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 3)


@pytest.mark.report("BerriAI/litellm#34095", outcome="mended")
@pytest.mark.parametrize(("model", "stream"), [(CLAUDE, CLAUDE_STREAM), (GEMINI, GEMINI_STREAM)])
def test_ask_reads_the_streams_of_each_vendor(model, stream, scripted, make_client):
    """
    A gateway that forces server-sent events does so for every vendor's API.
    """
    scripted.reply(200, stream, headers=EVENTS)

    assert make_client(model).ask("Hi").text == "Hello."


@pytest.mark.report("BerriAI/litellm#34095", outcome="mended")
def test_ask_reads_a_stream_of_responses(scripted, make_client):
    """
    The Responses API of such a gateway ends with `response.completed`.
    """
    content = [{"type": "output_text", "text": "Hello.", "annotations": []}]
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    response = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": [item]}
    body = encode_named_sse(
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    )
    scripted.reply(200, body + b"data: [DONE]\n\n", headers=EVENTS)

    assert make_client("openai/gpt-5", api="responses").ask("Hi").text == "Hello."


def test_tools_are_called_from_a_stream_that_was_not_requested(scripted, make_client):
    """
    Tool calls whose arguments are split between the events are run.
    """
    function = {"name": "weather", "arguments": '{"city": '}
    call = {"index": 0, "id": "call_1", "type": "function", "function": function}
    rest = {"index": 0, "function": {"arguments": '"Oslo"}'}}
    scripted.reply(
        200,
        encode_sse(chunk({"tool_calls": [call]}), chunk({"tool_calls": [rest]}), chunk({}, "tool_calls")),
        headers=EVENTS,
    )
    scripted.reply(200, CHAT_STREAM, headers=EVENTS)

    reply = make_client(COMPATIBLE).ask("Weather?", tools=[weather])

    assert reply.text == "Hello."
    assert scripted.sent()["messages"][-1]["content"] == "rain in Oslo"


@pytest.mark.report("decolua/9router#3492", outcome="mended")
@pytest.mark.parametrize("mark", [b"data: [DONE]\n\n", b"\n\ndata: [DONE]\n\n", b"\ndata:[DONE]"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_end_mark_after_a_json_body_is_ignored(is_streamed, mark, scripted, make_client, collect):
    """
    Some gateways append the end mark of a stream to a complete JSON body.
    """
    scripted.reply(200, encode_json(chat_reply("Hello.")) + mark, headers=EVENTS)

    reply = collect() if is_streamed else make_client(COMPATIBLE).ask("Hi")

    assert reply.text == "Hello."


def test_an_error_in_a_stream_that_was_not_requested_is_raised(scripted, make_client):
    """
    The error has the type and the message that the server reports.
    """
    error = {"error": {"message": "The engine died.", "type": "server_error", "code": 500}}
    scripted.reply(200, encode_sse(error), headers=EVENTS)

    with pytest.raises(ServerError, match="The engine died"):
        make_client(COMPATIBLE).ask("Hi")


def test_a_truncated_stream_that_was_not_requested_is_retried(scripted, make_client):
    """
    Without a finish reason and without an end mark the reply is incomplete, and the request is repeated.
    """
    scripted.reply(200, encode_sse(chunk({"content": "Hel"}), end=b""), headers=EVENTS)
    scripted.reply(200, CHAT_STREAM, headers=EVENTS)
    scripted.reply(200, encode_sse(chunk({"content": "Hel"}), end=b""), headers=EVENTS)

    assert make_client(COMPATIBLE, retries=1).ask("Hi").text == "Hello."
    with pytest.raises(StreamInterruptedError):
        make_client(COMPATIBLE).ask("Hi")


def test_a_stream_in_reply_to_another_service_is_an_error(scripted, make_client):
    """
    Embeddings have no streams: the error describes the body.
    """
    scripted.reply(200, CHAT_STREAM, headers=EVENTS)

    with pytest.raises(BadResponseError, match="data: "):
        make_client(COMPATIBLE).embed(["a"])


@pytest.mark.report("lemonade-sdk/lemonade#2826", outcome="right")
def test_a_json_error_in_place_of_a_stream_has_its_message(scripted, collect):
    """
    A server forwarded the JSON error of its backend as the body of an event stream, with status 200.
    """
    message = "request (19185 tokens) exceeds the available context size (16384 tokens), try increasing it"
    body = {"error": {"code": 400, "message": message, "type": "exceed_context_size_error"}}
    scripted.reply(200, encode_json(body), headers=EVENTS)

    with pytest.raises(ContextLengthError, match="exceeds the available context size"):
        collect()


@pytest.mark.report("mistralai/mistral-vibe#619", outcome="right")
def test_a_json_reply_in_place_of_a_stream_is_read(scripted, collect):
    """
    A server without streaming answers with a complete JSON body.
    """
    scripted.reply(200, chat_reply("Hello."))

    assert collect().text == "Hello."
