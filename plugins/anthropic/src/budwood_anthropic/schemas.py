"""
Write the JSON schema of structured output as the vendor takes it.

It takes a part of JSON schema: objects must be closed, and bounds of numbers and lengths are refused. What it does not
take is told to the model in the description; that the reply satisfies the whole schema is checked by the caller.
Source: docs.claude.com, "Structured outputs", "JSON Schema limitations"; ``lib/_parse/_transform.py`` of the SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import convert_once

_FORMATS: Final = frozenset("date-time time date duration email hostname uri ipv4 ipv6 uuid".split())

_TAKEN: Final = frozenset(
    "$ref $defs definitions type enum const anyOf allOf properties required items description title "
    "default format".split()
)


@convert_once
def accepted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with what the vendor refuses moved into descriptions."""
    return _accept(schema)


def _accept(schema: Mapping[str, Any]) -> dict[str, Any]:
    written = {name: _inner(name, value) for name, value in schema.items() if _is_taken(name, value)}
    if "oneOf" in schema:
        written["anyOf"] = [*written.get("anyOf", ()), *_inner("oneOf", schema["oneOf"])]
    if schema.get("type") == "object" or "properties" in schema:
        written["additionalProperties"] = False
    refused = {name: value for name, value in schema.items() if name != "oneOf" and not _is_taken(name, value)}
    if refused:
        said = to_json(refused).decode()
        written["description"] = f"{schema['description']}\n\n{said}" if schema.get("description") else said
    return written


def _is_taken(name: str, value: object) -> bool:
    if name == "format":
        return value in _FORMATS
    if name == "minItems":
        return value in (0, 1)
    if name == "additionalProperties":
        return value is False
    return name in _TAKEN


def _inner(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Write the schemas that a keyword holds."""
    if name in ("properties", "$defs", "definitions") and isinstance(value, Mapping):
        return {key: _schema(one) for key, one in value.items()}
    if name in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        return [_schema(one) for one in value]
    return _schema(value) if name == "items" else value


def _schema(value: Any) -> Any:  # noqa: ANN401 - a schema may be true or false
    return _accept(value) if isinstance(value, Mapping) else value


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
