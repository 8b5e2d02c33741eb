"""Resolve the references of a JSON schema, and merge the schemas that apply to one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import unquote

from budwood.types import JSON

Schema: TypeAlias = "Mapping[str, JSON]"

TYPES: Final = ("string", "integer", "number", "object", "array", "boolean", "null")
_MAX_DEPTH: Final = 32
_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_ANNOTATIONS: Final = ("title", "description", "default", "examples", "$defs", "$comment", "$schema", "$id")
_UNSUPPORTED: Final = ("not", "if", "contains", "dependentRequired", "dependentSchemas", "$dynamicRef")


class UnsatisfiableError(ValueError):
    """No value was found for a schema; the text names the path and the reason."""


def as_schema(value: JSON | Schema, path: str) -> Schema:
    """Return a schema as an object; `true` becomes the empty schema."""
    if isinstance(value, Mapping):
        return value
    if value is True:
        return {}
    raise UnsatisfiableError(f"{path}: the schema {value!r} allows no value")


def object_of(schema: Schema, keyword: str) -> dict[str, JSON]:
    """Return the value of a keyword such as `properties`; empty if it is absent."""
    value = schema.get(keyword)
    return value if isinstance(value, dict) else {}


def array_of(schema: Schema, keyword: str) -> list[JSON]:
    """Return the value of a keyword such as `required`; empty if it is absent."""
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def number_of(schema: Schema, keyword: str) -> int | float | None:
    """Return the value of a keyword such as `minimum`, or None."""
    value = schema.get(keyword)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def types_of(schema: Schema) -> list[str]:
    """Return the types that a schema allows; without `type`, other keywords may imply object or array."""
    named = schema.get("type")
    if named is not None:
        return [str(name) for name in named] if isinstance(named, list) else [str(named)]
    if "properties" in schema or "required" in schema:
        return ["object"]
    return ["array"] if "items" in schema or "prefixItems" in schema else list(TYPES)


def flatten(schema: Schema, root: Schema, path: str, depth: int = 0) -> dict[str, JSON]:
    """
    Merge `$ref` and `allOf` into one schema without either, and write `const` as `enum`.

    Raises:
        UnsatisfiableError: Two parts contradict each other or cannot be merged, or a keyword is not supported.
    """
    if depth > _MAX_DEPTH:
        raise UnsatisfiableError(f"{path}: the schema is infinitely recursive")
    if unsupported := [keyword for keyword in _UNSUPPORTED if keyword in schema]:
        raise UnsatisfiableError(f"{path}: the offline provider does not support `{unsupported[0]}`")
    flat = {keyword: value for keyword, value in schema.items() if keyword not in {"$ref", "allOf", "const"}}
    parts = [as_schema(part, path) for part in array_of(schema, "allOf")]
    if isinstance(reference := schema.get("$ref"), str):
        parts.append(_find_definition(reference, root, path))
    if "const" in schema:
        parts.append({"enum": [schema["const"]]})
    for part in parts:
        for keyword, value in flatten(part, root, path, depth + 1).items():
            flat[keyword] = _merge(keyword, flat[keyword], value, path) if keyword in flat else value
    return flat


def _find_definition(reference: str, root: Schema, path: str) -> Schema:
    if not reference.startswith("#"):
        raise UnsatisfiableError(f"{path}: the reference {reference!r} is outside the schema; move it under $defs")
    found: JSON | Schema = root
    for step in filter(None, unquote(reference[1:]).split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, Mapping) or key not in found:
            raise UnsatisfiableError(f"{path}: the reference {reference!r} does not exist")
        found = found[key]
    return as_schema(found, path)


def _merge(keyword: str, first: JSON, second: JSON, path: str) -> JSON:
    if first == second or keyword in _ANNOTATIONS:
        return first
    match first, second:
        case int() | float(), int() | float() if keyword in _LOWER_BOUNDS + _UPPER_BOUNDS:
            return max(first, second) if keyword in _LOWER_BOUNDS else min(first, second)
        case dict(), dict() if keyword == "properties":
            both: dict[str, JSON] = {name: {"allOf": [first[name], second[name]]} for name in first if name in second}
            return {**first, **second, **both}
        case list(), list() if keyword == "required":
            return [*first, *second]
        case _ if keyword in {"items", "additionalProperties"}:
            return {"allOf": [first, second]}
        case _ if shared := _intersect(keyword, first, second):
            return shared
        case _:
            raise UnsatisfiableError(f"{path}: no value satisfies both {keyword} {first!r} and {keyword} {second!r}")


def _intersect(keyword: str, first: JSON, second: JSON) -> list[JSON]:
    """Return the types or the members of an enumeration that both schemas allow."""
    if keyword == "type":
        one, other = ({*types_of({"type": value})} for value in (first, second))
        numbers = {"integer"} if {"integer", "number"} <= one | other else set()
        return [name for name in TYPES if name in (one & other) | numbers]
    if keyword == "enum" and isinstance(first, list) and isinstance(second, list):
        return [member for member in first if member in second]
    return []
