"""Regular expressions of JSON schemas, matched in linear time."""

from __future__ import annotations

import pytest

from budwood.engine.chat.json_schemas import compile_validator
from budwood.providing.json_patterns import find_slow_pattern

HOSTILE = "a" * 50_000 + "!"


def list_errors(schema, value):
    """
    Return the messages of a validator.
    """
    return [error.message for error in compile_validator(schema).iter_errors(value)]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": "^(a+)+$"}, HOSTILE),
        ({"properties": {"x": {"allOf": [{"pattern": "^(a|a)*$"}]}}}, {"x": HOSTILE}),
        ({"propertyNames": {"pattern": "^(a+)+$"}}, {HOSTILE: 1}),
        ({"patternProperties": {"^(a+)+$": True}, "additionalProperties": False}, {HOSTILE: 1}),
    ],
)
def test_matching_takes_linear_time(schema, value):
    """
    Python's own engine would take longer than the universe exists.
    """
    assert len(list_errors(schema, value)) == 1
    assert find_slow_pattern(schema) is None


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"pattern": "b"}, ["abc", 5], ["ac"]),
        ({"pattern": r"^\d{3}$"}, ["123"], ["1234", "123\n"]),
        ({"pattern": r"^(?=a)a$"}, ["a"], ["b"]),
        ({"pattern": r"^(a)\1$"}, ["aa"], ["ab"]),
        ({"patternProperties": {"^n_": {"type": "integer"}}}, [{"n_a": 1, "b": "x"}, 5], [{"n_a": "x"}]),
        ({"patternProperties": {"^n_": True}, "additionalProperties": False}, [{"n_a": 1}], [{"n_a": 1, "b": 1}]),
        ({"properties": {"a": True}, "additionalProperties": {"type": "integer"}}, [{"a": "x", "b": 1}], [{"b": "x"}]),
        ({"properties": {"a": True}, "additionalProperties": False}, [{"a": 1}, [1]], [{"b": 1, "c": 2}]),
        ({"additionalProperties": True}, [{"b": 1}], []),
    ],
)
def test_keywords_validate_as_before(schema, valid, invalid):
    """
    Expressions with look-around or references are matched by Python.
    """
    assert [list_errors(schema, value) for value in valid] == [[]] * len(valid)
    assert all(list_errors(schema, value) for value in invalid)


@pytest.mark.parametrize(
    ("schema", "slow"),
    [
        ({"properties": {"x": {"pattern": "^(?=a)(a+)+$"}}}, "^(?=a)(a+)+$"),
        ({"$defs": {"x": {"patternProperties": {r"(a)\1": {}}}}}, r"(a)\1"),
        ({"items": [{"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": "a"}]}, "$schema"),
        ({"unevaluatedProperties": False, "allOf": [{"patternProperties": {"^(a+)+$": {}}}]}, "unevaluatedProperties"),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": "a"}, None),
        ({"unevaluatedProperties": False, "properties": {"pattern": {"type": "string"}}}, None),
        ({"properties": {"patternProperties": {"type": "string"}}}, None),
    ],
)
def test_what_may_be_slow_is_found(schema, slow):
    """
    Also in parts of the schema; properties may have the names of keywords.
    """
    assert find_slow_pattern(schema) == slow
