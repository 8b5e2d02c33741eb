"""
Convert JSON schemas to the keywords that Gemini supports.

Source: ai.google.dev/gemini-api/docs/structured-output, "JSON schema support"; further keywords that the API rejects
are in pydantic-ai 2.68, ``profiles/google.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.providing import convert_once
from budwood.types import JSON

_UNSUPPORTED: Final = frozenset({"$schema", "discriminator", "examples", "exclusiveMinimum", "exclusiveMaximum"})
_FORMATS: Final = frozenset({"date-time", "date", "time"})
_NAMED_SCHEMAS: Final = frozenset({"properties", "$defs", "definitions"})
_VALUES: Final = frozenset({"enum", "default", "required", "propertyOrdering"})
_TYPES: Final[Mapping[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


@convert_once
def convert_schema(schema: JSON) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return the schema without unsupported keywords. Constants become enums, and formats move to descriptions."""
    return _convert(schema)


def _convert(schema: JSON) -> Any:  # noqa: ANN401 - the same
    if isinstance(schema, list):
        return [_convert(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    supported = {keyword: value for keyword, value in schema.items() if keyword not in _UNSUPPORTED}
    converted = {keyword: _convert_value(keyword, value) for keyword, value in supported.items()}
    if "const" in converted:
        constant = converted.pop("const")
        converted["enum"] = [constant]
        if "type" not in converted and type(constant) in _TYPES:
            converted["type"] = _TYPES[type(constant)]
    if converted.get("type") == "string" and "format" in converted and converted["format"] not in _FORMATS:
        words = f"Format: {converted.pop('format')}."
        converted["description"] = f"{converted['description']} {words}" if converted.get("description") else words
    return converted


def _convert_value(keyword: str, value: JSON) -> Any:  # noqa: ANN401 - the same
    if keyword in _VALUES or keyword == "const":
        return value
    if keyword in _NAMED_SCHEMAS and isinstance(value, dict):
        return {name: _convert(one) for name, one in value.items()}
    return _convert(value)
