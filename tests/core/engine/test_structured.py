from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel, RootModel

from budwood.errors import ConfigurationError, StructuredOutputError, UnsupportedError
from budwood.types import Capability, VendorPart
from budwood_testing import chat_chunks, chat_reply, sse
from tests.core.engine.structured import ADA, NO_SCHEMA, PERSON, Person, make_settings_without, make_tool_reply


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


NO_TOOLS = make_settings_without(Capability.JSON_SCHEMA, Capability.TOOLS)


@pytest.mark.parametrize(("schema", "ada"), [(Person, Person(name="Ada", age=36)), (PERSON, json.loads(ADA))])
def test_native_schemas_are_preferred(client, scripted, schema, ada):
    """
    A model that supports JSON schemas receives the schema, strict if possible, and the value is parsed.
    """
    scripted.reply(body=chat_reply(ADA))

    reply = client.ask("Ada, 36", schema=schema)

    assert reply.parsed == ada
    assert reply.text == ADA
    json_schema = scripted.sent()["response_format"]["json_schema"]
    assert (json_schema["name"], json_schema["strict"]) == ("Person", True)
    assert json_schema["schema"]["properties"].keys() == {"name", "age"}
    assert "tools" not in scripted.sent()


@pytest.mark.parametrize("is_async", [False, True])
def test_long_objects_are_not_parsed_for_each_chunk(client, async_client, scripted, is_async):
    """
    Partial objects become less frequent, so that parsing takes linear time; the last is complete.
    """
    letters = "x" * 5000
    scripted.reply(chunks=sse(*chat_chunks(['{"name": "', *letters, '", "age": 3', "6", "}"])))

    async def main():
        async with async_client.stream("Ada, 36", schema=PERSON) as stream:
            return [value async for value in stream.partial_objects()]

    if is_async:
        partial = asyncio.run(main())
    else:
        with client.stream("Ada, 36", schema=PERSON) as stream:
            partial = list(stream.partial_objects())

    assert 50 < len(partial) < 200
    assert partial[-1] == {"name": letters, "age": 36}
    sizes = [len(value.get("name", "")) for value in partial]
    assert all(current - previous <= 1 + previous / 15 for previous, current in itertools.pairwise(sizes))


@pytest.mark.parametrize("settings", [{}, NO_SCHEMA, NO_TOOLS])
def test_the_name_of_the_output_tool_is_reserved(make_client, scripted, settings):
    """
    With a schema the name is refused before anything is sent; without one it is allowed.
    """

    def return_output(value: str) -> str:
        """Return it."""
        return value

    client = make_client(settings=settings)
    with pytest.raises(ConfigurationError, match="'return_output'"):
        client.ask("Ada, 36", schema=PERSON, tools=[return_output])
    assert scripted.calls == []

    if settings is not NO_TOOLS:
        scripted.reply(body=chat_reply("Hi"))
        assert client.ask("Hello", tools=[return_output]).text == "Hi"


def test_strict_is_sent_only_for_strict_schemas(client, scripted):
    """
    A schema with optional properties is sent without `strict`, which the vendor would reject.
    """
    scripted.reply(body=chat_reply("{}"))

    client.ask("Ada", schema={"type": "object", "properties": {"name": {"type": "string"}}})

    assert "strict" not in scripted.sent()["response_format"]["json_schema"]


def test_models_without_schemas_use_a_tool(make_client, scripted):
    """
    The arguments of a required tool are the output, which the conversation contains as text.
    """
    scripted.reply(body=make_tool_reply(ADA))

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.parsed == Person(name="Ada", age=36)
    assert (reply.text, reply.tool_calls, reply.finish_reason) == (ADA, (), "stop")
    assert reply.messages == (reply.message,)
    sent = scripted.sent()
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["return_output"]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "return_output"}}
    assert "response_format" not in sent


def test_other_parts_beside_the_output_tool_are_stored(make_client, scripted):
    """
    Reasoning and vendor parts stay in the message when the call of the output tool is replaced.
    """
    body = make_tool_reply(ADA)
    body["choices"][0]["message"] |= {"reasoning_content": "Hm.", "annotations": [{"url": "x"}]}
    scripted.reply(body=body)

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.reasoning == "Hm."
    assert VendorPart(provider="openai", kind="annotations", data=[{"url": "x"}]) in reply.message.parts


