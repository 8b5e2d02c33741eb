from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.engine.chat.json_schemas import compile_quick_check, compile_validator

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from(["boolean", "integer", "null", "number", "string"]).map(lambda kind: {"type": kind})
ENUMS = st.lists(NAMES, min_size=1, unique=True).map(lambda texts: {"type": "string", "enum": texts})


@st.composite
def objects(draw, inner):
    """A schema of objects, with properties of the inner schemas."""
    properties = draw(st.dictionaries(NAMES, inner))
    schema = {"type": "object", "title": "An object", "properties": properties}
    if properties:
        schema["required"] = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.booleans())
    return schema


def arrays(inner):
    """Schemas of arrays, with items of the inner schemas or of any kind."""
    return st.one_of(st.just({"type": "array"}), inner.map(lambda items: {"type": "array", "items": items}))


SCHEMAS = st.recursive(SCALARS | ENUMS, lambda inner: objects(inner) | arrays(inner), max_leaves=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


@given(SCHEMAS, VALUES)
def test_what_the_quick_check_accepts_is_valid(schema, value):
    """
    The quick check accepts no value that the library jsonschema rejects.
    """
    check = compile_quick_check(schema)

    assert check is not None
    assert not check.isinstance_python(value) or compile_validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "number"}, 1),
        ({"type": "string", "enum": ["a", "b"]}, "b"),
        ({"type": "array", "items": {"type": "integer"}}, [1, 2]),
        ({"type": "object"}, {"a": 1}),
        ({"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}, {"a": True, "b": None}),
    ],
)
def test_quick_check_accepts_usual_values(schema, value):
    """
    The common keywords are checked without the library jsonschema.
    """
    assert compile_quick_check(schema).isinstance_python(value)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": ["string", "null"]},
        {"type": "string", "minLength": 1},
        {"type": "integer", "enum": [1]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"type": "object", "required": ["a"]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": False},
    ],
)
def test_schema_with_other_keywords_has_no_quick_check(schema):
    """
    Any other keyword leaves the check to the library jsonschema.
    """
    assert compile_quick_check(schema) is None
