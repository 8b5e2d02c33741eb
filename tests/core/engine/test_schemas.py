from __future__ import annotations

import copy
import dataclasses
import enum
import gc
import json
import threading
import weakref
from collections.abc import Callable
from typing import Annotated, Generic, Literal, NewType, TypeVar

import pytest
from pydantic import BaseModel, Field, RootModel
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

from budwood.engine.chat import schemas
from budwood.engine.chat.schemas import parse_schema
from budwood.errors import ConfigurationError, StructuredOutputError
from budwood_testing import chat_reply

T = TypeVar("T")


class Person(BaseModel):
    name: str


class Cat(BaseModel):
    name: str
    lives: int = 9


class Dog(BaseModel):
    name: str


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Row(TypedDict):
    id: int


class Colour(enum.Enum):
    RED = "red"


UserId = NewType("UserId", int)


def read_sent_schema(scripted, number=-1):
    """Return the JSON schema that a request carried."""
    return scripted.sent(number)["response_format"]["json_schema"]["schema"]


@pytest.mark.parametrize(
    ("schema", "reply", "value"),
    [
        (Person, {"name": "Ada"}, Person(name="Ada")),
        (Page[Person], {"items": [{"name": "Ada"}]}, Page[Person](items=[Person(name="Ada")])),
        (Point, {"x": 1}, Point(1)),
        (Row, {"id": 1}, {"id": 1}),
        (dict[str, Person], {"a": {"name": "Ada"}}, {"a": Person(name="Ada")}),
        (list[Person], {"value": [{"name": "Ada"}]}, [Person(name="Ada")]),
        (tuple[int, str], {"value": [1, "a"]}, (1, "a")),
        (Person | None, {"value": None}, None),
        (Colour, {"value": "red"}, Colour.RED),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (Annotated[int, Field(ge=2)], {"value": 2}, 2),
        (Annotated[int, Field(json_schema_extra={"examples": [3]})], {"value": 3}, 3),
        (UserId, {"value": 7}, 7),
        (int, {"value": 36}, 36),
        (str, {"value": "Ada"}, "Ada"),
        (RootModel[list[int]], {"value": [1]}, RootModel[list[int]]([1])),
    ],
    ids=str,
)
def test_any_type_that_pydantic_validates_is_a_schema(client, scripted, schema, reply, value):
    """
    The vendor always receives an object at the root; `parsed` has the type, and can be written as JSON.
    """
    scripted.reply(body=chat_reply(json.dumps(reply)))

    response = client.ask("?", schema=schema)

    assert response.parsed == value
    assert type(response.parsed) is type(value)
    assert read_sent_schema(scripted)["type"] == "object"
    assert json.loads(response.model_dump_json())["parsed"] == to_jsonable_python(value)


@pytest.mark.parametrize("text", ["[1, 2]", "Here: [1, 2].", '{"value": [1, 2]}'])
def test_values_may_come_without_their_object(client, scripted, text):
    """
    A bare list is accepted instead of an object with the property `value`.
    """
    scripted.reply(body=chat_reply(text))

    assert client.ask("?", schema=list[int], repairs=0).parsed == [1, 2]


def test_errors_of_wrapped_values_have_a_path(client, scripted):
    """
    The path in the error is that in the schema that the model received.
    """
    scripted.reply(body=chat_reply('{"value": [1, "many"]}'))

    with pytest.raises(StructuredOutputError) as caught:
        client.ask("?", schema=list[int], repairs=0)

    (error,) = caught.value.errors
    assert error.startswith("value.1: ")


@dataclasses.dataclass
class Uncallable:
    function: Callable[[int], int]


@pytest.mark.parametrize(
    ("schema", "expected_error"),
    [
        (Uncallable, "Cannot describe Uncallable as a JSON schema"),
        (list[Callable[[int], int]], "Cannot describe .* as a JSON schema"),
        (object(), "schema= is of the type object"),
        (Point(1), "schema= is of the type Point"),
        ({"enum": [object()]}, "Cannot encode the JSON schema as JSON"),
    ],
)
def test_types_without_a_schema_are_refused_before_sending(client, scripted, schema, expected_error):
    """
    A type without a JSON schema and an object that is not a type are errors; nothing is sent.
    """
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=expected_error):
            client.ask("?", schema=schema)

    assert scripted.calls == []


