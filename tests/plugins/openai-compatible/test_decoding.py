from __future__ import annotations

import json

import pytest

from budwood.errors import BadResponseError, ServerError
from budwood.types import ChatRequest, HTTPReply, Message, ReasoningPart, ReplyHead, TextPart, VendorPart
from budwood_testing import chat_reply

REQUEST = ChatRequest(model="m", messages=(Message.user("Hello"),))


def reply_of(body, headers=None, status=200):
    """
    Make a reply of JSON.
    """
    return HTTPReply(ReplyHead(status, headers or {}), json.dumps(body).encode())


def decoded(speaker, body, headers=None):
    """
    Decode a reply to one and the same request.
    """
    return speaker().decode(REQUEST, reply_of(body, headers))


def test_a_reply_in_the_form_of_openai(speaker):
    """
    Text, finish reason, usage, names and headers of a plain reply stand in their fields.
    """
    headers = {"x-request-id": "req_1", "x-ratelimit-remaining-tokens": "90", "x-ratelimit-reset-tokens": "6m0s"}
    response = decoded(speaker, chat_reply("Hi") | {"system_fingerprint": "fp_1"}, headers)

    assert response.text == "Hi"
    assert (response.finish_reason, response.raw_finish_reason) == ("stop", "stop")
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 7)
    assert (response.id, response.model, response.request_id) == ("chatcmpl-1", "scripted", "req_1")
    assert (response.rate_limits.remaining_tokens, response.rate_limits.reset_tokens) == (90, 360.0)
    assert response.metadata == {"system_fingerprint": "fp_1"}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_has_two_names(speaker, name):
    """
    Reasoning is read under both of its names, and stands before the text.
    """
    response = decoded(speaker, chat_reply("4", **{name: "2 and 2"}))

    thought = ReasoningPart(text="2 and 2", provider="my-server", data=name)
    assert response.message.parts == (thought, TextPart(text="4"))


def test_reasoning_under_both_names_counts_once(speaker):
    """
    A server that writes reasoning under both names for the sake of older clients has thought once.
    """
    assert decoded(speaker, chat_reply("4", reasoning="2 and 2", reasoning_content="2 and 2")).reasoning == "2 and 2"


def test_content_may_be_a_list(speaker):
    """
    Content in typed pieces becomes text, reasoning, and parts of the vendor for what Budwood does not model.
    """
    pieces = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2 "}, {"type": "text", "text": "and 2"}]},
        {"type": "text", "text": "It is "},
        "4.",
        {"type": "reference", "reference_ids": [1]},
    ]
    response = decoded(speaker, chat_reply(pieces))

    assert response.text == "It is 4."
    assert response.reasoning == "2 and 2"
    assert response.message.parts[-1] == VendorPart(
        provider="my-server", kind="reference", data={"type": "reference", "reference_ids": [1]}
    )


def test_calls_without_ids_get_one_each(speaker):
    """
    Tool calls without ids can be told apart all the same, and arguments may be an object instead of a text.
    """
    calls = [
        {"function": {"name": "a", "arguments": {"x": 1}}},
        {"id": None, "function": {"name": "b", "arguments": ""}},
        {"id": "", "function": {"name": "c"}},
    ]
    response = decoded(speaker, chat_reply(None, tool_calls=calls))

    assert [(call.name, call.arguments) for call in response.tool_calls] == [("a", '{"x":1}'), ("b", ""), ("c", "")]
    assert len({call.id for call in response.tool_calls} - {""}) == 3


@pytest.mark.parametrize("given", ["tool_calls", "stop", "function_call"])
def test_after_tool_calls_the_reason_is_tool_calls(speaker, given):
    """
    Servers that say ``stop`` after tool calls mean ``tool_calls``; their own word is kept.
    """
    calls = [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]
    response = decoded(speaker, chat_reply(None, tool_calls=calls, finish_reason=given))

    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", given)


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
def test_finish_reasons(speaker, raw, reason):
    """
    Every word for the end of a reply has its place, and an unknown one is ``other``, never an error.
    """
    response = decoded(speaker, chat_reply("Hi", finish_reason=raw))

    assert (response.finish_reason, response.raw_finish_reason) == (reason, raw)


