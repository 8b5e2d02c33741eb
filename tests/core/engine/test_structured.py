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
from tests.core.engine.structured import ADA, NO_SCHEMA, PERSON, Person, call_of, lacking


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


NO_TOOLS = lacking(Capability.JSON_SCHEMA, Capability.TOOLS)


@pytest.mark.parametrize(("schema", "ada"), [(Person, Person(name="Ada", age=36)), (PERSON, json.loads(ADA))])
def test_the_vendors_own_schema_is_preferred(client, scripted, schema, ada):
    """
    A model that takes a JSON schema gets it, strict where it can be, and the value comes out parsed.
    """
    scripted.reply(body=chat_reply(ADA))

    reply = client.ask("Ada, 36", schema=schema)

    assert reply.parsed == ada
    assert reply.text == ADA
    wanted = scripted.sent()["response_format"]["json_schema"]
    assert (wanted["name"], wanted["strict"]) == ("Person", True)
    assert wanted["schema"]["properties"].keys() == {"name", "age"}
    assert "tools" not in scripted.sent()


@pytest.mark.parametrize("awaited", [False, True])
def test_a_long_object_is_not_read_at_each_piece(client, async_client, scripted, awaited):
    """
    Partial objects come ever further apart, so that long output takes no time of its square; the last is the whole.
    """
    letters = "x" * 5000
    scripted.reply(chunks=sse(*chat_chunks(['{"name": "', *letters, '", "age": 3', "6", "}"])))

    async def story():
        async with async_client.stream("Ada, 36", schema=PERSON) as stream:
            return [value async for value in stream.partial_objects()]

    if awaited:
        partial = asyncio.run(story())
    else:
        with client.stream("Ada, 36", schema=PERSON) as stream:
            partial = list(stream.partial_objects())

    assert 50 < len(partial) < 200
    assert partial[-1] == {"name": letters, "age": 36}
    sizes = [len(value.get("name", "")) for value in partial]
    assert all(after - before <= 1 + before / 15 for before, after in itertools.pairwise(sizes))


@pytest.mark.parametrize("settings", [{}, NO_SCHEMA, NO_TOOLS])
def test_no_tool_has_the_name_of_the_output_tool(make_client, scripted, settings):
    """
    Whatever the model can do, such a name is refused before anything is sent; without a schema it is any name.
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


def test_strict_is_claimed_only_where_it_holds(client, scripted):
    """
    A schema that leaves properties open is sent without `strict`, which the vendor would refuse.
    """
    scripted.reply(body=chat_reply("{}"))

    client.ask("Ada", schema={"type": "object", "properties": {"name": {"type": "string"}}})

    assert "strict" not in scripted.sent()["response_format"]["json_schema"]


def test_a_model_without_schemas_is_asked_by_a_tool(make_client, scripted):
    """
    The output is the arguments of a tool that must be called; in the conversation it stands as text.
    """
    scripted.reply(body=call_of(ADA))

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.parsed == Person(name="Ada", age=36)
    assert (reply.text, reply.tool_calls, reply.finish_reason) == (ADA, (), "stop")
    assert reply.messages == (reply.message,)
    sent = scripted.sent()
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["return_output"]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "return_output"}}
    assert "response_format" not in sent


def test_what_stands_beside_the_output_tool_is_kept(make_client, scripted):
    """
    Reasoning and content of the vendor stay in the message although the call of our own tool goes.
    """
    body = call_of(ADA)
    body["choices"][0]["message"] |= {"reasoning_content": "Hm.", "annotations": [{"url": "x"}]}
    scripted.reply(body=body)

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.reasoning == "Hm."
    assert VendorPart(provider="openai", kind="annotations", data=[{"url": "x"}]) in reply.message.parts


def test_a_model_without_tools_is_asked_in_words(make_client, scripted):
    """
    The schema is put into the system prompt, after what stands there.
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
def test_the_mode_may_be_named(client, scripted, mode, key):
    """
    A named mode is taken although the model knows a better one.
    """
    scripted.reply(body=call_of(ADA) if mode == "tool" else chat_reply(ADA))

    assert client.ask("Ada, 36", schema=Person, schema_mode=mode).parsed == Person(name="Ada", age=36)
    assert key in scripted.sent()