def test_the_schema_of_a_model_is_built_once(client, scripted, monkeypatch):
    """
    Later calls send the same schema.
    """
    built_models = []
    original = BaseModel.model_json_schema.__func__

    def count_calls(model, *arguments, **options):
        built_models.append(model)
        return original(model, *arguments, **options)

    monkeypatch.setattr(BaseModel, "model_json_schema", classmethod(count_calls))

    class NewModel(BaseModel):
        name: str

    for _ in range(3):
        scripted.reply(body=chat_reply('{"name": "Ada"}'))
        assert client.ask("?", schema=NewModel).parsed == NewModel(name="Ada")

    assert built_models == [NewModel]
    assert read_sent_schema(scripted, 0) == read_sent_schema(scripted, 2) == original(NewModel)


def test_models_are_garbage_collected(client, scripted):
    """
    The cache has no reference to a class that the program has dropped.
    """
    scripted.reply(body=chat_reply('{"name": "Ada"}'))

    def ask():
        class Local(BaseModel):
            name: str

        assert client.ask("?", schema=Local).parsed.name == "Ada"
        return weakref.ref(Local)

    local = ask()
    gc.collect()

    assert local() is None


def test_changed_dictionaries_are_parsed_again(client, scripted):
    """
    The next call sends the new schema and validates by it.
    """
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    first = copy.deepcopy(schema)
    for _ in range(4):
        scripted.reply(body=chat_reply('{"name": "Ada"}'))

    client.ask("?", schema=schema)
    schema["properties"]["name"]["maxLength"] = 2
    with pytest.raises(StructuredOutputError, match="too long"):
        client.ask("?", schema=schema, repairs=0)
    changed = copy.deepcopy(schema)
    del schema["properties"]["name"]["maxLength"]
    assert client.ask("?", schema=schema).parsed == {"name": "Ada"}

    assert [read_sent_schema(scripted, number) for number in range(3)] == [first, changed, first]


def test_equal_dictionaries_share_a_validator():
    """
    A dictionary that is created for each call is compiled once.
    """
    schema = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}}

    assert parse_schema(schema) is parse_schema(copy.deepcopy(schema))


def test_dictionaries_keep_the_order_of_their_properties(client, scripted):
    """
    Models write properties in the order of the schema, so equal dictionaries in another order are sent unchanged.
    """
    kind = {"type": "integer"}
    orders = (["reason", "score"], ["score", "reason"])
    for names in orders:
        scripted.reply(body=chat_reply('{"reason": 1, "score": 1}'))
        client.ask("?", schema={"properties": dict.fromkeys(names, kind)})

    assert [list(read_sent_schema(scripted, number)["properties"]) for number in (0, 1)] == list(orders)


@pytest.mark.parametrize("make", [lambda: list[Person], lambda: Page[Cat], lambda: dict[str, list[Cat]], lambda: Point])
def test_equal_types_share_a_validator(make):
    """
    Each use of a generic creates a new object, which is found by equality.
    """
    assert parse_schema(make()) is parse_schema(make())


def test_unions_keep_the_order_of_their_members(client, scripted):
    """
    Unions in another order are equal, but prefer another member.
    """
    for union in (Cat | Dog, Dog | Cat):
        scripted.reply(body=chat_reply('{"value": {"name": "Rex"}}'))
        client.ask("?", schema=union)

    first, second = (read_sent_schema(scripted, number)["properties"]["value"]["anyOf"] for number in (0, 1))
    assert first == second[::-1]


def test_the_caches_are_bounded():
    """
    A program that creates a schema for each call caches only the most recent ones.
    """
    for number in range(schemas.MAX_CACHED + 20):
        parse_schema({"const": number})
        parse_schema(Annotated[int, Field(ge=number)])

    for cached in (schemas._build_json_schema, schemas._build_type_schema, schemas._describe_model):
        assert cached.cache_info().currsize <= schemas.MAX_CACHED


def test_threads_share_the_caches(make_client, scripted):
    """
    Threads that use a schema for the first time at the same time all receive valid values.
    """
    threads, rounds = 8, 20
    for _ in range(threads * rounds * 3):
        scripted.reply(body=chat_reply('{"name": "Ada"}'))

    class NewModel(BaseModel):
        name: str

    types = (NewModel, {"required": ["name"]}, dict[str, NewModel | str])
    wrong: list[object] = []
    barrier = threading.Barrier(threads)
    client = make_client()

    def validate_all():
        barrier.wait()
        for _ in range(rounds):
            values = [client.ask("?", schema=schema).parsed for schema in types]
            if values != [NewModel(name="Ada"), {"name": "Ada"}, {"name": "Ada"}]:
                wrong.append(values)

    workers = [threading.Thread(target=validate_all) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert wrong == []
