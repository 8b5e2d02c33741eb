"""Examine JSON schemas (draft 2020-12): compile validators, and find contradictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import unquote

from pydantic_core import CoreSchema, SchemaValidator, core_schema

from budwood.errors import ConfigurationError
from budwood.providing.json_patterns import make_validator_class

_BOUNDS: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)

_ANNOTATIONS: Final = frozenset({"$comment", "$schema", "default", "description", "examples", "title"})
_SCALARS: Final[Mapping[object, CoreSchema]] = {
    "boolean": core_schema.bool_schema(strict=True),
    "integer": core_schema.int_schema(strict=True),
    "null": core_schema.none_schema(),
    "number": core_schema.float_schema(strict=True),
    "string": core_schema.str_schema(strict=True),
}


class _UnsupportedKeywordError(Exception):
    """A schema has a keyword that the quick check does not know."""


def compile_validator(schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a library that only some install
    """
    Compile a JSON schema into a validator of the library jsonschema.

    Raises:
        ConfigurationError: The library is not installed, the schema is not valid, or a reference cannot be resolved.
    """
    try:
        from jsonschema import SchemaError
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        validator_class = make_validator_class()
    except ImportError as error:
        raise ConfigurationError(
            "Validating JSON schemas requires the library jsonschema, which is not installed.",
            hint="pip install jsonschema, or pass a Pydantic model.",
        ) from error
    try:
        validator_class.check_schema(schema)
    except SchemaError as error:
        raise ConfigurationError(f"The JSON schema is not valid at {error.json_path}: {error.message}.") from None
    registry: Any = Registry()  # an empty registry never fetches a $ref from the network
    root = DRAFT202012.create_resource(schema)
    missing = next(_find_unresolvable(root, registry.resolver_with_root(root)), None)
    if missing is not None:
        raise ConfigurationError(f"The JSON schema contains the reference {missing!r}, which cannot be resolved.")
    return validator_class(schema, registry=registry)


def _find_unresolvable(schema: Any, resolver: Any) -> Iterator[str]:  # noqa: ANN401 - the same library's
    from referencing.exceptions import Unresolvable

    reference = schema.contents.get("$ref") if isinstance(schema.contents, Mapping) else None
    if reference is not None:
        try:
            resolver.lookup(reference)
        except Unresolvable:
            yield reference
    for inner in schema.subresources():
        yield from _find_unresolvable(inner, resolver.in_subresource(inner))


def with_typed_root(schema: dict[str, Any]) -> dict[str, Any]:
    """
    Return an equal schema whose root is not a reference, and has a type if it describes objects.

    Pydantic describes a recursive model by a reference to one of its definitions. Vendors reject a root without
    ``"type": "object"``.
    """
    root = schema
    followed: set[str] = set()
    while True:
        reference = root.get("$ref")
        others = {name: value for name, value in root.items() if name not in ("$ref", "allOf")}
        if isinstance(reference, str) and reference not in followed and "allOf" not in root:
            followed.add(reference)
            target = _find(schema, reference)
        elif "$ref" not in root and isinstance(root.get("allOf"), list) and len(root["allOf"]) == 1:
            target = root["allOf"][0]
        else:
            break
        if not isinstance(target, Mapping):
            break
        root = {**target, **others}
    return {"type": "object", **root} if "properties" in root and "type" not in root else root


def wrap_root(schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    """
    Return the schema of an object whose only property has this schema.

    Args:
        schema: A schema of other values than objects, such as a list or a union.
        name: The name of the property.

    Returns:
        None if the schema describes objects or any value, or if a reference in it would change its meaning.
    """
    if not schema or is_object(with_typed_root(schema)):
        return None
    if not all(reference.startswith(("#/$defs/", "#/definitions/")) for reference in _references(schema)):
        return None
    definitions: dict[str, Any] = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    value = {key: inner for key, inner in schema.items() if key not in definitions}
    root: dict[str, Any] = {"type": "object", "properties": {name: value}, "required": [name]}
    return {**root, "additionalProperties": False, **definitions}


def _references(schema: object) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)


def _find(schema: Mapping[str, Any], reference: str) -> object:
    """Return what a reference within a schema points to, a JSON pointer (RFC 6901); None if there is nothing."""
    if not reference.startswith("#/"):
        return None
    found: Any = schema
    for step in unquote(reference[2:]).split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def compile_quick_check(schema: Mapping[str, Any]) -> SchemaValidator | None:
    """
    Compile the common keywords of a JSON schema into a validator of Pydantic, which takes a fraction of the time.

    What it accepts is valid. What it rejects may still be valid, as 1.0 is for an integer: ask the validator of
    `compile_validator`, which also words the errors. Returns None if the schema has any other keyword.
    """
    try:
        return SchemaValidator(_core_schema(schema))
    except _UnsupportedKeywordError:
        return None


def _core_schema(schema: object) -> CoreSchema:
    if not isinstance(schema, Mapping):
        raise _UnsupportedKeywordError
    keywords = schema.keys() - _ANNOTATIONS
    kind = schema.get("type")
    if kind == "object" and keywords <= {"type", "properties", "required", "additionalProperties"}:
        return _object_schema(schema)
    if kind == "array" and keywords <= {"type", "items"}:
        return core_schema.list_schema(_core_schema(schema["items"]) if "items" in schema else None, strict=True)
    if kind == "string" and keywords == {"type", "enum"} and all(isinstance(text, str) for text in schema["enum"]):
        return core_schema.literal_schema(schema["enum"])
    if isinstance(kind, str) and kind in _SCALARS and keywords == {"type"}:
        return _SCALARS[kind]
    raise _UnsupportedKeywordError


def _object_schema(schema: Mapping[str, Any]) -> CoreSchema:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    others = schema.get("additionalProperties", True)
    if not isinstance(others, bool) or not properties.keys() >= set(required):
        raise _UnsupportedKeywordError
    fields = {
        name: core_schema.typed_dict_field(_core_schema(inner), required=name in required)
        for name, inner in properties.items()
    }
    return core_schema.typed_dict_schema(fields, strict=True, extra_behavior="allow" if others else "forbid")


_VALUES: Final = frozenset({"enum", "const", "default", "examples"})
"""Keywords that hold values, not schemas."""


def is_object(schema: Mapping[str, Any]) -> bool:
    """Return whether a schema with a typed root describes JSON objects."""
    return schema.get("type") == "object"


def is_strict(schema: object) -> bool:
    """Return whether every object requires all its properties and allows no others, as strict modes demand."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "object" or "properties" in schema:
            properties = set(schema.get("properties", {}))
            if schema.get("additionalProperties") is not False or properties != set(schema.get("required", ())):
                return False
        return all(is_strict(value) for value in schema.values())
    return all(map(is_strict, schema)) if isinstance(schema, list) else True


