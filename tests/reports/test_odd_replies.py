"""Replies with values of other types, or in other places, than in OpenAI's API lose nothing."""

from __future__ import annotations

import pytest

from budwood.types import TextPart, VendorPart
from budwood_testing import chat_reply
from tests.reports.compatible import OSLO, ask, chunk, events, make_tool_call_reply, tool_call, weather

WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}


def reply(scripted, message, reason="stop", *, streamed, body=(), choice=()):
    """
    Script a reply, complete or streamed, with additional fields in the body and in the choice.
    """
    if streamed:
        first, last = chunk(message), chunk({}, reason, **dict(body))
        last["choices"][0] |= dict(choice)
        scripted.reply(200, chunks=events(first, last))
        return
    complete = chat_reply(None, finish_reason=reason, usage=None) | dict(body)
    complete["choices"][0] |= {"message": {"role": "assistant", **message}, **dict(choice)}
    scripted.reply(200, complete)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param([{"text": "Hi"}], id="part without a type"),
        pytest.param([{"type": None, "text": "Hi"}], id="type of null"),
        pytest.param([{"type": "output_text", "text": "Hi"}], id="type of Responses"),
        pytest.param([{"type": "text", "text": {"value": "Hi"}}], id="text in an object"),
        pytest.param([{"type": "text", "content": "Hi"}], id="text under content"),
        pytest.param([{"type": "text", "text": "H"}, None, "i"], id="parts of several types"),
        pytest.param({"type": "text", "text": "Hi"}, id="one part without a list"),
        pytest.param({"text": "Hi"}, id="object"),
        pytest.param([["H", "i"]], id="list in a list"),
    ],
)
@WAYS
def test_content_in_several_parts_is_joined(streamed, content, scripted, clock):
    """
    The text of the content is read from a string, a list or an object.
    """
    reply(scripted, {"content": content}, streamed=streamed)

    assert ask(scripted, clock, streamed=streamed).text == "Hi"


@pytest.mark.parametrize(("content", "text"), [(0, "0"), (42, "42"), (1.5, "1.5")])
@WAYS
def test_a_number_as_content_is_its_text(streamed, content, text, scripted, clock):
    """
    A number as content is read as text, also 0.
    """
    reply(scripted, {"content": content}, streamed=streamed)

    assert ask(scripted, clock, streamed=streamed).text == text


@pytest.mark.parametrize("empty", [None, "", [], {}, False, [None], [""], [{"type": "text", "text": ""}]], ids=repr)
@WAYS
def test_empty_content_adds_no_part(streamed, empty, scripted, clock):
    """
    Empty content of any type adds no part to the message.
    """
    reply(scripted, {"content": empty, "tool_calls": [tool_call()]}, "tool_calls", streamed=streamed)

    response = ask(scripted, clock, streamed=streamed, tools=[weather], execute_tools=False)
    assert [part.type for part in response.message.parts] == ["tool_call"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Hm.", "Hm."),
        (["H", "m."], "Hm."),
        ([{"text": "H"}, {"text": "m."}], "Hm."),
        ({"content": "Hm."}, "Hm."),
        ({"text": "Hm."}, "Hm."),
        (0, "0"),
    ],
)
@WAYS
def test_reasoning_of_other_types_is_read(streamed, value, text, scripted, clock):
    """
    Reasoning that is not a string is read.
    """
    reply(scripted, {"content": "Hi", "reasoning": value}, streamed=streamed)

    response = ask(scripted, clock, streamed=streamed)
    assert (response.reasoning, response.text) == (text, "Hi")


@pytest.mark.parametrize("name", ["reasoning", "refusal"])
@WAYS
def test_unreadable_values_are_vendor_parts(streamed, name, scripted, clock):
    """
    A value without text is retained as a vendor part.
    """
    reply(scripted, {"content": "Hi", name: {"level": 3}}, streamed=streamed)

    parts = ask(scripted, clock, streamed=streamed).message.parts
    vendor_part = VendorPart(provider="openai-compatible", kind=name, data={"level": 3})
    assert sorted(parts, key=lambda part: part.type) == [TextPart(text="Hi"), vendor_part]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("STOP", "stop"),
        ("end_turn", "stop"),
        ("eos_token", "stop"),
        ("MAX_TOKENS", "length"),
        ("max_tokens", "length"),
        ("tool-calls", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("SAFETY", "content_filter"),
        ("content-filter", "content_filter"),
        ({"type": "stop"}, "stop"),
        ({"reason": "length"}, "length"),
        (2, "other"),
    ],
)
@WAYS
def test_finish_reasons_of_other_vendors_are_known(streamed, raw, expected, scripted, clock):
    """
    Finish reasons of other vendors are known, also in capitals, with hyphens, or inside an object.
    """
    reply(scripted, {"content": "Hi"}, raw, streamed=streamed)

    response = ask(scripted, clock, streamed=streamed)
    assert response.finish_reason == expected
    assert response.raw_finish_reason in ([*raw.values()] if isinstance(raw, dict) else [str(raw)])


@pytest.mark.parametrize("unfinished", ["null", "", None, "NONE"])
def test_the_text_null_is_not_a_finish_reason(unfinished, scripted, clock):
    """
    Some servers write the text ``null`` as the finish reason of each chunk; it does not end the stream.
    """
    chunks = [chunk({"content": "H"}, unfinished), chunk({"content": "i"}, unfinished), chunk({}, "length")]
    scripted.reply(200, chunks=events(*chunks))

    response = ask(scripted, clock, streamed=True)
    assert (response.text, response.finish_reason) == ("Hi", "length")


