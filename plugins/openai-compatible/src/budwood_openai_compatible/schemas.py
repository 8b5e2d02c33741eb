"""
Rewrite JSON schemas for the strict mode of structured outputs, which supports a part of JSON schema.

Source: developers.openai.com/api/docs/guides/structured-outputs, "Supported schemas". Users quote the refusals:
pydantic/pydantic-ai#7315 (tuples), livekit/agents#5302 (`oneOf`) and camel-ai/camel#3001 (keywords beside `$ref`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

from budwood.providing import convert_once
from budwood.types import JSON, OutputSchema

_FORMATS: Final = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split())
_DROPPED: Final = frozenset({"discriminator", "$schema"})
_IN_WORDS: Final = frozenset({"uniqueItems", "minProperties", "maxProperties", "contentEncoding", "contentMediaType"})
_NOT_STRICT: Final = frozenset(
    "allOf not if then else dependentRequired dependentSchemas patternProperties propertyNames contains "
    "unevaluatedProperties unevaluatedItems".split()
)
_NAMED_SCHEMAS: Final = frozenset({"properties", "$defs", "definitions"})
_SCHEMAS: Final = frozenset({"items", "anyOf", "additionalProperties"})


class _NotStrictError(Exception):
    """The schema has a keyword for which strict mode has no equivalent."""


def schema_fields(schema: OutputSchema) -> dict[str, Any]:
    """Return the fields `schema` and `strict`; without the latter where strict mode does not support the schema."""
    if not schema.strict:
        return {"schema": schema.json_schema, **({} if schema.strict is None else {"strict": False})}
    supported = encode_strict_schema(schema.json_schema)
    return {"schema": schema.json_schema} if supported is None else {"schema": supported, "strict": True}


@convert_once
def encode_strict_schema(schema: dict[str, JSON]) -> dict[str, Any] | None:
    """
    Return an equivalent schema that strict mode supports, or None if there is none.

    Keywords that only narrow the values are moved into the description; Budwood checks the reply against all of them.
    """
    try:
        return {name: _strict_value(name, value) for name, value in _strict_node(schema, is_root=True).items()}
    except _NotStrictError:
        return None


def _strict(schema: Any) -> Any:  # noqa: ANN401 - the same
    if not isinstance(schema, Mapping):
        return schema
    return {name: _strict_value(name, value) for name, value in _strict_node(schema).items()}


def _strict_value(name: str, value: Any) -> Any:  # noqa: ANN401 - the same
    if name in _NAMED_SCHEMAS and isinstance(value, Mapping):
        return {key: _strict(one) for key, one in value.items()}
    if name in _SCHEMAS:
        return [_strict(one) for one in value] if isinstance(value, list) else _strict(value)
    return value


def _strict_node(schema: Mapping[str, Any], *, is_root: bool = False) -> dict[str, Any]:
    """Rewrite the keywords of one schema, and leave the schemas inside as they are."""
    if not _NOT_STRICT.isdisjoint(schema):
        raise _NotStrictError
    node = {name: value for name, value in schema.items() if name not in _DROPPED}
    if "oneOf" in node:
        node["anyOf"] = [*node.get("anyOf", ()), *node.pop("oneOf")]
    if "prefixItems" in node:
        first, *others = node.pop("prefixItems") or [None]
        if first is None or any(one != first for one in others):
            raise _NotStrictError
        node["items"] = first
    if "$ref" in node and len(node) > 1 and not is_root:
        node = {"anyOf": [{"$ref": node.pop("$ref")}], **node}
    in_words = {name: node.pop(name) for name in _IN_WORDS & node.keys()}
    if "format" in node and node["format"] not in _FORMATS:
        in_words["format"] = node.pop("format")
    if in_words:
        words = to_json(dict(sorted(in_words.items()))).decode()
        node["description"] = f"{node['description']} {words}" if node.get("description") else words
    return node