def test_a_refusal_is_no_text(speaker):
    """
    The model's words for refusing are a part of their own.
    """
    response = decoded(speaker, chat_reply(None, refusal="I cannot."))

    assert response.text == ""
    assert [part.type for part in response.message.parts] == ["refusal"]


def test_unknown_fields_are_kept(speaker):
    """
    What Budwood does not model is kept: of the message as parts, of the choice and the reply as metadata.
    """
    body = chat_reply("Hi", annotations=[{"url": "u"}], audio=None) | {"citations": ["u"], "provider": "Novita"}
    body["choices"][0] |= {"logprobs": {"content": [1]}, "native_finish_reason": "end_turn", "stop_reason": None}
    response = decoded(speaker, body)

    kept = VendorPart(provider="my-server", kind="annotations", data=[{"url": "u"}])
    assert response.message.parts == (TextPart(text="Hi"), kept)
    assert response.metadata == {
        "citations": ["u"],
        "provider": "Novita",
        "logprobs": {"content": [1]},
        "native_finish_reason": "end_turn",
    }
    assert response.raw == body


def test_further_choices_are_alternatives(speaker):
    """
    A reply of several choices that were asked for holds the others as alternatives, in the order of their indexes.
    """
    body = chat_reply("first")
    body["choices"].insert(0, {"index": 1, "message": {"content": "second"}, "finish_reason": "stop"})
    request = REQUEST.model_copy(update={"extra": {"n": 2}})
    response = speaker().decode(request, reply_of(body))

    assert (response.text, [message.text for message in response.alternatives]) == ("first", ["second"])


def test_unknown_usage_is_none_and_not_zero(speaker):
    """
    What a server does not say of its usage is unknown.
    """
    usage = decoded(speaker, chat_reply("Hi", usage=None)).usage

    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens) == (None,) * 4


@pytest.mark.parametrize(
    "cached",
    [
        {"prompt_tokens_details": {"cached_tokens": 30}},
        {"prompt_cache_hit_tokens": 30, "prompt_cache_miss_tokens": 70, "prompt_tokens_details": None},
    ],
)
def test_cached_input_is_part_of_the_input(speaker, cached):
    """
    Cached input, as OpenAI and as DeepSeek report it, is part of the total.
    """
    usage = decoded(speaker, chat_reply("Hi", usage={"prompt_tokens": 100, "completion_tokens": 1, **cached})).usage

    assert (usage.input_tokens, usage.uncached_input_tokens, usage.cache_read_tokens) == (100, 70, 30)


@pytest.mark.parametrize(("completion", "total"), [(300, 400), (50, 400)])
def test_reasoning_is_part_of_the_output(speaker, completion, total):
    """
    Reasoning counts as output, also where the server counts it beside ``completion_tokens`` and only its total tells.
    """
    details = {"completion_tokens_details": {"reasoning_tokens": 250}}
    counted = {"prompt_tokens": 100, "completion_tokens": completion, "total_tokens": total, **details}
    usage = decoded(speaker, chat_reply("4", usage=counted)).usage

    assert (usage.output_tokens, usage.reasoning_tokens, usage.total_tokens) == (300, 250, 400)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": None}, [], "text", 1, None])
def test_a_reply_without_choices_is_an_error(speaker, body):
    """
    A reply without choices is never taken for an empty answer.
    """
    with pytest.raises(BadResponseError):
        decoded(speaker, body)


@pytest.mark.parametrize(
    ("body", "said"), [(b"<html><title>Sign in</title></html>", "Sign in"), (b"", "empty"), (b"{", "starts with '{'")]
)
def test_a_reply_that_is_no_json_says_what_it_is(speaker, body, said):
    """
    A login page or a cut body is named as what it is, with a hint at the address.
    """
    with pytest.raises(BadResponseError, match=said) as caught:
        speaker().decode(REQUEST, HTTPReply(ReplyHead(200, {}), body))
    assert "base_url" in caught.value.hint


@pytest.mark.parametrize(
    "body", [{"error": {"message": "It broke."}}, {"error": "It broke."}, {"object": "error", "message": "It broke."}]
)
def test_an_error_inside_a_200_is_an_error(speaker, body):
    """
    A status of 200 does not make a success of a body that is an error.
    """
    with pytest.raises(ServerError, match="It broke"):
        decoded(speaker, body)
