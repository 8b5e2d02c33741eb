from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_gemini.schemas import convert_schema

KNOWN = {
    "type": "object",
    "title": "Person",
    "$defs": {"Name": {"type": "string"}},
    "properties": {"name": {"$ref": "#/$defs/Name"}, "ages": {"type": "array", "items": {"type": "integer"}}},
    "required": ["name"],
    "additionalProperties": False,
}


def test_a_supported_schema_is_unchanged():
    """
    It has only supported keywords.
    """
    assert convert_schema(KNOWN) == KNOWN


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": "a"}, {"enum": ["a"], "type": "string"}),
        ({"const": True}, {"enum": [True], "type": "boolean"}),
        ({"const": 1, "type": "number"}, {"enum": [1], "type": "number"}),
        ({"$schema": "x", "type": "integer", "exclusiveMinimum": 0, "examples": [1]}, {"type": "integer"}),
        ({"oneOf": [{"const": 1}], "discriminator": {}}, {"oneOf": [{"enum": [1], "type": "integer"}]}),
        ({"type": "string", "format": "email"}, {"type": "string", "description": "Format: email."}),
        (
            {"type": "string", "format": "uri", "description": "A page."},
            {"type": "string", "description": "A page. Format: uri."},
        ),
        ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
    ],
)
def test_unsupported_keywords(schema, expected):
    """
    Constants become enums and formats words; other keywords are removed, at any depth.
    """
    assert convert_schema(schema) == expected
    assert convert_schema({"properties": {"a": schema}}) == {"properties": {"a": expected}}


@given(st.sampled_from(["const", "examples", "$schema", "discriminator", "format", "enum"]))
def test_properties_may_have_the_names_of_keywords(name):
    """
    A property with the name of a keyword is not removed.
    """
    schema = {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
    assert convert_schema(schema) == schema


def test_values_are_not_converted():
    """
    Defaults and enums are data, whatever they look like.
    """
    schema = {"type": "object", "default": {"const": 1, "examples": 2}}
    assert convert_schema(schema) == schema