def test_models_without_tools_are_prompted(make_client, scripted):
    """
    The schema is appended to the system prompt.
    """
    scripted.reply(body=chat_reply(ADA)).reply(body=chat_reply(ADA))
    client = make_client(settings=NO_TOOLS)

    assert client.ask("Ada, 36", schema=PERSON).parsed == json.loads(ADA)
    assert client.ask("Ada, 36", schema=PERSON, system="Be brief.").parsed == json.loads(ADA)

    first, second = scripted.sent(0)["messages"], scripted.sent(1)["messages"]
    assert [message["role"] for message in first] == ["system", "user"]
    assert json.dumps(PERSON, separators=(",", ":")) in first[0]["content"]
    assert second[0]["content"].startswith("Be brief.")
    assert len(second) == 2


@pytest.mark.parametrize(
    ("mode", "key"), [("native", "response_format"), ("tool", "tools"), ("prompt", "messages"), ("auto", "messages")]
)
def test_the_mode_can_be_chosen(client, scripted, mode, key):
    """
    A chosen mode is used even if the model supports a better one.
    """
    scripted.reply(body=make_tool_reply(ADA) if mode == "tool" else chat_reply(ADA))

    assert client.ask("Ada, 36", schema=Person, schema_mode=mode).parsed == Person(name="Ada", age=36)
    assert key in scripted.sent()


@pytest.mark.parametrize(
    ("mode", "expected_error"), [("native", "does not support JSON schemas"), ("tool", "does not support tools")]
)
def test_unsupported_modes_are_refused(make_client, scripted, mode, expected_error):
    """
    A mode that the model does not support is an error before anything is sent.
    """
    with pytest.raises(UnsupportedError, match=expected_error):
        make_client(settings=NO_TOOLS).ask("Ada", schema=Person, schema_mode=mode)

    assert scripted.calls == []


@pytest.mark.parametrize(
    "text",
    [
        ADA,
        f"  {ADA}\n",
        f"```json\n{ADA}\n```",
        f"```\n{ADA}\n```",
        f"Here you are:\n\n```JSON\n{ADA}\n```\nAnything else?",
        f"Here you are: {ADA} Anything else?",
    ],
)
def test_fences_and_words_around_json_are_ignored(client, scripted, text):
    """
    JSON is found inside fences and between words, for both kinds of schema.
    """
    scripted.reply(body=chat_reply(text)).reply(body=chat_reply(text))

    assert client.ask("Ada", schema=Person).parsed == Person(name="Ada", age=36)
    assert client.ask("Ada", schema=PERSON).parsed == json.loads(ADA)


def test_text_between_rounds_of_tools_is_not_output(client, scripted):
    """
    Text before a tool call does not affect later partial objects.
    """
    call = {"index": 0, "id": "c1", "function": {"name": "get_birth_year", "arguments": "{}"}}
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "Let me {look}: "}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]},
    ]
    scripted.reply(chunks=sse(*chunks)).reply(chunks=sse(*chat_chunks([ADA])))

    def get_birth_year() -> int:
        return 1815

    with client.stream("Ada", schema=Person, tools=[get_birth_year]) as stream:
        assert list(stream.partial_objects()) == [json.loads(ADA)]


def test_tools_run_before_the_output(make_client, scripted):
    """
    Calls of functions run; the call of the output tool ends the loop.
    """
    scripted.reply(body=make_tool_reply("{}", "get_birth_year")).reply(body=make_tool_reply(ADA))

    def get_birth_year() -> int:
        return 1815

    reply = make_client(settings=NO_SCHEMA).ask("Ada", schema=Person, tools=[get_birth_year])

    assert reply.parsed == Person(name="Ada", age=36)
    assert scripted.sent(0)["tool_choice"] == "required"
    assert scripted.sent(1)["messages"][-1] == {"role": "tool", "tool_call_id": "c1", "content": "1815"}
    assert [message.role for message in reply.messages] == ["assistant", "tool", "assistant"]