@WAYS
def test_a_finish_reason_beside_the_choices_is_read(streamed, scripted, clock):
    """
    The finish reason can be in the body instead of the choice.
    """
    reply(scripted, {"content": "Hi"}, None, streamed=streamed, body={"finish_reason": "length"})

    assert ask(scripted, clock, streamed=streamed).finish_reason == "length"


@pytest.mark.parametrize(
    "usage",
    [
        USAGE,
        {"prompt_tokens": "5", "completion_tokens": "7"},
        {"prompt_tokens": 5.0, "completion_tokens": 7.0},
        {"input_tokens": 5, "output_tokens": 7},
        {**USAGE, "prompt_tokens_details": None, "completion_tokens_details": []},
        {**USAGE, "prompt_tokens_details": {"cached_tokens": None}},
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["body", "choice"])
@WAYS
def test_usage_of_other_types_and_places_is_read(streamed, place, usage, scripted, clock):
    """
    Token counts can be texts or decimals, have the names of other vendors, and be in the choice.
    """
    reply(scripted, {"content": "Hi"}, streamed=streamed, **{place: {"usage": usage}})

    response = ask(scripted, clock, streamed=streamed)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 7)
    assert "usage" not in response.metadata


@pytest.mark.parametrize(
    "last",
    [
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": 5, "completion_tokens": 0},
        {"completion_tokens": 7},
        {"prompt_tokens_details": {"cached_tokens": 0}},
        {},
        [],
        "none",
    ],
    ids=str,
)
def test_counts_of_zero_do_not_replace_real_ones(last, scripted, clock):
    """
    A last chunk with zeros, or with lower counts than before, does not change the usage.
    """
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": 3}}
    scripted.reply(200, chunks=events(chunk({"content": "Hi"}, usage=usage), chunk({}, "stop", usage=last)))

    counted = ask(scripted, clock, streamed=True).usage
    assert (counted.input_tokens, counted.output_tokens, counted.cache_read_tokens) == (5, 7, 3)


@pytest.mark.parametrize(
    ("own", "expected"), [(17, "17"), ("x", "x"), ("", None), (None, None), ({}, None), (True, None)]
)
@WAYS
def test_ids_of_other_types_are_texts(streamed, own, expected, scripted, clock):
    """
    A number as id or model becomes text.
    """
    if streamed:
        scripted.reply(200, chunks=events({**chunk({"content": "Hi"}, "stop"), "id": own, "model": own}))
    else:
        scripted.reply(200, chat_reply("Hi") | {"id": own, "model": own})

    assert ask(scripted, clock, streamed=streamed).id == expected


@pytest.mark.parametrize(
    "name", ["tool_calls", "function_call", "annotations", "refusal", "audio", "reasoning_content"]
)
@pytest.mark.parametrize("empty", [None, [], {}, ""], ids=repr)
@WAYS
def test_empty_fields_are_ignored(streamed, empty, name, scripted, clock):
    """
    Null, and an empty list, object or text, in any field of a message count as missing.
    """
    reply(scripted, {"content": "Hi", name: empty}, streamed=streamed)

    response = ask(scripted, clock, streamed=streamed)
    assert (response.message.parts, response.finish_reason) == ((TextPart(text="Hi"),), "stop")


def test_a_repeated_message_at_the_end_of_a_stream_is_ignored(scripted, clock):
    """
    Some servers repeat the complete message in the last chunk; it is not appended.
    """
    last = chunk({}, "stop")
    last["choices"][0] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}
    scripted.reply(200, chunks=events(chunk({"content": "H"}), chunk({"content": "i"}), last))

    assert ask(scripted, clock, streamed=True).text == "Hi"


def test_a_message_in_place_of_a_delta_is_read(scripted, clock):
    """
    If a stream has no delta, the message of its only chunk is the reply.
    """
    only = {"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi"}}]}
    scripted.reply(200, chunks=events(only))

    assert ask(scripted, clock, streamed=True).text == "Hi"


@pytest.mark.parametrize("choices", ["an object", "a text"])
@WAYS
def test_choices_and_messages_of_other_types_are_read(streamed, choices, scripted, clock):
    """
    A single choice without a list, and a message that is a string, are read.
    """
    message = {"content": "Hi"} if choices == "an object" else "Hi"
    choice = {"index": 0, "finish_reason": "stop", "delta" if streamed else "message": message}
    body = {"id": "c", "choices": choice if choices == "an object" else [choice]}
    if streamed:
        scripted.reply(200, chunks=events(body))
    else:
        scripted.reply(200, body)

    assert ask(scripted, clock, streamed=streamed).text == "Hi"


@pytest.mark.parametrize("arguments", ["", " ", "{}", None, "null", {}, []], ids=repr)
@WAYS
def test_a_tool_without_parameters_is_run(streamed, arguments, scripted, clock):
    """
    Any empty value instead of ``{}`` calls the tool, and ``{}`` is sent back.
    """
    called = []

    def get_time() -> str:
        """
        Tell the time.
        """
        called.append(True)
        return "noon"

    call = tool_call(arguments, "get_time")
    reply(scripted, {"tool_calls": [call]}, "tool_calls", streamed=streamed)
    reply(scripted, {"content": "Noon."}, streamed=streamed)

    assert ask(scripted, clock, streamed=streamed, tools=[get_time]).text == "Noon."
    assert called == [True]
    assert scripted.sent()["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_the_older_function_call_is_run(scripted, clock):
    """
    The older ``function_call`` without an id runs the function.
    """
    body = make_tool_call_reply()
    body["choices"][0]["message"] = {"role": "assistant", "function_call": {"name": "weather", "arguments": OSLO}}
    scripted.reply(200, body).reply(200, chat_reply("Rain."))

    assert ask(scripted, clock, tools=[weather]).text == "Rain."
    assert scripted.sent()["messages"][2]["content"] == "rain in Oslo"
