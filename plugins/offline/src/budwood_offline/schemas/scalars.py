"""Check scalar values against a schema, and list default values, the simplest first."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Final

from budwood.types import JSON
from budwood_offline.schemas.patterns import sample_pattern
from budwood_offline.schemas.resolution import Schema, UnsatisfiableError, number_of, types_of

_FORMATS: Final = {
    "date": "1970-01-{0:02}",
    "date-time": "1970-01-{0:02}T00:00:00Z",
    "time": "00:00:{0:02}Z",
    "duration": "PT{0}S",
    "email": "user{0}@example.org",
    "hostname": "host{0}.example.org",
    "ipv4": "192.0.2.{0}",
    "ipv6": "2001:db8::{0}",
    "uri": "https://example.org/{0}",
    "uuid": "00000000-0000-0000-0000-0000000000{0:02}",
}
_BOUNDS: Final = {
    "minimum": operator.ge,
    "maximum": operator.le,
    "exclusiveMinimum": operator.gt,
    "exclusiveMaximum": operator.lt,
}
_FILLER: Final = "unknown "
_MAX_VALUES: Final = 100
_MAX_FORMATTED_VALUES: Final = 28
_MAX_LENGTH: Final = 100_000


def is_valid(value: JSON, schema: Schema) -> bool:
    """Return whether a value has the type of a schema and, if it is a number or a string, is within its limits."""
    types = types_of(schema)
    match value:
        case None:
            return "null" in types
        case bool():
            return "boolean" in types
        case int() | float():
            return ("number" in types or ("integer" in types and value % 1 == 0)) and _is_in_range(value, schema)
        case str():
            return "string" in types and _is_string_valid(value, schema)
        case _:
            return ("array" if isinstance(value, list) else "object") in types


def _is_in_range(value: float, schema: Schema) -> bool:
    bounds = ((number_of(schema, keyword), compare) for keyword, compare in _BOUNDS.items())
    step = number_of(schema, "multipleOf")
    return (step is None or (value / step) % 1 == 0) and all(
        bound is None or compare(value, bound) for bound, compare in bounds
    )


def _is_string_valid(value: str, schema: Schema) -> bool:
    least, most, pattern = number_of(schema, "minLength"), number_of(schema, "maxLength"), schema.get("pattern")
    if len(value) < (least or 0) or (most is not None and len(value) > most):
        return False
    try:
        return not isinstance(pattern, str) or re.search(pattern, value) is not None
    except re.error:
        return False


def list_defaults(schema: Schema, path: str) -> Iterator[JSON]:
    """
    Yield values that satisfy a schema of one scalar type.

    Raises:
        UnsatisfiableError: At the end of the list.
    """
    constants: tuple[JSON, ...] = (None, False, True)
    values = chain(constants, _list_numbers(schema), _list_strings(schema, path))
    yield from (value for value in values if is_valid(value, schema))
    limits = {key: value for key, value in schema.items() if key not in {"title", "description", "$defs"}}
    raise UnsatisfiableError(f"{path}: no further value satisfies {limits!r}")


def _list_numbers(schema: Schema) -> Iterator[JSON]:
    """Yield the multiples closest to zero and to each limit, then numbers between the limits."""
    bounds = [Fraction(bound) for keyword in _BOUNDS if (bound := number_of(schema, keyword)) is not None]
    step = Fraction(str(number_of(schema, "multipleOf") or 1))
    for start in (Fraction(0), *bounds):
        nearest = round(start / step)
        for distance in range(_MAX_VALUES):
            yield from (_to_number((nearest + distance) * step), _to_number((nearest - distance) * step))
    for low in bounds:
        yield from (_to_number(low + (high - low) * part / 16) for high in bounds for part in range(16))


def _to_number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _list_strings(schema: Schema, path: str) -> Iterator[JSON]:
    least = int(number_of(schema, "minLength") or 0)
    if least > _MAX_LENGTH:
        raise UnsatisfiableError(f"{path}: minLength {least} exceeds the limit of the offline provider ({_MAX_LENGTH})")
    pattern, template = schema.get("pattern"), _FORMATS.get(str(schema.get("format")))
    if template is not None:
        for number in range(1, _MAX_FORMATTED_VALUES):
            text = template.format(number)
            yield from (text, text.rjust(least, "x") if "@" in text else text.ljust(least, "x"))
    if isinstance(pattern, str):
        for extra in range(_MAX_VALUES):
            text = sample_pattern(pattern, extra)
            yield from (text, text.ljust(least, "x"), text.rjust(least, "x"))
    yield (_FILLER * (least // len(_FILLER) + 1))[:least]
    yield from (str(number).rjust(max(1, least), "x") for number in range(1, _MAX_VALUES))
