"""Messages as dictionaries in OpenAI's form: fields are sent, refused or reported, and never lost."""

from __future__ import annotations

import json

import pytest

from budwood import Client, Image, Message
from budwood.engine.chat.prompts import parse_prompt
from budwood.errors import PromptError
from budwood.types import ImagePart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from budwood_testing import ScriptedTransport, chat_reply

MARK = {"type": "ephemeral"}
PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "c1", "type": "function", "function": {"name": "shot", "arguments": "{}"}}


def read(*messages):
    """
    Convert dictionaries to the messages of a prompt.
    """
    return parse_prompt(list(messages))


@pytest.mark.report("BerriAI/litellm#6953", outcome="mended")
@pytest.mark.parametrize(
    ("fields", "lifetime"),
    [
        ({"content": [{"type": "text", "text": "long", "cache_control": MARK}]}, "default"),
        ({"content": [{"type": "text", "text": "long", "cache_control": {**MARK, "ttl": "1h"}}]}, "1h"),
        ({"content": [{"type": "image_url", "image_url": {"url": PNG}, "cache_control": {**MARK, "ttl": "5m"}}]}, "5m"),
        ({"content": "long", "cache_control": MARK}, "default"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "cache_control": MARK}, "default"),
    ],
)
def test_cache_control_becomes_a_cache_mark(fields, lifetime):
    """
    `cache_control` of a part or a message becomes the cache mark of a part.
    """
    (message,) = read({"role": "user", **fields})

    assert [part.cache for part in message.parts][-1] == lifetime


def test_cache_control_is_sent_to_anthropic():
    """
    `cache_control` is sent to Anthropic, also for system prompts and tool results.
    """
    transport = ScriptedTransport().reply(body=make_anthropic_reply())
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Rules.", "cache_control": MARK}]},
        {"role": "user", "content": "Look."},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "the screen", "cache_control": {**MARK, "ttl": "1h"}},
    ]

    with Client("anthropic/claude-sonnet-4-5", api_key="no-key-123", transport=transport) as client:
        client.ask(messages, max_tokens=5)

    sent = transport.sent()
    assert sent["system"][0]["cache_control"] == MARK
    assert sent["messages"][-1]["content"][0]["cache_control"] == {**MARK, "ttl": "1h"}


