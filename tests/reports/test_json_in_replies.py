"""JSON in the text of models: beside reasoning and prose, in code fences, and with control characters."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from budwood import Client
from budwood.errors import StructuredOutputError
from budwood.types import ToolCallPart
from budwood_testing import chat_chunks, chat_reply, sse
from tests.core.engine.structured import NO_SCHEMA

ADA = '{"name": "Ada", "age": 36}'


class Person(BaseModel):
    name: str
    age: int


class Note(BaseModel):
    text: str


SURROUNDINGS = [
    pytest.param("<think>I must fill {{name, age}}.</think>\n\n{0}", id="braces in reasoning"),
    pytest.param('<think>Draft:\n```json\n{{"name": "x", "age": 1}}\n```\n</think>\n{0}', id="fenced draft"),
    pytest.param('Draft {{"name": "x", "age": 1}}, hm.\n</think>\n\n{0}', id="opening tag in the prompt"),
    pytest.param('<thinking>{{"name": "x", "age": 1}}</thinking>{0}', id="thinking"),
    pytest.param('[THINK]{{"name": "x", "age": 1}}[/THINK]{0}', id="Magistral"),
    pytest.param('◁think▷{{"name": "x", "age": 1}}◁/think▷{0}', id="Kimi"),
    pytest.param(
        '<|channel|>analysis<|message|>{{"name": "x", "age": 1}}<|end|>'
        "<|start|>assistant<|channel|>final<|message|>{0}<|return|>",
        id="gpt-oss",
    ),
    pytest.param("<think>a</think>\n<think>{{b}}</think>\n{0}", id="reasoning twice"),
    pytest.param("{0}\n\nThat is all.", id="words after it"),
    pytest.param("{0}<|im_end|>", id="special token"),
    pytest.param("{0}</s>", id="end of sequence"),
    pytest.param("For {{you}}: {0}", id="braces before it"),
    pytest.param("For {{you: {0}", id="brace that never closes"),
    pytest.param("As in [1], {{see}} [2]: {0}", id="references"),
    pytest.param("{0}\n{0}", id="twice"),
    pytest.param('{0}\nUser: and Bob?\n{{"name": "Bob", "age": 5}}', id="model that does not stop"),
    pytest.param('First try: {{"name": "x", "age": 1}}. Better: {0}', id="words lead to the answer"),
    pytest.param(
        'It is not {{"name": "x", "age": 1}} but\n```json\n{0}\n```\nnor {{"name": "y", "age": 2}}.', id="fence"
    ),
    pytest.param("```\n{0}\n```", id="fence without a language"),
    pytest.param('{{"name": "x", ...}}\n{0}', id="sketch before it"),
    pytest.param("\ufeff{0}", id="byte order mark"),
    pytest.param("<answer>{0}</answer>", id="tags"),
    pytest.param("{0}}}", id="one bracket too many"),
]


@pytest.mark.report("garrytan/gbrain#4640", outcome="mended")
@pytest.mark.parametrize("mode", ["native", "tool", "prompt"])
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_json_is_found_inside_other_text(client, scripted, surroundings, mode):
    """
    Reasoning is not the answer, and words around the JSON are ignored, in every schema mode.
    """
    scripted.reply(body=chat_reply(surroundings.format(ADA)))

    assert client.ask("Who?", schema=Person, schema_mode=mode, repairs=0).parsed == Person(name="Ada", age=36)


@pytest.mark.report("garrytan/gbrain#4640", outcome="mended")
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_json_is_found_in_streams(client, scripted, surroundings):
    """
    Streams behave the same, and the last partial object is the answer.
    """
    scripted.reply(chunks=sse(*chat_chunks(list(surroundings.format(ADA)))))

    with client.stream("Who?", schema=Person, repairs=0) as stream:
        partial = list(stream.partial_objects())

    assert stream.response.parsed == Person(name="Ada", age=36)
    assert {"name": "Ada", "age": 36} in partial


def test_drafts_in_reasoning_are_not_partial_objects(client, scripted):
    """
    Partial objects contain only the answer, even if the reasoning contains JSON.
    """
    text = f'<think>```json\n{{"name": "x", "age": 1}}\n```</think>{ADA}'
    scripted.reply(chunks=sse(*chat_chunks(list(text))))

    with client.stream("Who?", schema=Person) as stream:
        partial = list(stream.partial_objects())

    assert partial[-1] == {"name": "Ada", "age": 36}
    assert all("Ada".startswith(value.get("name", "")) for value in partial)


@pytest.mark.parametrize(
    "text",
    [
        '<think>Draft: {"name": "x", "age": 1}',
        '<think>{"name": "x", "age": 1}</think>',
        '<think>{"name": "x", "age": 1}</think> I cannot tell.',
        '{"person": {"name": "x", "age": 1}, "note": "tru',
        '{"person": {"name": "x", "age": 1}, "note": nothing}',
    ],
)
def test_json_in_reasoning_or_in_invalid_json_is_not_the_answer(client, scripted, text):
    """
    JSON inside reasoning, or inside broken JSON, is not used.
    """
    scripted.reply(body=chat_reply(text))

    with pytest.raises(StructuredOutputError):
        client.ask("Who?", schema=Person, repairs=0)


@pytest.mark.parametrize(
    "text", [json.dumps(ADA), f"<think>hm</think>{json.dumps(ADA)}", f"```json\n{json.dumps(ADA)}\n```"]
)
def test_json_that_was_encoded_twice_is_decoded(client, scripted, text):
    """
    A JSON string that contains the JSON is decoded.
    """
    scripted.reply(body=chat_reply(text))

    assert client.ask("Who?", schema=Person, repairs=0).parsed == Person(name="Ada", age=36)


def test_tags_inside_a_value_are_content(client, scripted):
    """
    A string that contains reasoning tags and fences is unchanged.
    """
    note = {"text": "Close it: <think>a</think>, then\n```json\n{}\n```"}
    scripted.reply(body=chat_reply(f"Here you are:\n{json.dumps(note)}\nDone."))

    assert client.ask("?", schema=Note, repairs=0).parsed == Note(**note)


@pytest.mark.report("mistralai/mistral-vibe#615", outcome="mended")
@pytest.mark.parametrize("schema", [Note, Note.model_json_schema(), dict[str, str]], ids=["model", "schema", "type"])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"text": "one\ntwo\tx\r\n"}', "one\ntwo\tx\r\n"),
        ('{"text": "bell \x07 and escape \x1b[0m"}', "bell \x07 and escape \x1b[0m"),
        ('{"text": "half \\ud83d of it"}', "half \ufffd of it"),
        ('{"text": "whole \\ud83d\\ude00"}', "whole 😀"),
        ('{"text": "it\\\'s"}', "it's"),
        ('{"text": "a \\\\ b \\" c",}', 'a \\ b " c'),
        ('Sure:\n{"text": "one\ntwo"}', "one\ntwo"),
    ],
)
def test_structured_output_is_repaired(client, scripted, schema, text, value):
    """
    Errors with one possible meaning are repaired without another request.
    """
    scripted.reply(body=chat_reply(text))

    parsed = client.ask("?", schema=schema, repairs=0).parsed

    assert (parsed if isinstance(parsed, dict) else parsed.model_dump()) == {"text": value}


@pytest.mark.report("mistralai/mistral-vibe#615", outcome="mended")
def test_partial_objects_are_repaired(client, scripted):
    """
    Raw line breaks in a streamed string do not stop the partial objects.
    """
    scripted.reply(chunks=sse(*chat_chunks(['{"text": "one\n', "two\n", 'three"}'])))

    with client.stream("?", schema=Note) as stream:
        partial = list(stream.partial_objects())

    assert partial == [{"text": "one\n"}, {"text": "one\ntwo\n"}, {"text": "one\ntwo\nthree"}]


@pytest.mark.report("livekit/agents#4196", outcome="mended")
@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('{"text": "one\ntwo\tx"}', {"text": "one\ntwo\tx"}),
        ('{"text": "\x00\x1f"}', {"text": "\x00\x1f"}),
        ('{"text": "half \\udc00"}', {"text": "half \ufffd"}),
        ('"{\\"text\\": \\"a\\"}"', {"text": "a"}),
        ('{}{"text": "a"}', {"text": "a"}),
        ('{"text": "a"}{"text": "a"}', {"text": "a"}),
        ('{"text": "a"}<|im_end|>', {"text": "a"}),
        ('{"text": "a"}</tool_call>', {"text": "a"}),
        ('```json\n{"text": "a"}\n```', {"text": "a"}),
        ('{"text": "a",}', {"text": "a"}),
        ("null", {}),
        ("[]", {}),
        ('""', {}),
        (" ", {}),
    ],
)
def test_unambiguous_arguments_are_parsed(arguments, value):
    """
    Tool arguments that are not JSON but mean one object are parsed, and become valid JSON for the next request.
    """
    call = ToolCallPart(id="c", name="f", arguments=arguments)

    assert call.parse_arguments() == value
    assert json.loads(call.json_arguments) == value


@pytest.mark.parametrize("arguments", ['{"a": ', '{"a": 1}{"a": 2}', "7", "[1]", "weather in Oslo", "{\ud800"])
def test_ambiguous_arguments_are_sent_back_in_an_object(arguments):
    """
    Arguments that mean no object, or several, are a ValueError, and are wrapped for the next request.
    """
    call = ToolCallPart(id="c", name="f", arguments=arguments)

    with pytest.raises(ValueError, match=r"\w"):
        call.parse_arguments()
    assert list(json.loads(call.json_arguments)) == ["INVALID_JSON"]


def test_valid_arguments_are_sent_back_unchanged():
    """
    The text of valid arguments is not changed, because vendors compare it with their prompt cache.
    """
    arguments = '{ "b":1.0,\n"a" : "\\u00e9" }'

    assert ToolCallPart(id="c", name="f", arguments=arguments).json_arguments == arguments


def weather(city: str) -> str:
    """
    Tell the weather.
    """
    return f"rain in {city}"


@pytest.mark.report("livekit/agents#4196", outcome="mended")
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "weather<|channel|>commentary",
        "weather<|constrain|>json",
        "functions.weather",
        "functions.weather:0",
        "default_api.weather",
        " weather ",
        "Weather",
        "weather()",
    ],
)
def test_names_with_additional_characters_run_the_tool(client, scripted, name, streamed):
    """
    A name with additions runs the tool, and is sent back as the name that the server knows.
    """
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": '{"city": "Oslo"}'}}
    if streamed:
        chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [{**call, "index": 0}]}}]}
        scripted.reply(chunks=sse(chunk, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))
        scripted.reply(chunks=sse(*chat_chunks(["Rain."])))
        with client.stream("?", tools=[weather]) as stream:
            list(stream)
    else:
        scripted.reply(body=chat_reply(None, tool_calls=[call], finish_reason="tool_calls"))
        scripted.reply(body=chat_reply("Rain."))
        client.ask("?", tools=[weather])

    _, asked, result = scripted.sent()["messages"]

    assert asked["tool_calls"][0]["function"]["name"] == "weather"
    assert result["content"] == "rain in Oslo"


def test_unknown_names_are_sent_back_as_valid_names(client, scripted):
    """
    Servers reject a conversation with invalid tool names: an unknown name is sent back as a valid one.
    """
    call = {"id": "c1", "type": "function", "function": {"name": "get time!<|x|>", "arguments": "{}"}}
    scripted.reply(body=chat_reply(None, tool_calls=[call], finish_reason="tool_calls"))
    scripted.reply(body=chat_reply("Sorry."))

    client.ask("?", tools=[weather])

    _, asked, result = scripted.sent()["messages"]
    assert asked["tool_calls"][0]["function"]["name"] == "get_time"
    assert "There is no tool 'get_time'" in result["content"]


def test_the_output_tool_is_recognized_despite_a_special_token(client, scripted):
    """
    Structured output is found if a special token follows the name of the output tool.
    """
    call = {"id": "c1", "type": "function", "function": {"name": "return_output<|channel|>json", "arguments": ADA}}
    scripted.reply(body=chat_reply(None, tool_calls=[call], finish_reason="tool_calls"))

    assert client.ask("?", schema=Person, schema_mode="tool").parsed == Person(name="Ada", age=36)


def test_models_without_schema_support_can_reason_before_json(scripted, clock):
    """
    A model that is asked in the prompt may reason before it answers.
    """
    scripted.reply(body=chat_reply(f"<think>{{name}}?</think>{ADA}"))

    with Client("openai/gpt-4o", api_key="sk-test", transport=scripted, clock=clock, settings=NO_SCHEMA) as client:
        assert client.ask("?", schema=Person).parsed == Person(name="Ada", age=36)