def test_calls_of_the_caller_precede_the_output(client, scripted):
    """
    With `execute_tools=False` a reply with a tool call is returned, and not repaired.
    """
    scripted.reply(body=make_tool_reply("{}", "get_birth_year"))

    def get_birth_year() -> int:
        return 1815

    reply = client.ask("Ada", schema=Person, tools=[get_birth_year], execute_tools=False)

    assert [call.name for call in reply.tool_calls] == ["get_birth_year"]
    assert reply.parsed is None
    assert len(scripted.calls) == 1


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (RootModel[list[int]], "[1, 2]", RootModel[list[int]]([1, 2])),
        (RootModel[Cat | Dog], '{"kind": "dog"}', RootModel[Cat | Dog](Dog(kind="dog"))),
        (RootModel[str], '"a {b} [c]"', RootModel[str]("a {b} [c]")),
        ({"type": "array", "items": {"type": "integer"}}, "Sure: [1, 2]", [1, 2]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "null", None),
        ({"type": "integer"}, " 42 ", 42),
        ({"type": "string"}, '"{"', "{"),
        ({"enum": ["a", "b"]}, '"b"', "b"),
        ({}, "[]", []),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, "1", 1),
    ],
)
def test_any_root_is_accepted(client, scripted, schema, text, value):
    """
    Lists, unions, texts and numbers are valid roots.
    """
    scripted.reply(body=chat_reply(text))

    assert client.ask("?", schema=schema, repairs=0).parsed == value


@pytest.mark.parametrize("text", ["", "no", "{", "[1, 2", "NaN", "-Infinity", '"a"', "```json\n```", "[[[[[[" * 200])
def test_invalid_values_are_errors_with_the_text(client, scripted, text):
    """
    The error describes broken JSON and wrong types; NaN is not JSON.
    """
    scripted.reply(body=chat_reply(text)).reply(body=chat_reply(text))

    for schema in ({"type": "number"}, RootModel[int]):
        with pytest.raises(StructuredOutputError) as caught:
            client.ask("?", schema=schema, repairs=0)
        assert caught.value.text == text
        assert caught.value.errors


class Uncallable(BaseModel):
    function: Callable[[int], int]


@pytest.mark.parametrize(
    ("schema", "expected_error"),
    [
        ({"type": "objekt"}, r"not valid at \$.type"),
        ({"required": 5}, r"not valid at \$.required"),
        ({"minimum": "a", "maximum": 1}, r"not valid at \$.minimum"),
        ({"properties": []}, r"not valid at \$.properties"),
        ({"$ref": "#/$defs/missing"}, "reference '#/.defs/missing', which cannot be resolved"),
        ({"items": {"$ref": "https://example.org/a.json"}}, "reference 'https://example.org/a.json'"),
        ({"minimum": 5, "maximum": 4}, "No value can satisfy the schema.*minimum 5 above maximum 4"),
        ({"minLength": 2, "maxLength": 1}, "No value can satisfy"),
        ({"enum": []}, "No value can satisfy|not valid"),
        ({"const": 1, "enum": [2]}, "No value can satisfy"),
        ({"not": {}}, "No value can satisfy"),
        ({"properties": {"a": False}, "required": ["a"]}, r"No value can satisfy.*\$.a is false"),
        ({"required": ["a"], "additionalProperties": False}, "requires 'a' and does not allow it"),
        ({"minItems": 1, "items": {"minimum": 1, "maximum": 0}}, r"No value can satisfy.*\$\[\]"),
        (Uncallable, "Cannot describe Uncallable as a JSON schema"),
        (Person(name="Ada", age=36), "schema= is of the type Person"),
        ([PERSON], "schema= is of the type list"),
    ],
)
def test_unusable_schemas_are_refused_before_sending(client, scripted, schema, expected_error):
    """
    Invalid and contradictory schemas are errors that name the place; nothing is sent.
    """
    with pytest.raises(ConfigurationError, match=expected_error):
        client.ask("?", schema=schema)

    assert scripted.calls == []


def test_optional_properties_may_be_impossible(client, scripted):
    """
    An impossible property that is optional is not a contradiction.
    """
    scripted.reply(body=chat_reply("{}"))

    assert client.ask("?", schema={"properties": {"a": {"minimum": 2, "maximum": 1}}}).parsed == {}


def test_invalid_schema_names_are_changed(client, scripted):
    """
    The title becomes a name of up to 64 letters, digits, _ and -.
    """
    scripted.reply(body=chat_reply("{}"))

    client.ask("?", schema={"title": "Ein schönes Ding! " * 9})

    name = scripted.sent()["response_format"]["json_schema"]["name"]
    assert name.startswith("Ein_sch_nes_Ding_")
    assert len(name) == 64
