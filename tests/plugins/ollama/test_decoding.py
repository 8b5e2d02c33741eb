from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, NotFoundError, ServerError
from budwood.types import (
    ChatRequest,
    HTTPReply,
    Message,
    ReasoningPart,
    ReplyHead,
    TextPart,
    ToolCallPart,
    VendorPart,
)

DURATIONS = ("total_duration", "load_duration", "prompt_eval_duration", "eval_duration")
REQUEST = ChatRequest(model="qwen3", messages=(Message.user("Hello"),))


@pytest.fixture
def read(ollama):
    """
    Decode a complete reply.
    """

    def decode(body, request=REQUEST, **headers):
        encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
        return ollama().decode(request, HTTPReply(ReplyHead(200, headers), encoded))

    return decode


def test_all_fields_of_a_reply(read, answer):
    """
    Text, thinking, usage, durations, time and model have the same attributes as for every vendor.
    """
    body = answer("Blue.", message={"thinking": "Rayleigh."})
    response = read(body, **{"x-request-id": "r1"})

    assert response.message.parts == (ReasoningPart(text="Rayleigh."), TextPart(text="Blue."))
    assert (response.model, response.request_id, response.raw) == ("qwen3", "r1", body)
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (21, 7, 28)
    assert response.usage.raw == {"prompt_eval_count": 21, "eval_count": 7}
    assert response.metadata == {name: body[name] for name in ("created_at", *DURATIONS)}


def test_missing_counts_are_unknown(read, answer):
    """
    Older servers do not count a prompt that was completely in their cache: the count is None, not 0.
    """
    body = answer("Hi")
    del body["prompt_eval_count"]
    usage = read(body).usage

    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (None, 7, None)
    assert (usage.cache_read_tokens, usage.reasoning_tokens) == (None, None)


@pytest.mark.parametrize(
    ("raw", "reason"), [("stop", "stop"), ("length", "length"), ("load", "other"), ("unload", "other"), (None, "other")]
)
def test_finish_reasons(read, answer, raw, reason):
    """
    The raw reason is preserved. A reply that only loads the model has no answer.
    """
    response = read(answer("Hi", done_reason=raw))

    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_calls_without_ids_get_numbers(read, answer):
    """
    The ids differ within a conversation.
    """
    calls = [{"function": {"name": "weather", "arguments": {"city": city}}} for city in ("Oslo", "Rome")]
    earlier = Message(role="assistant", parts=(ToolCallPart(id="call_0", name="clock"),))
    again = ChatRequest(model="qwen3", messages=(*REQUEST.messages, earlier))
    body = answer(message={"tool_calls": calls})

    first, later = read(body), read(body, again)

    assert [call.id for call in first.tool_calls] == ["call_0", "call_1"]
    assert [call.id for call in later.tool_calls] == ["call_1", "call_2"]
    assert [call.parse_arguments() for call in first.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert (first.finish_reason, first.raw_finish_reason) == ("tool_calls", "stop")


def test_the_servers_id_of_a_call(read, answer):
    """
    Newer servers send one. Arguments may be missing, or a text from similar servers.
    """
    calls = [
        {"id": "call_x", "function": {"index": 0, "name": "clock"}},
        {"id": "call_y", "function": {"index": 1, "name": "clock", "arguments": '{"zone": "UTC"}'}},
    ]
    first, second = read(answer(message={"tool_calls": calls})).tool_calls

    assert (first.id, first.arguments, first.provider) == ("call_x", "{}", None)
    assert (second.id, second.parse_arguments()) == ("call_y", {"zone": "UTC"})


def test_unknown_fields_are_sent_back(read, answer, ollama):
    """
    Unknown fields of a message or a call are sent back unchanged.
    """
    call = {"id": "1", "mark": "m", "function": {"name": "clock", "arguments": {}, "thought_signature": "s"}}
    message = read(answer(message={"images": ["aGk="], "tool_calls": [call]})).message
    again = ChatRequest(model="qwen3", messages=(*REQUEST.messages, message))
    sent = json.loads(ollama().encode(again, stream=False).body)["messages"][1]

    assert VendorPart(provider="ollama", kind="images", data=["aGk="]) in message.parts
    assert sent == {"role": "assistant", "content": "", "images": ["aGk="], "tool_calls": [call]}


def test_remote_models_and_log_probabilities_are_metadata(read, answer):
    """
    Other fields of a reply are metadata under their own names.
    """
    response = read(answer("Hi", remote_model="gpt-oss:120b", logprobs=[{"token": "Hi", "logprob": -0.1}]))

    assert response.metadata["remote_model"] == "gpt-oss:120b"
    assert response.metadata["logprobs"] == [{"token": "Hi", "logprob": -0.1}]


@pytest.mark.parametrize("body", [b"", b"<html></html>", b"[]", {"done": True}, {"message": "Hi"}])
def test_an_invalid_reply_is_described(read, body):
    """
    A reply without a message, or that is not a JSON object, raises BadResponseError.
    """
    with pytest.raises(BadResponseError):
        read(body)


@pytest.mark.parametrize(
    ("text", "expected"), [("model 'x' not found", NotFoundError), ("an unknown error occurred", ServerError)]
)
def test_an_error_inside_a_200_is_raised(read, text, expected):
    """
    A reply with status 200 may contain an error.
    """
    with pytest.raises(expected, match=text):
        read({"error": text})
