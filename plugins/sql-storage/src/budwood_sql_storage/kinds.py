"""The kind of a column, from the JSON schema of a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal
from urllib.parse import unquote

from budwood.types.record import JSON

ColumnKind = Literal["string", "integer", "number", "boolean", "json"]
Schema = Mapping[str, JSON]

_KINDS: Final[Mapping[str, ColumnKind]] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}
_MAX_DEPTH: Final = 16
"""References of schemas that are followed; a schema may refer to itself."""


def find_kind(schema: Schema, roots: Sequence[Schema]) -> ColumnKind:
    """
    Return the kind of column for a field: that of its scalar type, besides null. All else is JSON.

    Args:
        schema: The schema of the field.
        roots: Where ``$ref`` is looked up, one after the other.
    """
    types = _list_types(schema, roots, 0) - {"null"}
    if types == {"integer", "number"}:
        return "number"
    return _KINDS.get(types.pop(), "json") if len(types) == 1 else "json"


def resolve(schema: Schema, roots: Sequence[Schema]) -> Schema:
    """Follow the references of a schema."""
    for _ in range(_MAX_DEPTH):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            break
        schema = next((found for root in roots if (found := _look_up(reference, root)) is not None), {})
    return schema


def _list_types(schema: Schema, roots: Sequence[Schema], depth: int) -> set[str]:
    """Return the types that a schema allows; "any" if it does not say."""
    schema = resolve(schema, roots)
    declared = schema.get("type")
    if isinstance(declared, str):
        return {declared}
    if isinstance(declared, list):
        return {str(name) for name in declared}
    if "const" in schema:
        return {_type_of(schema["const"])}
    if isinstance(values := schema.get("enum"), list):
        return {_type_of(value) for value in values}
    for keyword in ("anyOf", "oneOf", "allOf"):
        parts = schema.get(keyword)
        if isinstance(parts, list) and depth < _MAX_DEPTH and (keyword != "allOf" or len(parts) == 1):
            parsed = [part if isinstance(part, dict) else {} for part in parts]
            return set().union(*(_list_types(part, roots, depth + 1) for part in parsed))
    return {"any"}


def _type_of(value: JSON) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if isinstance(value, int) else "number"
    return "string" if isinstance(value, str) else "object"


def _look_up(reference: str, root: Schema) -> Schema | None:
    """Return the schema at a JSON pointer (RFC 6901) such as ``#/$defs/Colour``."""
    if not reference.startswith("#"):
        return None
    found: object = root
    for part in unquote(reference[1:]).split("/")[1:]:
        if not isinstance(found, dict):
            return None
        found = found.get(part.replace("~1", "/").replace("~0", "~"))
    return found if isinstance(found, dict) else None
