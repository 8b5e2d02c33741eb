from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ServerError
from budwood.types import ChatRequest, HTTPReply, Message, ReasoningPart, ReplyHead, TextPart, VendorPart
from budwood_testing import chat_reply

REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))


def make_reply(body, headers=None, status=200):
    """
    Create a reply with a JSON body.
    """
    return HTTPReply(ReplyHead(status, headers or {}), json.dumps(body).encode())


def decode(new_provider, body, headers=None):
    """
    Decode a reply to a fixed request.
    """
    return new_provider().decode(REQUEST, make_reply(body, headers))


def test_openai_reply(new_provider):
    """
    A plain reply is decoded with text, finish reason, usage, names and headers.
    """
    headers = {"x-request-id": "req_1", "x-ratelimit-remaining-tokens": "90", "x-ratelimit-reset-tokens": "6m0s"}
    response = decode(new_provider, chat_reply("Hi") | {"system_fingerprint": "fp_1"}, headers)

    assert response.text == "Hi"
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 7)
    assert (response.id, response.model, response.request_id) == ("chatcmpl-1", "scripted", "req_1")
    assert (response.rate_limits.remaining_tokens, response.rate_limits.reset_tokens) == (90, 360.0)
    assert response.metadata == {"system_fingerprint": "fp_1"}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_in_both_fields(new_provider, name):
    """
    Reasoning is decoded from both of its fields, and comes before the text.
    """
    response = decode(new_provider, chat_reply("4", **{name: "2 and 2"}))

    thought = ReasoningPart(text="2 and 2", provider="my-server", data=name)
    assert response.message.parts == (thought, TextPart(text="4"))


def test_reasoning_in_two_fields_is_decoded_once(new_provider):
    """
    If a server sends the same reasoning in both fields, it is decoded once.
    """
    assert (
        decode(new_provider, chat_reply("4", reasoning="2 and 2", reasoning_content="2 and 2")).reasoning == "2 and 2"
    )


def test_content_list(new_provider):
    """
    Content parts become text, reasoning, and vendor parts for types that Budwood does not model.
    """
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2 "}, {"type": "text", "text": "and 2"}]},
        {"type": "text", "text": "It is "},
        "4.",
        {"type": "reference", "reference_ids": [1]},
    ]
    response = decode(new_provider, chat_reply(content))

    assert response.text == "It is 4."
    assert response.reasoning == "2 and 2"
    assert response.message.parts[-1] == VendorPart(
        provider="my-server", kind="reference", data={"type": "reference", "reference_ids": [1]}
    )


def test_tool_calls_without_ids_get_unique_ids(new_provider):
    """
    Tool calls without ids get unique ids, and arguments may be an object.
    """
    calls = [
        {"function": {"name": "a", "arguments": {"x": 1}}},
        {"id": None, "function": {"name": "b", "arguments": ""}},
        {"id": "", "function": {"name": "c"}},
    ]
    response = decode(new_provider, chat_reply(None, tool_calls=calls))

    assert [(call.name, call.arguments) for call in response.tool_calls] == [("a", '{"x":1}'), ("b", ""), ("c", "")]
    assert len({call.id for call in response.tool_calls} - {""}) == 3


@pytest.mark.parametrize("raw", ["tool_calls", "stop", "function_call"])
def test_stop_after_tool_calls_becomes_tool_calls(new_provider, raw):
    """
    With tool calls, ``stop`` becomes ``tool_calls``; the raw value is unchanged.
    """
    calls = [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]
    response = decode(new_provider, chat_reply(None, tool_calls=calls, finish_reason=raw))

    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", raw)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("error", "error"),
        ("insufficient_system_resource", "other"),
        (None, "other"),
    ],
)
def test_finish_reasons(new_provider, raw, reason):
    """
    Known finish reasons are converted, and an unknown one is ``other``, not an error.
    """
    response = decode(new_provider, chat_reply("Hi", finish_reason=raw))

    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_refusal_is_a_part(new_provider):
    """
    A refusal is a part of its own, not text.
    """
    response = decode(new_provider, chat_reply(None, refusal="I cannot."))

    assert response.text == ""
    assert [part.type for part in response.message.parts] == ["refusal"]


