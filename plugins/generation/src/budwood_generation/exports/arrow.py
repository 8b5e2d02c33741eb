"""Arrow types of columns, from their JSON schemas, and the conversion of values to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

    from budwood_generation.exports.columns import Column

Convert = Callable[[Any], Any]

_SCALARS: Final = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool_"}
"""Names of functions of pyarrow that return a type."""


def import_pyarrow() -> ModuleType:
    """
    Return the package pyarrow, with its module for Parquet imported.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError as error:
        raise ConfigurationError(
            "Parquet files need the package pyarrow, which is not installed.",
            hint="Run `pip install pyarrow`, or export to jsonl or csv.",
        ) from error


def arrow_fields(columns: Sequence[Column]) -> tuple[pa.Schema, list[Convert]]:
    """
    Return the Arrow schema of columns, and for each column a function that converts its values.

    Types come from the JSON schemas alone, so all files of a run have the same. Where a schema leaves the type open,
    as for a union or an object with any keys, values are stored as JSON text.
    """
    pyarrow = import_pyarrow()
    found = [_compile(pyarrow, column.schema, column.definitions, ()) for column in columns]
    schema = pyarrow.schema([(column.name, kind) for column, (kind, _) in zip(columns, found, strict=True)])
    return schema, [convert for _, convert in found]


def _compile(
    pyarrow: ModuleType, schema: object, definitions: Mapping[str, Any], parents: tuple[str, ...]
) -> tuple[pa.DataType, Convert]:
    if isinstance(schema, Mapping) and isinstance(name := schema.get("$ref"), str) and name not in parents:
        return _compile(pyarrow, _look_up(name, definitions), definitions, (*parents, name))
    schema = _without_null(schema)
    if "$ref" in schema and schema["$ref"] not in parents:
        return _compile(pyarrow, schema, definitions, parents)
    kind = _type_of(schema)
    if kind in _SCALARS:
        return getattr(pyarrow, _SCALARS[kind])(), _keep
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        item_type, convert = _compile(pyarrow, schema["items"], definitions, parents)
        return pyarrow.list_(item_type), partial(_convert_list, convert)
    if kind == "object" and schema.get("properties") and schema.get("additionalProperties") is False:
        found = {name: _compile(pyarrow, inner, definitions, parents) for name, inner in schema["properties"].items()}
        converts = {name: convert for name, (_, convert) in found.items()}
        return pyarrow.struct([(name, type_) for name, (type_, _) in found.items()]), partial(_convert_object, converts)
    return pyarrow.string(), json_text


def json_text(value: object) -> str | None:
    """Return a value as JSON text; None stays None."""
    return None if value is None else to_json(value).decode()


def _keep(value: object) -> object:
    return value


def _convert_list(convert: Convert, value: Any) -> list[Any] | None:  # noqa: ANN401 - values of any schema
    return None if value is None else [convert(item) for item in value]


def _convert_object(converts: Mapping[str, Convert], value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - as above
    return None if value is None else {name: convert(value.get(name)) for name, convert in converts.items()}


def _look_up(name: str, definitions: Mapping[str, Any]) -> object:
    """Return the schema that a reference such as ``#/$defs/Person`` names, or an open one."""
    _, _, path = name.partition("#/")
    found: object = definitions
    for part in path.split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _without_null(schema: object) -> Mapping[str, Any]:
    """Return a schema without the alternative null, since all columns can be null."""
    if not isinstance(schema, Mapping):
        return {}
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(options := schema.get(key), list):
            others = [option for option in options if option != {"type": "null"}]
            return _without_null(others[0]) if len(others) == 1 else {}
    return schema


def _type_of(schema: Mapping[str, Any]) -> str | None:
    kind = schema.get("type")
    if isinstance(kind, list):
        others = [name for name in kind if name != "null"]
        return str(others[0]) if len(others) == 1 else None
    if isinstance(kind, str):
        return kind
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return "string" if values and all(isinstance(value, str) for value in values) else None
