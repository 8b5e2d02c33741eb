"""The root of each schema is an object with a type, for every vendor and mode."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field, RootModel, TypeAdapter
from typing_extensions import TypedDict

import budwood
from budwood.engine.chat.json_schemas import with_typed_root
from budwood_testing import FakeClock, ScriptedTransport

T = TypeVar("T")


class Node(BaseModel):
    """
    A tree.
    """

    label: str
    kids: list[Node] = []


class Left(BaseModel):
    """
    One of two models that refer to each other.
    """

    kind: Literal["left"] = "left"
    right: Right | None = None


class Right(BaseModel):
    """
    The other of two models that refer to each other.
    """

    kind: Literal["right"] = "right"
    left: Left | None = None


class Box(BaseModel, Generic[T]):
    """
    A generic tree.
    """

    value: T
    inner: Box[T] | None = None


class Tree(RootModel[Node]):
    """
    A recursive root model.
    """


class Values(RootModel[dict[str, "Values"] | list["Values"] | str]):
    """
    A recursive union as a root model.
    """


class Linked(TypedDict, total=False):
    """
    A recursive typed dictionary.
    """

    next: Linked


@dataclass
class Branch:
    """
    A recursive dataclass.
    """

    name: str
    branches: list[Branch] = field(default_factory=list)


SCHEMAS = {
    "model": Node,
    "mutual": Left,
    "generic": Box[int],
    "root model": Tree,
    "recursive root model": Values,
    "typed dictionary": Linked,
    "dataclass": Branch,
    "discriminated union": Annotated[Left | Right, Field(discriminator="kind")],
    "union": Node | Left,
    "list": list[Node],
    "dictionary": Node.model_json_schema(),
    "old definitions": json.loads(json.dumps(Node.model_json_schema()).replace("$defs", "definitions")),
    "reference in allOf": {"$defs": Node.model_json_schema()["$defs"], "allOf": [{"$ref": "#/$defs/Node"}]},
    "union as a dictionary": TypeAdapter(Annotated[Left | Right, Field(discriminator="kind")]).json_schema(),
    "list as a dictionary": TypeAdapter(list[Node]).json_schema(),
    "enum as a dictionary": {"enum": ["a", "b"]},
    "without type": {"properties": {"label": {"type": "string"}}},
}
MODELS = (
    ("anthropic/claude-3-5-haiku-latest", "auto"),
    ("anthropic/claude-sonnet-4-5", "auto"),
    ("anthropic/claude-sonnet-4-5", "tool"),
    ("openai/gpt-4.1", "auto"),
    ("openai/gpt-4.1", "tool"),
    ("openai/gpt-5-pro", "auto"),
    ("deepseek/deepseek-chat", "auto"),
    ("groq/openai/gpt-oss-20b", "auto"),
    ("gemini/gemini-2.5-flash", "auto"),
    ("gemini/gemini-2.5-flash", "tool"),
    ("ollama/qwen3", "auto"),
    ("ollama/qwen3", "tool"),
)


def get_sent_schema(model, mode, schema):
    """
    Return the schema in the body that is sent, wherever the vendor has it.
    """
    transport = ScriptedTransport().reply(200, {})
    client = budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), retries=0)
    with client, pytest.raises(budwood.BudwoodError):
        client.ask("x", schema=schema, max_tokens=99, schema_mode=mode)
    found = [one for one in list_objects(transport.sent()) if one.get("type") in ("object", None) and is_schema(one)]
    return found[0]


def list_objects(value):
    """
    Yield all objects of a body, outer ones first.
    """
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from list_objects(inner)


def is_schema(value):
    """
    Return whether an object of a body is the root of a JSON schema.
    """
    return "properties" in value or "$ref" in value or "$defs" in value or "anyOf" in value or "oneOf" in value


@pytest.mark.report("lidge-jun/opencodex#75", outcome="mended")
@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize(("model", "mode"), MODELS)
def test_the_root_is_an_object_with_a_type(model, mode, schema):
    """
    The root is neither a reference nor a union, and all its references can be resolved.
    """
    root = get_sent_schema(model, mode, SCHEMAS[schema])

    assert root["type"] == "object"
    assert "$ref" not in root
    assert "properties" in root
    for reference in (one["$ref"] for one in list_objects(root) if "$ref" in one):
        kind, name = reference.removeprefix("#/").split("/")
        assert name in root[kind]


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (Node, '{"label": "a", "kids": [{"label": "b"}]}'),
        (Tree, '{"label": "a", "kids": []}'),
        (Box[int], '{"value": 1, "inner": {"value": 2}}'),
        (Branch, '{"name": "a", "branches": [{"name": "b", "branches": []}]}'),
        (SCHEMAS["discriminated union"], '{"value": {"kind": "right", "left": {"kind": "left"}}}'),
        (Values, '{"value": {"a": ["b"]}}'),
    ],
)
def test_replies_to_recursive_schemas_are_validated(schema, text):
    """
    The value has the type of the schema.
    """
    message = {"role": "assistant", "content": text}
    transport = ScriptedTransport().reply(200, {"model": "m", "message": message, "done": True, "done_reason": "stop"})
    with budwood.Client("ollama/qwen3", transport=transport, clock=FakeClock()) as client:
        parsed = client.ask("x", schema=schema).parsed

    expected = schema if isinstance(schema, type) else Right
    assert isinstance(parsed, expected)


def test_anthropic_gets_a_recursive_schema_as_a_tool():
    """
    Anthropic's structured outputs reject recursion, but its tools accept it; requesting the native mode is an error.
    """
    transport = ScriptedTransport().reply(200, {})
    model = "anthropic/claude-sonnet-4-5"
    with budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), retries=0) as client:
        with pytest.raises(budwood.BadResponseError):
            client.ask("x", schema=Node)
        with pytest.raises(budwood.UnsupportedError):
            client.ask("x", schema=Node, schema_mode="native")
    body = transport.sent()

    assert "output_config" not in body
    assert body["tools"][0]["input_schema"]["type"] == "object"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/Missing"},
        {"$ref": "https://example.com/schema"},
        {"$ref": 7},
        {"allOf": []},
        {"allOf": [True]},
        {"anyOf": [{"type": "object"}]},
    ],
    ids=str,
)
def test_unresolvable_references_remain(schema):
    """
    Circular references and missing definitions remain unchanged.
    """
    assert "type" not in with_typed_root(schema)


def test_a_description_beside_a_reference_remains():
    """
    A description beside a reference remains, and names in JSON pointers are unescaped.
    """
    schema = {"$ref": "#/$defs/a~1b%20c", "description": "Root.", "$defs": {"a/b c": {"type": "object"}}}

    assert with_typed_root(schema) == {"type": "object", "description": "Root.", "$defs": schema["$defs"]}


@pytest.mark.parametrize(
    "parameters",
    [Node.model_json_schema(), {"properties": {"label": {"type": "string"}}}, {"description": "Any."}, {}],
    ids=["recursive", "without type", "without properties", "empty"],
)
@pytest.mark.parametrize("model", [model for model, mode in MODELS if mode == "auto"])
def test_tools_in_openais_form_have_an_object_at_their_root(model, parameters):
    """
    Arguments are always an object, and the schema of a tool says so.
    """
    transport = ScriptedTransport().reply(200, {})
    tool = {"type": "function", "function": {"name": "plant", "parameters": parameters}}
    client = budwood.Client(model, api_key="no-key-123", transport=transport, clock=FakeClock(), retries=0)
    with client, pytest.raises(budwood.BudwoodError):
        client.ask("x", tools=[tool], max_tokens=99)
    roots = [
        one[name]
        for one in list_objects(transport.sent()["tools"])
        for name in ("parameters", "input_schema", "parametersJsonSchema")
        if name in one
    ]

    assert [root["type"] for root in roots] == ["object"]
    assert "$ref" not in roots[0]


@pytest.mark.parametrize("text", ['{"value": ["a"]}', '["a"]'])
def test_replies_to_a_schema_of_a_list_are_accepted_in_both_forms(text):
    """
    In the object that vendors need, and without it.
    """
    message = {"role": "assistant", "content": text}
    transport = ScriptedTransport().reply(200, {"model": "m", "message": message, "done": True, "done_reason": "stop"})
    with budwood.Client("ollama/qwen3", transport=transport, clock=FakeClock()) as client:
        parsed = client.ask("x", schema={"type": "array", "items": {"type": "string"}}).parsed

    assert parsed == ["a"]


@pytest.mark.parametrize(
    "schema", [{}, {"anyOf": [{"$ref": "#/anyOf/1"}, {"type": "string"}]}], ids=["any", "reference"]
)
def test_a_schema_that_cannot_be_wrapped_is_sent_unchanged(schema):
    """
    Any value, or a reference to a place that would move.
    """
    transport = ScriptedTransport().reply(200, {})
    client = budwood.Client("ollama/qwen3", transport=transport, clock=FakeClock(), retries=0)
    with client, pytest.raises(budwood.BudwoodError):
        client.ask("x", schema=schema)

    assert transport.sent()["format"] == schema