def test_unknown_fields_are_preserved(new_provider):
    """
    Unknown fields of the message become parts, and those of the choice and the reply become metadata.
    """
    body = chat_reply("Hi", annotations=[{"url": "u"}], audio=None) | {"citations": ["u"], "provider": "Novita"}
    body["choices"][0] |= {"logprobs": {"content": [1]}, "native_finish_reason": "end_turn", "stop_reason": None}
    response = decode(new_provider, body)

    annotations = VendorPart(provider="my-server", kind="annotations", data=[{"url": "u"}])
    assert response.message.parts == (TextPart(text="Hi"), annotations)
    assert response.metadata == {
        "citations": ["u"],
        "provider": "Novita",
        "logprobs": {"content": [1]},
        "native_finish_reason": "end_turn",
    }
    assert response.raw == body


def test_requested_choices_are_alternatives(new_provider):
    """
    If several choices are requested, the others are alternatives, in the order of their indexes.
    """
    body = chat_reply("first")
    body["choices"].insert(0, {"index": 1, "message": {"content": "second"}, "finish_reason": "stop"})
    request = REQUEST.model_copy(update={"extra": {"n": 2}})
    response = new_provider().decode(request, make_reply(body))

    assert (response.text, [message.text for message in response.alternatives]) == ("first", ["second"])


def test_missing_usage_is_none(new_provider):
    """
    Counts that the server does not report are None, not 0.
    """
    usage = decode(new_provider, chat_reply("Hi", usage=None)).usage

    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens) == (None,) * 4


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_tokens_details": {"cached_tokens": 30}},
        {"prompt_cache_hit_tokens": 30, "prompt_cache_miss_tokens": 70, "prompt_tokens_details": None},
    ],
)
def test_cached_input_is_included_in_input(new_provider, cached):
    """
    Cached input, in the fields of OpenAI and DeepSeek, is included in the input.
    """
    body = chat_reply("Hi", usage={"prompt_tokens": 100, "completion_tokens": 1, **cached})
    usage = decode(new_provider, body).usage

    assert (usage.input_tokens, usage.uncached_input_tokens, usage.cache_read_tokens) == (100, 70, 30)


@pytest.mark.parametrize(("completion", "total"), [(300, 400), (50, 400)])
def test_reasoning_is_included_in_output(new_provider, completion, total):
    """
    Reasoning is included in the output, also if only the total includes it.
    """
    details = {"completion_tokens_details": {"reasoning_tokens": 250}}
    recorded_usage = {"prompt_tokens": 100, "completion_tokens": completion, "total_tokens": total, **details}
    usage = decode(new_provider, chat_reply("4", usage=recorded_usage)).usage

    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (300, 250, 400)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, [], "text", 1, None])
def test_missing_choices_are_an_error(new_provider, body):
    """
    A reply without choices is an error, not an empty answer.
    """
    with pytest.raises(BadResponseError):
        decode(new_provider, body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"<html><title>Sign in</title></html>", "Sign in"), (b"", "empty"), (b"{", "starts with '{'")],
)
def test_reply_that_is_not_json_is_described(new_provider, body, expected):
    """
    The error describes a login page or a truncated body, and its hint mentions the address.
    """
    with pytest.raises(BadResponseError, match=expected) as caught:
        new_provider().decode(REQUEST, HTTPReply(ReplyHead(200, {}), body))
    assert "base_url" in caught.value.hint


@pytest.mark.parametrize(
    "body", [{"error": {"message": "It broke."}}, {"error": "It broke."}, {"object": "error", "message": "It broke."}]
)
def test_error_with_status_200_is_raised(new_provider, body):
    """
    A body with an error is raised despite the status 200.
    """
    with pytest.raises(ServerError, match="It broke"):
        decode(new_provider, body)