@pytest.mark.parametrize(
    ("mode", "lack"), [("native", "does not support JSON schemas"), ("tool", "does not support tools")]
)
def test_a_mode_that_the_model_lacks_is_refused(make_client, scripted, mode, lack):
    """
    What was named and cannot be done is an error before sending.
    """
    with pytest.raises(UnsupportedError, match=lack):
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
def test_fences_and_words_around_the_json_are_taken_off(client, scripted, text):
    """
    Models put JSON into fences and between words; it is found all the same, in both kinds of schema.
    """
    scripted.reply(body=chat_reply(text)).reply(body=chat_reply(text))

    assert client.ask("Ada", schema=Person).parsed == Person(name="Ada", age=36)
    assert client.ask("Ada", schema=PERSON).parsed == json.loads(ADA)


def test_text_between_rounds_of_tools_is_no_output(client, scripted):
    """
    What the model writes before it calls a tool does not spoil the partial objects after it.
    """
    call = {"index": 0, "id": "c1", "function": {"name": "born", "arguments": "{}"}}
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "Let me {look}: "}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]},
    ]
    scripted.reply(chunks=sse(*chunks)).reply(chunks=sse(*chat_chunks([ADA])))

    def born() -> int:
        return 1815

    with client.stream("Ada", schema=Person, tools=[born]) as stream:
        assert list(stream.partial_objects()) == [json.loads(ADA)]


def test_tools_run_before_the_output(make_client, scripted):
    """
    Functions and the output tool go together: calls of functions run, the call of the output tool ends it.
    """
    scripted.reply(body=call_of("{}", "born")).reply(body=call_of(ADA))

    def born() -> int:
        return 1815

    reply = make_client(settings=NO_SCHEMA).ask("Ada", schema=Person, tools=[born])

    assert reply.parsed == Person(name="Ada", age=36)
    assert scripted.sent(0)["tool_choice"] == "required"
    assert scripted.sent(1)["messages"][-1] == {"role": "tool", "tool_call_id": "c1", "content": "1815"}
    assert [message.role for message in reply.messages] == ["assistant", "tool", "assistant"]


def test_calls_that_the_caller_runs_come_before_the_output(client, scripted):
    """
    With `execute_tools=False` a call of a function is the reply, and not a mistake to complain of.
    """
    scripted.reply(body=call_of("{}", "born"))

    def born() -> int:
        return 1815

    reply = client.ask("Ada", schema=Person, tools=[born], execute_tools=False)

    assert [call.name for call in reply.tool_calls] == ["born"]
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
def test_roots_of_any_kind_are_read(client, scripted, schema, text, value):
    """
    Lists, unions, texts and numbers at the root are as good as objects.
    """
    scripted.reply(body=chat_reply(text))

    assert client.ask("?", schema=schema, repairs=0).parsed == value


@pytest.mark.parametrize("text", ["", "no", "{", "[1, 2", "NaN", "-Infinity", '"a"', "```json\n```", "[[[[[[" * 200])
def test_what_is_no_value_is_an_error_with_the_text(client, scripted, text):
    """
    Broken JSON and values of the wrong kind are told as what they are; NaN is no JSON.
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
    ("schema", "complaint"),
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
def test_a_schema_that_cannot_work_is_refused_before_sending(client, scripted, schema, complaint):
    """
    Invalid, contradictory and indescribable schemas cost no request; the text says what is wrong and where.
    """
    with pytest.raises(ConfigurationError, match=complaint):
        client.ask("?", schema=schema)

    assert scripted.calls == []


def test_what_is_optional_may_be_impossible(client, scripted):
    """
    A property that cannot be but need not be makes no contradiction.
    """
    scripted.reply(body=chat_reply("{}"))

    assert client.ask("?", schema={"properties": {"a": {"minimum": 2, "maximum": 1}}}).parsed == {}


def test_a_name_that_vendors_refuse_is_changed(client, scripted):
    """
    The schema's title becomes a name of letters, digits, _ and -, of at most 64 characters.
    """
    scripted.reply(body=chat_reply("{}"))

    client.ask("?", schema={"title": "Ein schönes Ding! " * 9})

    name = scripted.sent()["response_format"]["json_schema"]["name"]
    assert name.startswith("Ein_sch_nes_Ding_")
    assert len(name) == 64