def make_anthropic_reply():
    """
    Return a reply of Anthropic.
    """
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [{"type": "text", "text": "ok"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


@pytest.mark.report("langchain-ai/langchain#39370", outcome="mended")
@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_keeps_its_field_name(field):
    """
    Reasoning becomes a part that stores the name of its field for the server.
    """
    (message,) = read({"role": "assistant", "content": "Rain.", field: "Clouds, so rain."})

    assert message.parts == (ReasoningPart(text="Clouds, so rain.", data=field), TextPart(text="Rain."))


@pytest.mark.report("securo-finance/securo#884", outcome="mended")
def test_unknown_fields_of_a_call_are_retained():
    """
    Fields of a call that Budwood does not model are in the data of the part.
    """
    extra = {"google": {"thought_signature": "SIG"}}
    call = {**CALL, "extra_content": extra, "function": {**CALL["function"], "note": 1}}
    (message,) = read({"role": "assistant", "content": None, "tool_calls": [call]})

    assert message.tool_calls[0].data == {"extra_content": extra, "function": {"note": 1}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": PNG}, ImagePart(url=PNG)),
        ({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}, ImagePart(url=PNG, detail="low")),
        ({"type": "input_image", "image_url": PNG, "detail": "high"}, ImagePart(url=PNG, detail="high")),
        ({"type": "input_text", "text": "a"}, TextPart(text="a")),
        ({"type": "output_text", "text": "a", "annotations": []}, TextPart(text="a")),
        ("a", TextPart(text="a")),
        (Image(url=PNG), ImagePart(url=PNG)),
    ],
)
def test_other_forms_of_parts_are_accepted(part, expected):
    """
    An image's URL may replace its object, and parts may have the names of Responses.
    """
    (message,) = read({"role": "user", "content": [part]})

    assert message.parts == (expected,)


def test_the_older_form_of_function_calls_is_supported():
    """
    A result with the role ``function`` belongs to the last call of that function; arguments may be an object.
    """
    _, first, result, second, again = read(
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
        {"role": "function", "name": "weather", "content": "rain"},
        {"role": "assistant", "content": "", "function_call": {"name": "weather", "arguments": {"city": "Rome"}}},
        {"role": "function", "name": "weather", "content": "sun"},
    )

    calls = [message.tool_calls[0] for message in (first, second)]
    results = [message.tool_results[0] for message in (result, again)]
    assert [call.parse_arguments() for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert [result.call_id for result in results] == [call.id for call in calls]
    assert calls[0].id != calls[1].id
    assert [(result.name, result.content) for result in results] == [("weather", "rain"), ("weather", "sun")]


def test_arguments_may_be_an_object():
    """
    Arguments may be an object instead of JSON text.
    """
    call = {**CALL, "function": {"name": "shot", "arguments": {"x": 1}}}
    (message,) = read({"role": "assistant", "tool_calls": [call]})

    assert json.loads(message.tool_calls[0].arguments) == {"x": 1}


def test_empty_fields_and_own_calls_are_accepted():
    """
    Empty fields of OpenAI's SDK are ignored, and `ToolCallPart` objects are accepted.
    """
    dumped = {
        "role": "assistant",
        "content": "Hi",
        "refusal": None,
        "annotations": [{"type": "url_citation"}],
        "audio": None,
        "function_call": None,
        "tool_calls": [ToolCallPart(id="c1", name="f")],
    }

    assert read(dumped)[0].parts == (TextPart(text="Hi"), ToolCallPart(id="c1", name="f"))


def test_objects_of_an_sdk_are_accepted(client, scripted):
    """
    A message object with a method `model_dump` is accepted.
    """

    class SDKMessage:
        def model_dump(self, *, exclude_none: bool) -> dict:
            assert exclude_none
            return {"role": "assistant", "content": "Hi"}

    scripted.reply(body=chat_reply("ok"))
    client.ask([Message.user("Hi"), SDKMessage(), {"role": "user", "content": "And?"}])

    assert [message["role"] for message in scripted.sent()["messages"]] == ["user", "assistant", "user"]


@pytest.mark.report("BerriAI/litellm#6953", outcome="mended")
@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ({"role": "assistant", "audio": {"id": "a1"}}, "'audio' is not supported.*transcript"),
        (
            {"role": "assistant", "content": "x", "reasoning_details": [{"type": "t"}]},
            "reasoning_details.*reply.message",
        ),
        ({"role": "user", "content": "x", "timestamp": 5}, "'timestamp' is not supported"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "'format' is missing"),
        ({"role": "user", "content": [{"type": "text", "text": "x", "weight": 2}]}, "'weight' is not supported"),
        ({"role": "user", "content": [{"type": "text", "text": 5}]}, "text is of the type int"),
        ({"role": "user", "content": [{"type": "text"}]}, "'text' is missing"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": 5}]}, "image_url is of the type int"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "'image_url' is missing"),
        (
            {"role": "user", "content": "x", "cache_control": {"type": "ephemeral", "ttl": "2h"}},
            "cache_control is.*ttl",
        ),
        ({"role": "assistant", "refusal": "no", "cache_control": MARK}, "is not supported on refusal"),
        ({"role": "human", "content": "x"}, "'human'.*Use one of system"),
        ({"role": "tool", "content": "x"}, "'tool_call_id' is missing"),
        ({"role": "function", "name": "f", "content": "x"}, "no earlier message calls the function 'f'"),
        ({"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]}, "type 'custom' is not supported"),
        ({"role": "assistant", "tool_calls": [{"id": "c"}]}, "'function' is missing"),
        ({"role": "assistant", "function_call": "f"}, "function_call is of the type str"),
        ({"role": "tool", "tool_call_id": "c", "content": {"a": 1}}, "content is of the type dict"),
    ],
)
def test_invalid_messages_are_explained(messages, text):
    """
    The error names the message and the field, and says what to do.
    """
    with pytest.raises(PromptError, match=f"(?s)Message 0: .*{text}"):
        read(messages)


def test_tool_results_keep_their_images():
    """
    A result with an image contains both, in order.
    """
    content = [{"type": "text", "text": "the screen"}, {"type": "image_url", "image_url": PNG}]
    *_, result = read(
        {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "c1", "content": content}
    )

    assert result.tool_results == (
        ToolResultPart(call_id="c1", name="shot", content=(TextPart(text="the screen"), ImagePart(url=PNG))),
    )
