"""The value of ``--schema``: a file, JSON, a type in a module, or a list of fields."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import typer

from budwood_cli.errors import ArgumentError

_TYPE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_FIELD: Final = re.compile(r"(?P<name>[A-Za-z_]\w*)(?:\s+(?P<type>\w+))?\s*(?::(?P<description>.*))?", re.DOTALL)
_TYPES: Final = {
    "str": "string",
    "string": "string",
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
}
_HINT: Final = (
    "Pass a file with a JSON schema, the schema itself, MODULE:TYPE, or fields such as 'name, age int'. "
    "A list of such objects is '[name, age int]'."
)


def read_schema(text: str) -> Any:  # noqa: ANN401 - a JSON schema, or a type
    """
    Return a schema for `Client.ask`.

    Args:
        text: The name of a file with a JSON schema, the schema itself, a type as ``module:Type``, whose module may be
            in the current folder, or fields: ``name, age int, email str: at work``. In brackets, they are those of the
            objects of a list.

    Raises:
        ArgumentError: It is none of these.
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        return _parse_object(stripped, "the value")
    if _TYPE.fullmatch(stripped) and not Path(stripped).exists():
        return _import_type(stripped)
    if _is_path(stripped):
        return _read_file(Path(stripped))
    if stripped.startswith("[") and stripped.endswith("]"):
        return {"type": "array", "items": _parse_fields(stripped[1:-1])}
    return _parse_fields(stripped)


def list_columns(schema: Any) -> list[str]:  # noqa: ANN401 - see above
    """Return the fields of the objects of a list, for a schema that `read_schema` returned; none for other schemas."""
    if not isinstance(schema, dict):
        from pydantic import TypeAdapter

        schema = TypeAdapter(schema).json_schema()
    definitions = schema.get("$defs", {})

    def resolve(inner: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        found = inner if isinstance(inner, dict) else {}
        reference = str(found.get("$ref", "")).removeprefix("#/$defs/")
        target = definitions.get(reference, found)
        return target if isinstance(target, dict) else {}

    found = resolve(schema)
    fields = found.get("properties", {})
    if len(fields) == 1:  # an object around the list
        found = resolve(next(iter(fields.values())))
    return list(resolve(found.get("items")).get("properties", {}))


def _is_path(text: str) -> bool:
    """Tell whether a text names a file, which may not exist, instead of fields."""
    path = Path(text)
    return path.suffix == ".json" or ("\n" not in text and "," not in text and (len(path.parts) > 1 or path.exists()))


def _read_file(path: Path) -> dict[str, Any]:
    try:
        content = path.read_text("utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}.", param_hint="--schema") from error
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not valid UTF-8.", param_hint="--schema") from None
    return _parse_object(content, str(path))


def _parse_object(text: str, where: str) -> dict[str, Any]:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise typer.BadParameter(f"{where} is not valid JSON: {error}.", param_hint="--schema") from error
    if not isinstance(schema, dict):
        raise typer.BadParameter(f"{where} does not contain a JSON object.", param_hint="--schema")
    return schema


def _import_type(name: str) -> Any:  # noqa: ANN401 - whatever the module has
    """Import a type as ``python -m`` would: the current folder comes first."""
    module, _, path = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        value: Any = importlib.import_module(module)
        for part in path.split("."):
            value = getattr(value, part)
    except AttributeError:
        raise ArgumentError(f"--schema: the module {module} has no {path}.", hint=_HINT) from None
    except Exception as error:
        raise ArgumentError(
            f"--schema: the module {module} cannot be imported: {type(error).__name__}: {error}",
            hint="Run the command in the folder of the module, or install it.",
        ) from error
    finally:
        sys.path.remove(str(Path.cwd()))
    return value


def _parse_fields(text: str) -> dict[str, Any]:
    """Return the schema of an object whose fields are separated by commas, or by line breaks if there are any."""
    fields = [field.strip() for field in text.split("\n" if "\n" in text.strip() else ",") if field.strip()]
    properties = dict(map(_parse_field, fields))
    if len(properties) != len(fields):
        raise ArgumentError(f"--schema {text!r} names a field twice.", hint="Name each field once.")
    if not fields or (len(fields) == 1 and re.fullmatch(r"\w+", fields[0])):
        raise ArgumentError(
            f"--schema {text!r} is neither a file nor a schema.", hint=f"{_HINT} One field is 'name str'."
        )
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _parse_field(text: str) -> tuple[str, dict[str, str]]:
    found = _FIELD.fullmatch(text)
    if found is None:
        raise ArgumentError(f"--schema: {text!r} is not a field.", hint=_HINT)
    kind = _TYPES.get(found["type"] or "str")
    if kind is None:
        raise ArgumentError(
            f"--schema: the field {found['name']} has the unknown type {found['type']!r}.",
            hint="The types are str, int, float and bool. A description follows a colon: 'name str: in full'.",
        )
    description = (found["description"] or "").strip()
    return found["name"], {"type": kind} | ({"description": description} if description else {})
