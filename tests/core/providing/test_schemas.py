from __future__ import annotations

import copy

from budwood.providing import convert_once


def test_a_schema_is_converted_once():
    """
    Equal schemas share a result; a schema that was changed is converted again.
    """
    converted = []

    @convert_once
    def convert(schema):
        converted.append(schema)
        return {**schema, "converted": True}

    schema = {"properties": {"a": {"type": "integer"}}}
    first = convert(schema)
    again = convert(copy.deepcopy(schema))
    schema["properties"]["a"]["minimum"] = 1

    assert first is again
    assert first == {"properties": {"a": {"type": "integer"}}, "converted": True}
    assert convert(schema) == {**schema, "converted": True}
    assert len(converted) == 2


def test_only_the_last_schemas_are_cached():
    """
    At most 256 schemas are cached.
    """
    converted = []
    convert = convert_once(converted.append)

    for number in range(257):
        convert({"const": number})
    convert({"const": 256})
    convert({"const": 0})

    assert converted == [*({"const": number} for number in range(257)), {"const": 0}]
