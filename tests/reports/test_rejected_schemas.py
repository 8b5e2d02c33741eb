"""Pydantic schemas that vendors reject: unions, tuples, dictionaries, bounds, references with descriptions."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from budwood_testing import chat_reply
from tests.reports.wire import CALL, CLAUDE, make_claude_reply

OPENAI = "openai/gpt-4.1"


class Closed(BaseModel):
    """
    A model that forbids other fields, so that strict mode is used.
    """

    model_config = ConfigDict(extra="forbid")


class Car(Closed):
    vehicle: Literal["car"]
    doors: int


class Bike(Closed):
    vehicle: Literal["bike"]
    gears: int


class Garage(Closed):
    newest: Car = Field(description="The one that was bought last.")
    vehicles: list[Annotated[Car | Bike, Field(discriminator="vehicle")]]


class Review(BaseModel):
    score: int = Field(ge=1, le=10)
    share: float = Field(gt=0, lt=1)
    summary: str = Field(min_length=1, max_length=280)
    tags: list[str] = Field(min_length=2, max_length=5)


def find(schema, keyword):
    """
    Return the subschemas with a keyword; names of properties do not count.
    """
    found = []
    if isinstance(schema, dict):
        found = [schema] if keyword in schema else []
        for name, value in schema.items():
            inner = value.values() if name in ("properties", "$defs") else [value]
            found += [one for part in inner for one in find(part, keyword)]
    elif isinstance(schema, list):
        found = [one for part in schema for one in find(part, keyword)]
    return found


@pytest.fixture
def openai_schema(scripted, make_client):
    """
    Return the schema that OpenAI receives for a type, and the parsed reply.
    """

    def ask(kind, value):
        scripted.reply(200, chat_reply(json.dumps(value)))
        reply = make_client(OPENAI, api="chat").ask("Hi", schema=kind)
        return scripted.sent()["response_format"]["json_schema"], reply.parsed

    return ask


@pytest.mark.report("livekit/agents#5302", outcome="mended")
@pytest.mark.report("openai/openai-agents-python#474", outcome="mended")
@pytest.mark.report("openai/openai-node#1709", outcome="mended")
def test_a_discriminated_union_is_sent_as_any_of(openai_schema):
    """
    Strict mode rejects `oneOf` and `discriminator`: the schema has `anyOf`.
    """
    value = {"newest": {"vehicle": "car", "doors": 5}, "vehicles": [{"vehicle": "bike", "gears": 7}]}

    sent, parsed = openai_schema(Garage, value)

    assert sent["strict"] is True
    for keyword in ("oneOf", "discriminator"):
        assert find(sent["schema"], keyword) == []
    assert parsed.vehicles == [Bike(vehicle="bike", gears=7)]


@pytest.mark.report("agno-agi/agno#3493", outcome="mended")
@pytest.mark.report("camel-ai/camel#3001", outcome="mended")
def test_a_reference_has_no_keywords_beside_it(openai_schema):
    """
    OpenAI rejects a description beside `$ref`: the reference is wrapped in `anyOf`.
    """
    sent, _parsed = openai_schema(Garage, {"newest": {"vehicle": "car", "doors": 5}, "vehicles": []})

    assert sent["strict"] is True
    assert all(list(node) == ["$ref"] for node in find(sent["schema"], "$ref"))
    assert "bought last" in json.dumps(sent["schema"])


@pytest.mark.report("pydantic/pydantic-ai#7315", outcome="mended")
def test_a_tuple_of_one_type_is_a_list_of_that_length_in_strict_mode(openai_schema):
    """
    Strict mode rejects `prefixItems`: a tuple of one type is sent as a list; lengths of strings are sent unchanged.
    """

    class Place(Closed):
        name: str = Field(min_length=2, max_length=40)
        point: tuple[float, float]

    sent, parsed = openai_schema(Place, {"name": "Oslo", "point": [59.9, 10.7]})

    point = sent["schema"]["properties"]["point"]
    assert sent["strict"] is True
    assert find(sent["schema"], "prefixItems") == []
    assert (point["items"], point["minItems"], point["maxItems"]) == ({"type": "number"}, 2, 2)
    assert sent["schema"]["properties"]["name"]["maxLength"] == 40
    assert parsed.point == (59.9, 10.7)


@pytest.mark.report("openai/openai-agents-python#4752", outcome="mended")
def test_a_tuple_of_several_types_is_sent_without_strict_mode(openai_schema):
    """
    Strict mode has no equivalent: the schema is sent unchanged, and the reply is validated.
    """

    class Row(Closed):
        cell: tuple[int, str]

    sent, parsed = openai_schema(Row, {"cell": [1, "x"]})

    assert "strict" not in sent
    assert sent["schema"]["properties"]["cell"]["prefixItems"] == [{"type": "integer"}, {"type": "string"}]
    assert parsed.cell == (1, "x")


@pytest.mark.report("AnswerDotAI/fastcore#798", outcome="mended")
def test_a_tuple_in_a_tool_has_items(scripted, make_client):
    """
    OpenAI rejects a tool with an array without `items`, even outside strict mode.
    """

    def view(view_range: tuple[int, int], cell: tuple[int, str] = (1, "a")) -> str:
        """View a file."""
        return f"{view_range} {cell}"

    call = {**CALL, "function": {"name": "view", "arguments": '{"view_range": [1, 9]}'}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Done."))

    make_client(OPENAI, api="chat").ask("View it.", tools=[view])

    parameters = scripted.sent()["tools"][0]["function"]["parameters"]["properties"]
    assert parameters["view_range"]["items"] == {"type": "integer"}
    assert parameters["cell"]["items"] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert scripted.sent()["messages"][-1]["content"] == "(1, 9) (1, 'a')"


@pytest.mark.report("openai/openai-python#2004", outcome="right")
@pytest.mark.report("openai/openai-agents-python#608", outcome="right")
def test_a_dictionary_may_have_entries(openai_schema):
    """
    Strict mode would force dictionaries to be empty: a schema with one is not sent as strict.
    """

    class Payload(Closed):
        arguments: dict[str, Any]

    sent, parsed = openai_schema(Payload, {"arguments": {"city": "Oslo"}})

    assert not sent.get("strict")
    assert sent["schema"]["properties"]["arguments"].get("additionalProperties") is not False
    assert parsed.arguments == {"city": "Oslo"}


@pytest.mark.report("BerriAI/litellm#21016", outcome="right")
@pytest.mark.report("laravel/ai#715", outcome="right")
def test_bounds_are_moved_to_the_description(scripted, make_client):
    """
    Anthropic rejects bounds of numbers, strings and lists: they become descriptions, and values are validated.
    """
    value = {"score": 7, "share": 0.5, "summary": "Good.", "tags": ["a", "b"]}
    scripted.reply(200, make_claude_reply({"type": "text", "text": json.dumps(value)}))

    reply = make_client(CLAUDE).ask("Review it.", schema=Review)

    schema = scripted.sent()["output_config"]["format"]["schema"]
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "maxItems")
    assert [keyword for keyword in bounds if find(schema, keyword)] == []
    assert {node["minItems"] for node in find(schema, "minItems")} <= {0, 1}
    assert "280" in json.dumps(schema)
    assert reply.parsed == Review(**value)
