"""The types of columns: derived from a JSON schema, with JSON text for what has no fixed type."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic_core import from_json, to_json

from budwood.types import JSON

PlainKind = Literal["string", "boolean", "integer", "number"]
Kind = Literal[PlainKind, "array", "object", "json"]

_PLAIN: Final[Mapping[PlainKind, pa.DataType]] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "integer": pa.int64(),
    "number": pa.float64(),
}
"""The types of values by the name of their type in a schema."""
_INT64: Final = range(-(2**63), 2**63)
_EXACT_IN_FLOAT64: Final = range(-(2**53), 2**53 + 1)
_MAX_DEPTH: Final = 30
"""Deeper schemas are JSON text, and so are recursive ones."""

Path = tuple[str, ...]
"""The names of the fields that lead to a value; the items of a list are ``"[]"``."""


class MismatchError(Exception):
    """
    A value does not fit into the type of its column.

    Attributes:
        path: The column, or the field in it, whose type is too narrow.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(".".join(path))
        self.path = path


@dataclass(frozen=True, slots=True)
class ColumnType:
    """
    The type of a column, or of a part of it.

    Attributes:
        kind: The name of a type in a JSON schema; ``"json"`` for JSON text.
        fields: The fields of an object, or the items of an array under ``"[]"``.
    """

    kind: Kind
    fields: Mapping[str, ColumnType] | None = None

    def arrow(self) -> pa.DataType:
        """Return the type in Arrow."""
        fields = self.fields or {}
        match self.kind:
            case "array":
                return pa.list_(fields["[]"].arrow())
            case "object":
                return pa.struct([pa.field(name, field.arrow()) for name, field in fields.items()])
            case "json":
                return pa.string()
            case _:
                return _PLAIN[self.kind]

    def encode(self, value: JSON, path: Path) -> Any:  # noqa: ANN401 - as Arrow reads it
        """
        Return a value for Arrow. Null and a missing value are the same.

        Raises:
            MismatchError: The value does not fit.
        """
        fields = self.fields or {}
        match self.kind, value:
            case _, None:
                return None
            case "json", _:
                return to_json(value).decode()
            case "array", list():
                return [fields["[]"].encode(item, (*path, "[]")) for item in value]
            case "object", dict() if value.keys() <= fields.keys():
                return {
                    name: field.encode(value[name], (*path, name)) for name, field in fields.items() if name in value
                }
            case "number", int() | float() if _fits("number", value):
                return float(value)
            case _ if _fits(self.kind, value):
                return value
            case _:
                raise MismatchError(path)

    def decode(self, value: Any) -> JSON:  # noqa: ANN401 - as Arrow returns it
        """Return a value that Arrow has read."""
        fields = self.fields or {}
        match self.kind:
            case _ if value is None:
                return None
            case "json":
                parsed: JSON = from_json(value)
                return parsed
            case "array":
                return [fields["[]"].decode(item) for item in value]
            case "object":
                return {name: field.decode(value[name]) for name, field in fields.items()}
            case _:
                plain: JSON = value
                return plain

    def widen(self, path: Path) -> ColumnType:
        """Return a type in which a field is JSON text."""
        if not path:
            return ColumnType("json")
        name, *rest = path
        fields = dict(self.fields or {})
        return replace(self, fields=fields | {name: fields[name].widen(tuple(rest))})

    def json_paths(self, path: Path = ()) -> Iterator[Path]:
        """Yield the fields that are JSON text."""
        if self.kind == "json":
            yield path
        for name, field in (self.fields or {}).items():
            yield from field.json_paths((*path, name))


def _fits(kind: Kind, value: JSON) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return (kind == "integer" and value in _INT64) or (kind == "number" and value in _EXACT_IN_FLOAT64)
    return (kind == "string" and isinstance(value, str)) or (kind == "number" and isinstance(value, float))


def parse_columns(schema: dict[str, JSON]) -> dict[str, ColumnType]:
    """Return the columns for rows with a JSON schema."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    return {name: _parse(field, schema, ()) for name, field in properties.items()}


def read_columns(schema: pa.Schema, json_paths: Collection[Path]) -> dict[str, ColumnType]:
    """Return the columns of a file, whose metadata list the fields that are JSON text."""
    return {field.name: _read_type(field.type, (field.name,), json_paths) for field in schema}


def _read_type(arrow: pa.DataType, path: Path, json_paths: Collection[Path]) -> ColumnType:
    if path in json_paths:
        return ColumnType("json")
    if pa.types.is_list(arrow):
        return ColumnType("array", {"[]": _read_type(arrow.value_type, (*path, "[]"), json_paths)})
    if pa.types.is_struct(arrow):
        fields = {field.name: _read_type(field.type, (*path, field.name), json_paths) for field in arrow}
        return ColumnType("object", fields)
    return ColumnType(next((kind for kind, plain in _PLAIN.items() if plain == arrow), "string"))


def _parse(part: JSON, root: dict[str, JSON], parents: tuple[int, ...]) -> ColumnType:
    """Return the type for a part of a schema; JSON text if it allows values of several types."""
    found = _simplify(part, root)
    if found is None or id(found) in parents or len(parents) > _MAX_DEPTH:
        return ColumnType("json")
    parents = (*parents, id(found))
    items, properties = found.get("items"), found.get("properties")
    match _kind(found):
        case "string" | "boolean" | "integer" | "number" as kind:
            return ColumnType(kind)
        case "array" if isinstance(items, dict):
            return ColumnType("array", {"[]": _parse(items, root, parents)})
        case "object" if isinstance(properties, dict) and properties:
            fields = {name: _parse(field, root, parents) for name, field in properties.items()}
            return ColumnType("object", fields)
        case _:
            return ColumnType("json")


def _simplify(part: JSON, root: dict[str, JSON]) -> dict[str, JSON] | None:
    """Follow references and choices in which only one type remains beside null."""
    for _ in range(_MAX_DEPTH):
        if not isinstance(part, dict):
            return None
        choices = next((part[name] for name in ("anyOf", "oneOf", "allOf") if name in part), None)
        if isinstance(reference := part.get("$ref"), str):
            part = _resolve(reference, root)
        elif isinstance(choices, list):
            rest = [choice for choice in choices if not isinstance(choice, dict) or choice.get("type") != "null"]
            part = rest[0] if len(rest) == 1 else None
        else:
            return part
    return None


def _resolve(reference: str, root: dict[str, JSON]) -> JSON:
    """Return what a reference within the schema points to. RFC 6901."""
    if not reference.startswith("#"):
        return None
    part: JSON = root
    for name in reference.removeprefix("#").split("/")[1:]:
        if not isinstance(part, dict):
            return None
        part = part.get(name.replace("~1", "/").replace("~0", "~"))
    return part


def _kind(part: Mapping[str, JSON]) -> str | None:
    named = part.get("type")
    if isinstance(named, str):
        return named
    if isinstance(named, list):
        kinds = {name for name in named if name != "null"}
        return next(iter(map(str, kinds))) if len(kinds) == 1 else "number" if kinds == {"integer", "number"} else None
    values: Sequence[JSON] = [part["const"]] if "const" in part else _as_list(part.get("enum"))
    found = {_PYTHON_KINDS.get(type(value)) for value in values if value is not None}
    return found.pop() if len(found) == 1 else None


_PYTHON_KINDS: Final[Mapping[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def _as_list(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []
