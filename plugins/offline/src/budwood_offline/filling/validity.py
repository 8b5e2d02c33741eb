"""
Check a value against a JSON schema: the keywords of draft 2020-12 that a filled value can meet.

`format` is an annotation there and is not checked; `unevaluatedProperties` and dynamic references are not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

from budwood_offline.filling.schemas import (
    JSON,
    Schema,
    UnsatisfiableError,
    dereferenced,
    equal,
    items_of,
    number_of,
    subschema,
    types_of,
)

_Check = Callable[[JSON, Schema, Schema], bool]


def is_valid(value: JSON, schema: JSON | Schema, root: Schema) -> bool:
    """Tell whether a value meets a schema; `root` is the document that its references are resolved in."""
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping):
        return False
    try:
        whole = dereferenced(schema, root, "")
    except UnsatisfiableError:
        return False
    return all(check(value, whole, root) for check in _CHECKS)


def _has_type(value: JSON, schema: Schema, _root: Schema) -> bool:
    return any(_is_type(value, name) for name in types_of(schema))


def _is_type(value: JSON, name: str) -> bool:
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return is_number(value) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
        case "number":
            return is_number(value)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return name == "object" and isinstance(value, dict)


def is_number(value: JSON) -> bool:
    """Tell a number from a truth value, which Python counts among the integers."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_listed(value: JSON, schema: Schema, _root: Schema) -> bool:
    if "const" in schema and not equal(value, schema["const"]):
        return False
    return "enum" not in schema or any(equal(value, member) for member in items_of(schema, "enum"))


def _number_fits(value: JSON, schema: Schema, _root: Schema) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return True
    bounds = (
        ("minimum", lambda bound: value >= bound),
        ("maximum", lambda bound: value <= bound),
        ("exclusiveMinimum", lambda bound: value > bound),
        ("exclusiveMaximum", lambda bound: value < bound),
        ("multipleOf", lambda bound: _is_multiple(value, bound)),
    )
    return all((bound := number_of(schema, name)) is None or fits(bound) for name, fits in bounds)


def _is_multiple(value: float, step: float) -> bool:
    # As validators do it, in floating point where the step is: 0.3 is no multiple of 0.1 to them.
    if not step:
        return False
    if not isinstance(step, float):
        return value % step == 0
    try:
        return (value / step).is_integer()
    except OverflowError:
        return Fraction(value) % Fraction(step) == 0


def _string_fits(value: JSON, schema: Schema, _root: Schema) -> bool:
    if not isinstance(value, str):
        return True
    if not _size_fits(len(value), schema, "minLength", "maxLength"):
        return False
    pattern = schema.get("pattern")
    return not isinstance(pattern, str) or matches(pattern, value)


def matches(pattern: str, text: str) -> bool:
    """Search a text for a schema's pattern; a pattern that Python cannot read matches nothing."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False


def _array_fits(value: JSON, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, list):
        return True
    first = items_of(schema, "prefixItems")
    rest = schema.get("items", True)
    fits = (
        _size_fits(len(value), schema, "minItems", "maxItems")
        and all(is_valid(item, part, root) for item, part in zip(value, first, strict=False))
        and all(is_valid(item, rest, root) for item in value[len(first) :])
    )
    return fits and _is_unique(value, schema) and _contains(value, schema, root)


def _is_unique(value: list[JSON], schema: Schema) -> bool:
    if schema.get("uniqueItems") is not True:
        return True
    return not any(equal(value[place], other) for place in range(len(value)) for other in value[:place])


def _contains(value: list[JSON], schema: Schema, root: Schema) -> bool:
    if "contains" not in schema:
        return True
    count = sum(is_valid(item, schema["contains"], root) for item in value)
    return _size_fits(count, {"minContains": 1, **schema}, "minContains", "maxContains")


def _object_fits(value: JSON, schema: Schema, root: Schema) -> bool:
    if not isinstance(value, dict):
        return True
    return (
        _size_fits(len(value), schema, "minProperties", "maxProperties")
        and all(name in value for name in items_of(schema, "required"))
        and all(
            is_valid(value[name], part, root) for name, part in subschema(schema, "properties").items() if name in value
        )
        and all(_others_fit(name, item, schema, root) for name, item in value.items())
        and _dependents_fit(value, schema, root)
    )


def _others_fit(name: str, item: JSON, schema: Schema, root: Schema) -> bool:
    if "propertyNames" in schema and not is_valid(name, schema["propertyNames"], root):
        return False
    patterns = [part for pattern, part in subschema(schema, "patternProperties").items() if matches(pattern, name)]
    if patterns:
        return all(is_valid(item, part, root) for part in patterns)
    return name in subschema(schema, "properties") or is_valid(item, schema.get("additionalProperties", True), root)


def _dependents_fit(value: dict[str, JSON], schema: Schema, root: Schema) -> bool:
    needed = (names for name, names in subschema(schema, "dependentRequired").items() if name in value)
    parts = (part for name, part in subschema(schema, "dependentSchemas").items() if name in value)
    return all(other in value for names in needed if isinstance(names, list) for other in names) and all(
        is_valid(value, part, root) for part in parts
    )


def _branches_fit(value: JSON, schema: Schema, root: Schema) -> bool:
    return (
        all(is_valid(value, part, root) for part in items_of(schema, "allOf"))
        and ("anyOf" not in schema or any(is_valid(value, part, root) for part in items_of(schema, "anyOf")))
        and ("oneOf" not in schema or sum(is_valid(value, part, root) for part in items_of(schema, "oneOf")) == 1)
        and ("not" not in schema or not is_valid(value, schema["not"], root))
    )


def _condition_fits(value: JSON, schema: Schema, root: Schema) -> bool:
    if "if" not in schema:
        return True
    keyword = "then" if is_valid(value, schema["if"], root) else "else"
    return is_valid(value, schema.get(keyword, True), root)


def _size_fits(size: int, schema: Schema, low: str, high: str) -> bool:
    least, most = number_of(schema, low), number_of(schema, high)
    return (least is None or size >= least) and (most is None or size <= most)


_CHECKS: Final[tuple[_Check, ...]] = (
    _has_type,
    _is_listed,
    _number_fits,
    _string_fits,
    _array_fits,
    _object_fits,
    _branches_fit,
    _condition_fits,
)
