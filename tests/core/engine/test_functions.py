from __future__ import annotations

import functools
import gc
import json
import weakref
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from budwood.engine.chat.docstrings import parse_docstring
from budwood.engine.chat.functions import format_result, make_tool
from budwood.errors import ConfigurationError
from budwood.types import ToolCallPart


def weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """
    Tell the weather of a city.

    Args:
        city: Its name, as its people
            write it.
        unit: Of the temperature.

    Returns:
        A sentence.
    """
    return f"10 {unit} in {city}"


def test_a_function_is_described_by_its_hints_and_docstring():
    """
    Name, summary, types, defaults and argument descriptions are sent to the model.
    """
    definition = make_tool(weather).definition

    assert (definition.name, definition.description) == ("weather", "Tell the weather of a city.")
    parameters = definition.parameters
    assert parameters["type"] == "object"
    assert parameters["required"] == ["city"]
    city, unit = parameters["properties"]["city"], parameters["properties"]["unit"]
    assert (city["type"], city["description"]) == ("string", "Its name, as its people write it.")
    assert (unit["enum"], unit["default"], unit["description"]) == (["C", "F"], "C", "Of the temperature.")


def test_functions_without_docstrings_are_described():
    """
    Docstrings, hints and parameters are optional; the description of a Field takes precedence.
    """

    def return_one():
        return 1

    def add(a, b: Annotated[int, Field(description="The field's.")] = 1):
        """
        Add.

        :param int b: The docstring's.
        :param a: Anything.
        """

    assert make_tool(return_one).definition.parameters["properties"] == {}
    assert make_tool(return_one).definition.description == ""
    properties = make_tool(add).definition.parameters["properties"]
    assert make_tool(add).definition.description == "Add."
    assert (properties["a"]["description"], properties["b"]["description"]) == ("Anything.", "The field's.")


@given(st.text(), st.text(alphabet="ArgsRetunP:param \n\tx", max_size=80))
def test_no_docstring_crashes_the_reader(text, near):
    """
    Any docstring can be parsed.
    """
    for docstring in (text, near):
        summary, arguments = parse_docstring(docstring)
        assert summary == summary.strip()
        assert all(name and words for name, words in arguments.items())


class Point(BaseModel):
    x: int
    y: int = 0


def call(function, **arguments):
    """Call a function as a model does."""
    return make_tool(function).call(ToolCallPart(id="c1", name="f", arguments=json.dumps(arguments)))


def test_arguments_are_converted_to_the_hints():
    """
    The model's JSON is converted to models, dates and lists.
    """

    def move(point: Point, on: date, names: list[str]):
        return point, on, names

    assert call(move, point={"x": 1}, on="2026-01-02", names=["a"]) == (Point(x=1), date(2026, 1, 2), ["a"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (Point(x=1), '{"x":1,"y":0}'),
        ({"a": [1, None], "on": date(2026, 1, 2)}, '{"a":[1,null],"on":"2026-01-02"}'),
        (object, "\"<class 'object'>\""),
        (None, "null"),
        (b"Hi", '"Hi"'),
    ],
)
def test_results_are_converted_for_the_model(value, text):
    """
    Texts are unchanged, other values become JSON, and values without a JSON form their text.
    """
    assert format_result(value) == text


def test_methods_and_callable_objects_are_tools():
    """
    A bound method is described without `self`, an object by its `__call__`.
    """

    class Ship:
        """A ship."""

        def sail(self, knots: int) -> str:
            return f"{knots} kn"

        def __call__(self, port: str) -> str:
            return f"to {port}"

    assert call(Ship().sail, knots="5") == "5 kn"
    assert call(Ship(), port="Oslo") == "to Oslo"
    assert list(make_tool(Ship().sail).definition.parameters["properties"]) == ["knots"]
    assert make_tool(Ship()).definition.name == "Ship"
    assert list(make_tool(Ship()).definition.parameters["properties"]) == ["port"]


def test_a_function_is_described_once():
    """
    Later calls share the definition and the validator; a new name or docstring is described again.
    """

    def sail(knots: int) -> int:
        """Sail."""
        return knots

    first, again = make_tool(sail), make_tool(sail)
    sail.__doc__ = "Sail on."
    changed = make_tool(sail)
    sail.__name__ = "row"

    assert first.definition is again.definition
    assert first.arguments is again.arguments
    assert (changed.definition.description, make_tool(sail).definition.name) == ("Sail on.", "row")


def test_methods_share_the_description_of_their_function():
    """
    The method of each object is a separate tool, which calls that object.
    """

    class Ship:
        def __init__(self, name: str):
            self.name = name

        def sail(self, knots: int) -> str:
            """Sail."""
            return f"{self.name}: {knots} kn"

    ships = [make_tool(Ship(name).sail) for name in ("Ark", "Argo")]

    assert ships[0].definition is ships[1].definition
    tool_call = ToolCallPart(id="c1", name="sail", arguments='{"knots": 5}')
    assert [ship.call(tool_call) for ship in ships] == ["Ark: 5 kn", "Argo: 5 kn"]
    unbound = make_tool(Ship.sail).definition.parameters["properties"]
    assert list(unbound) == ["self", "knots"]


def test_functions_are_garbage_collected():
    """
    The cache has no reference to a function that the program has dropped.
    """

    def make_reference():
        def local(point: Point) -> int:
            return point.x

        assert call(local, point={"x": 3}) == 3
        return weakref.ref(local)

    local = make_reference()
    gc.collect()

    assert local() is None


def test_partial_functions_and_classes_are_tools():
    """
    A partial function is described without its bound arguments; a class is a tool that creates an object.
    """

    @dataclass
    class Ship:
        """A ship."""

        name: str
        masts: int = 1

    def sail(knots: int, ship: str) -> str:
        return f"{ship}: {knots} kn"

    argo = functools.partial(sail, ship="Argo")
    argo.__name__ = "argo"

    assert call(argo, knots="5") == "Argo: 5 kn"
    assert call(Ship, name="Ark", masts="2") == Ship("Ark", 2)


class Opaque:
    """A type without a JSON form."""


def take_opaque(opaque: Opaque) -> None:
    """Accept a value that JSON cannot express."""


@pytest.mark.parametrize(
    ("tools", "expected_error"),
    [
        ([lambda: 1], "Invalid tool name '<lambda>'"),
        ([take_opaque], "Cannot describe the tool 'take_opaque'"),
        ([weather, weather], "Two tools have the name 'weather'"),
        ([5], "A tool is of the type int"),
        ([len], "A tool is of the type builtin_function_or_method"),
    ],
)
def test_invalid_tools_are_refused_before_sending(client, scripted, tools, expected_error):
    """
    Invalid names, indescribable parameters and duplicate names are configuration errors.
    """
    with pytest.raises(ConfigurationError, match=expected_error):
        client.ask("?", tools=tools)

    assert scripted.calls == []
