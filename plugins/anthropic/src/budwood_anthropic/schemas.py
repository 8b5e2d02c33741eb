"""
Convert the JSON schema of structured output to the keywords that the API supports.

Objects must be closed, and limits of numbers and lengths are rejected. Unsupported keywords are moved to the
description, where the model sees them; the caller validates the reply with the complete schema.
Source: docs.claude.com, "Structured outputs", "JSON Schema limitations"; ``lib/_parse/_transform.py`` of the SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import convert_once

_FORMATS: Final = frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split())

_KEYWORDS: Final = frozenset(
    "$ref $defs definitions type enum const anyOf allOf properties required items description title "
    "default format".split()
)


@convert_once
def convert_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with unsupported keywords moved to descriptions."""
    return _convert(schema)


def _convert(schema: Mapping[str, Any]) -> dict[str, Any]:
    converted = {name: _convert_value(name, value) for name, value in schema.items() if _is_supported(name, value)}
    if "oneOf" in schema:
        converted["anyOf"] = [*converted.get("anyOf", ()), *_convert_value("oneOf", schema["oneOf"])]
    if schema.get("type") == "object" or "properties" in schema:
        converted["additionalProperties"] = False
    unsupported = {name: value for name, value in schema.items() if name != "oneOf" and not _is_supported(name, value)}
    if unsupported:
        words = to_json(unsupported).decode()
        converted["description"] = f"{schema['description']}\n\n{words}" if schema.get("description") else words
    return converted


def _is_supported(name: str, value: object) -> bool:
    if name == "format":
        return value in _FORMATS
    if name == "minItems":
        return value in (0, 1)
    if name == "additionalProperties":
        return value is False
    return name in _KEYWORDS


def _convert_value(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Convert the schemas in the value of a keyword."""
    if name in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
        return {key: _convert_subschema(one) for key, one in value.items()}
    if name in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        return [_convert_subschema(one) for one in value]
    return _convert_subschema(value) if name == "items" else value


def _convert_subschema(value: Any) -> Any:  # noqa: ANN401 - a schema may be true or false
    return _convert(value) if isinstance(value, Mapping) else value


@convert_once
def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Return whether a definition of a schema refers to itself, directly or through others, or to the root."""
    references = {
        f"#/{key}/{name}": set(_references(definition))
        for key in ("$defs", "definitions")
        for name, definition in schema.get(key, {}).items()
    }
    for pointer, direct in references.items():
        reached, pending = set(), list(direct)
        while pending:
            found = pending.pop()
            if found == pointer:
                return True
            if found not in reached:
                reached.add(found)
                pending += references.get(found, ())
    return "#" in _references(schema)


def _references(schema: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