def add_items(schema: Any) -> Any:  # noqa: ANN401 - a schema is any JSON
    """
    Return a schema in which each tuple also has `items`, the union of its elements.

    Vendors reject an array without `items`; Pydantic describes a tuple only by `prefixItems` and its length.
    """
    if isinstance(schema, list):
        return [add_items(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    added = {name: _add_items_in(name, value) for name, value in schema.items()}
    if added.get("prefixItems") and "items" not in added:
        elements = [one for place, one in enumerate(added["prefixItems"]) if one not in added["prefixItems"][:place]]
        added["items"] = elements[0] if len(elements) == 1 else {"anyOf": elements}
    return added


def _add_items_in(keyword: str, value: Any) -> Any:  # noqa: ANN401 - the same
    if keyword in ("properties", "$defs"):
        return {name: add_items(one) for name, one in value.items()}
    return value if keyword in _VALUES else add_items(value)


def check_satisfiable(schema: Mapping[str, Any]) -> None:
    """
    Check that a schema has no obvious contradiction.

    Raises:
        ConfigurationError: No value can satisfy it.
    """
    found = next(_find_contradictions(schema, "$"), None)
    if found is not None:
        raise ConfigurationError(f"No value can satisfy the schema: {found}.", hint="Correct the schema.")


def _find_contradictions(schema: object, path: str) -> Iterator[str]:  # noqa: C901 - a list of short cases
    """Find required values that are impossible. An optional value that is impossible can be left out."""
    if schema is False:
        yield f"{path} is false"
    if not isinstance(schema, Mapping):
        return
    for low, high in _BOUNDS:
        if low in schema and high in schema and schema[low] > schema[high]:
            yield f"{path} has {low} {schema[low]} above {high} {schema[high]}"
    if schema.get("enum") == [] or schema.get("not") in ({}, True):
        yield f"{path} allows no value"
    if "const" in schema and "enum" in schema and schema["const"] not in schema["enum"]:
        yield f"{path} must be {schema['const']!r}, which is not in its enum"
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name in properties:
            yield from _find_contradictions(properties[name], f"{path}.{name}")
        elif schema.get("additionalProperties") is False and not schema.get("patternProperties"):
            yield f"{path} requires {name!r} and does not allow it"
    if schema.get("minItems", 0) > 0:
        yield from _find_contradictions(schema.get("items", True), f"{path}[]")
