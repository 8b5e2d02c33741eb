from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel

from budwood.errors import ConfigurationError, StructuredOutputError, UnsupportedError
from budwood.types import Capability, Restarted, VendorPart
from budwood_testing import ScriptedReply, chat_chunks, chat_reply, sse

PERSON = {
    "title": "Person",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
ADA = '{"name": "Ada", "age": 36}'


class Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    age: int = Field(ge=0)


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


def call_of(arguments: str, name: str = "return_output") -> dict:
    """Make a reply that calls a tool."""
    calls = [{"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}]
    return chat_reply(None, tool_calls=calls, finish_reason="tool_calls")


def lacking(*capabilities: Capability) -> dict:
    """Make settings by which the model lacks capabilities."""
    return {"models": {"openai/*": {"lacks": [can.value for can in capabilities]}}}


NO_SCHEMA = lacking(Capability.JSON_SCHEMA)
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


@pytest.mark.parametrize(("mode", "lack"), [("native", "takes no JSON schema"), ("tool", "calls no tools")])
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


@pytest.mark.parametrize("schema", [Person, PERSON])
def test_a_mistake_is_sent_back_once(client, scripted, schema):
    """
    The model reads what is wrong with its reply and corrects it; usage and attempts count both.
    """
    scripted.reply(body=chat_reply('{"name": "Ada", "age": -1}')).reply(body=chat_reply(ADA))

    reply = client.ask("Ada, 36", schema=schema)

    assert reply.text == ADA
    assert reply.usage.output_tokens == 14
    assert len(reply.attempts) == 2
    question, answer, complaint = scripted.sent()["messages"]
    assert (question["content"], answer["content"]) == ("Ada, 36", '{"name": "Ada", "age": -1}')
    assert "does not satisfy the schema" in complaint["content"]
    assert "age" in complaint["content"]
    assert reply.messages == (reply.message,)


def test_a_mistake_in_the_output_tool_is_answered_as_a_call(make_client, scripted):
    """
    The complaint is the result of the call, without which the vendor would refuse the conversation.
    """
    scripted.reply(body=call_of("{")).reply(body=call_of(ADA))

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.parsed == Person(name="Ada", age=36)
    _, call, result = scripted.sent()["messages"]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"] == "c1"
    assert result["role"] == "tool"


def test_a_call_of_a_tool_that_nobody_gave_is_answered_too(client, scripted):
    """
    A model that calls what does not exist is told, in a form that the vendor takes, and may correct itself.
    """
    scripted.reply(body=call_of("{}", "search")).reply(body=chat_reply(ADA))

    assert client.ask("Ada, 36", schema=Person).text == ADA
    assert [message["role"] for message in scripted.sent()["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_mistakes_are_sent_back_at_most_as_often_as_said(client, scripted, repairs):
    """
    Then the error holds the last text, what is wrong with it, and the reply with its receipts.
    """
    for number in range(repairs + 1):
        scripted.reply(body=chat_reply(f'{{"name": "{number}"}}'), headers={"x-request-id": f"r{number}"})

    with pytest.raises(StructuredOutputError, match="age") as caught:
        client.ask("Ada", schema=PERSON, repairs=repairs)

    assert len(scripted.calls) == repairs + 1
    assert caught.value.text == f'{{"name": "{repairs}"}}'
    assert caught.value.errors == ("$: 'age' is a required property",)
    assert caught.value.response.usage.output_tokens == 7 * (repairs + 1)
    assert [attempt.request_id for attempt in caught.value.response.attempts] == [f"r{n}" for n in range(repairs + 1)]
    assert caught.value.response.provider == "openai"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"refusal": "I will not."}, "The model refused: I will not."),
        ({"text": '{"name": "A', "finish_reason": "length"}, "was cut off at max_tokens.*Raise max_tokens"),
        ({"text": "", "finish_reason": "content_filter"}, "does not satisfy"),
    ],
)
def test_what_asking_again_would_not_mend_is_not_sent_back(client, scripted, changes, complaint):
    """
    Refusals, filters and replies that were cut off are errors at once.
    """
    scripted.reply(body=chat_reply(**changes))

    with pytest.raises(StructuredOutputError, match=complaint):
        client.ask("Ada", schema=Person, repairs=5)

    assert len(scripted.calls) == 1


def test_a_stream_yields_the_object_as_it_grows(client, scripted):
    """
    Each partial object holds what has arrived; the last is the whole, and the response is parsed.
    """
    scripted.reply(chunks=sse(*chat_chunks(['{"na', 'me": "A', "da", '", "age": ', "36}"])))

    with client.stream("Ada, 36", schema=Person) as stream:
        partial = list(stream.partial_objects())

    assert partial == [{}, {"name": "A"}, {"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert stream.response.parsed == Person(name="Ada", age=36)


def test_a_stream_of_the_output_tool_grows_too(make_async_client, scripted):
    """
    The arguments of our own tool are the object, for async readers as well.
    """
    pieces = ['{"name": "Ada"', ', "age": 36}']
    begin = {"index": 0, "id": "c1", "function": {"name": "return_output", "arguments": ""}}
    calls = [begin, *({"index": 0, "function": {"arguments": piece}} for piece in pieces)]
    chunks = [{"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]} for call in calls]
    scripted.reply(chunks=sse(*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}))

    async def story():
        async with make_async_client(settings=NO_SCHEMA).stream("Ada, 36", schema=Person) as stream:
            return [value async for value in stream.partial_objects()], stream.response

    partial, response = asyncio.run(story())

    assert partial == [{"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert response.parsed == Person(name="Ada", age=36)


def test_a_repair_starts_the_stream_anew(client, scripted):
    """
    An event says that all text so far is void, and partial objects begin again, even where they look alike.
    """
    scripted.reply(chunks=sse(*chat_chunks(['{"name": "Ada"}'])))
    scripted.reply(chunks=sse(*chat_chunks(['{"name": "Ada"', ', "age": 36}'])))
    scripted.reply(chunks=sse(*chat_chunks(["{}"]))).reply(chunks=sse(*chat_chunks([ADA])))

    with client.stream("Ada, 36", schema=Person) as stream:
        partial = list(stream.partial_objects())
    with client.stream("Ada, 36", schema=Person) as stream:
        events = list(stream)

    assert partial == [{"name": "Ada"}, {"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert sum(isinstance(event, Restarted) for event in events) == 1
    assert stream.response.text == ADA


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
        ({"$ref": "#/$defs/missing"}, "refers to '#/.defs/missing', which is not in it"),
        ({"items": {"$ref": "https://example.org/a.json"}}, "refers to 'https://example.org/a.json'"),
        ({"minimum": 5, "maximum": 4}, "No value can satisfy the schema.*minimum 5 above maximum 4"),
        ({"minLength": 2, "maxLength": 1}, "No value can satisfy"),
        ({"enum": []}, "No value can satisfy|not valid"),
        ({"const": 1, "enum": [2]}, "No value can satisfy"),
        ({"not": {}}, "No value can satisfy"),
        ({"properties": {"a": False}, "required": ["a"]}, r"No value can satisfy.*\$.a is false"),
        ({"required": ["a"], "additionalProperties": False}, "requires 'a' and does not allow it"),
        ({"minItems": 1, "items": {"minimum": 1, "maximum": 0}}, r"No value can satisfy.*\$\[\]"),
        (Uncallable, "Uncallable cannot be described as a JSON schema"),
        (Person(name="Ada", age=36), "schema= is a Person"),
        ([PERSON], "schema= is a list"),
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


def test_the_last_error_counts(client, scripted):
    """
    An error of the vendor in a repair is that error, with all attempts in its ledger.
    """
    scripted.reply(body=chat_reply("no"))
    scripted.answer(lambda _: ScriptedReply(401, {}, (b'{"error": {"message": "No."}}',)))

    with pytest.raises(Exception, match="credential was refused") as caught:
        client.ask("?", schema=Person)

    assert [attempt.status for attempt in caught.value.attempts] == [200, 401]
