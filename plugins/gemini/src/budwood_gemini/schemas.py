"""
Write JSON schemas with the keywords that Gemini knows.

Source: ai.google.dev/gemini-api/docs/structured-output, "JSON schema support"; what the API refuses beyond that was
found by pydantic-ai 2.68, ``profiles/google.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from budwood.providing import convert_once
from budwood.types import JSON

_UNKNOWN: Final = frozenset({"$schema", "discriminator", "examples", "exclusiveMinimum", "exclusiveMaximum"})
_FORMATS: Final = frozenset({"date-time", "date", "time"})
_NAMED_SCHEMAS: Final = frozenset({"properties", "$defs", "definitions"})
_VALUES: Final = frozenset({"enum", "default", "required", "propertyOrdering"})
_TYPES: Final[Mapping[type, str]] = {str: "string", bool: "boolean", int: "integer", float: "number"}


@convert_once
def known_schema(schema: JSON) -> Any:  # noqa: ANN401 - a schema is any JSON
    """Return the schema without unknown keywords, its constants as the only choice, unknown formats in words."""
    return _convert(schema)


def _convert(schema: JSON) -> Any:  # noqa: ANN401 - the same
    if isinstance(schema, list):
        return [_convert(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    written = {keyword: _written(keyword, value) for keyword, value in schema.items() if keyword not in _UNKNOWN}
    if "const" in written:
        constant = written.pop("const")
        written["enum"] = [constant]
        if "type" not in written and type(constant) in _TYPES:
            written["type"] = _TYPES[type(constant)]
    if written.get("type") == "string" and "format" in written and written["format"] not in _FORMATS:
        words = f"Format: {written.pop('format')}."
        written["description"] = f"{written['description']} {words}" if written.get("description") else words
    return written


def _written(keyword: str, value: JSON) -> Any:  # noqa: ANN401 - the same
    if keyword in _VALUES or keyword == "const":
        return value
    if keyword in _NAMED_SCHEMAS and isinstance(value, dict):
        return {name: _convert(one) for name, one in value.items()}
    return _convert(value)
