"""Resolve references in a JSON schema, and merge what applies to one value into one schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final, TypeAlias
from urllib.parse import unquote

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Schema: TypeAlias = "Mapping[str, JSON]"

TYPES: Final = ("string", "number", "integer", "boolean", "object", "array", "null")
_MOST_REFERENCES: Final = 32
_LARGER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_SMALLER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_BOUNDS: Final = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


class UnsatisfiableError(ValueError):
    """No value is known that meets a schema; the text names the place and the reason."""


def as_schema(value: JSON | Mapping[str, JSON], place: str) -> Schema:
    """
    Read a value as a schema; `true` is the empty one.

    Raises:
        UnsatisfiableError: If it is `false`, which allows nothing, or no schema at all.
    """
    if value is True:
        return {}
    if value is False:
        raise UnsatisfiableError(f"{place}: the schema `false` allows no value")
    if not isinstance(value, Mapping):
        raise UnsatisfiableError(f"{place}: a schema is an object, true or false, not {value!r}")
    return value


def subschema(parent: Schema, keyword: str) -> dict[str, JSON]:
    """Read a keyword that holds an object, such as `properties`; empty where it is absent."""
    value = parent.get(keyword)
    return value if isinstance(value, dict) else {}


def items_of(parent: Schema, keyword: str) -> list[JSON]:
    """Read a keyword that holds an array, such as `required`; empty where it is absent."""
    value = parent.get(keyword)
    return value if isinstance(value, list) else []


def number_of(parent: Schema, keyword: str) -> int | float | None:
    """Read a keyword that holds a finite number; `None` where it is absent."""
    value = parent.get(keyword)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return value


def types_of(schema: Schema) -> tuple[str, ...]:
    """List the types that a schema names; all of them where it names none."""
    named = schema.get("type")
    if isinstance(named, str):
        return (named,)
    return tuple(str(name) for name in named) if isinstance(named, list) else TYPES


def dereferenced(schema: Schema, root: Schema, place: str) -> Schema:
    """
    Replace `$ref` by what it refers to, inside the same document, merged with its siblings.

    Raises:
        UnsatisfiableError: If the reference leads outside the document, nowhere, or in a circle.
    """
    for _ in range(_MOST_REFERENCES):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        target = as_schema(_target(reference, root, place), place)
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        schema = merged(target, siblings, place) if siblings else target
    raise UnsatisfiableError(f"{place}: the reference {schema.get('$ref')!r} leads in a circle")


def flattened(schema: Schema, root: Schema, place: str, *, depth: int = 0) -> dict[str, JSON]:
    """
    Write `$ref` and `allOf` out into one schema that has neither.

    Raises:
        UnsatisfiableError: If a part contradicts another.
    """
    if depth > _MOST_REFERENCES:
        raise UnsatisfiableError(f"{place}: `allOf` leads in a circle")
    schema = dereferenced(schema, root, place)
    parts = items_of(schema, "allOf")
    whole: dict[str, JSON] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        whole = merged(whole, flattened(as_schema(part, place), root, place, depth=depth + 1), place)
    _check_bounds(whole, place)
    return whole


def merged(first: Schema, second: Schema, place: str) -> dict[str, JSON]:
    """
    Join two schemas into one that allows at most what both allow.

    What cannot be joined exactly (two patterns) keeps the first; the finished value is checked against the original.
    """
    whole = dict(first)
    for keyword, value in second.items():
        if keyword in whole and whole[keyword] != value:
            whole[keyword] = _joined(keyword, whole[keyword], value, place)
        else:
            whole[keyword] = value
    return whole


def _joined(keyword: str, first: JSON, second: JSON, place: str) -> JSON:
    if keyword in _LARGER or keyword in _SMALLER:
        return _stricter(keyword, first, second)
    joiner = _JOINERS.get(keyword)
    return joiner(first, second, place) if joiner else first


def _stricter(keyword: str, first: JSON, second: JSON) -> JSON:
    if isinstance(first, (int, float)) and isinstance(second, (int, float)):
        return max(first, second) if keyword in _LARGER else min(first, second)
    return first


def _join_types(first: JSON, second: JSON, place: str) -> JSON:
    one, other = set(types_of({"type": first})), set(types_of({"type": second}))
    both = one & other
    if "integer" in one | other and "number" in one | other and "integer" not in both:
        both |= {"integer"}
    if not both:
        raise UnsatisfiableError(f"{place}: no value is both {_listed(one)} and {_listed(other)}")
    return [name for name in TYPES if name in both]


def _join_enums(first: JSON, second: JSON, place: str) -> JSON:
    one, other = (part if isinstance(part, list) else [] for part in (first, second))
    both = [member for member in one if any(equal(member, candidate) for candidate in other)]
    if not both:
        raise UnsatisfiableError(f"{place}: the enumerations {one!r} and {other!r} share no member")
    return both


def _join_constants(first: JSON, second: JSON, place: str) -> JSON:
    raise UnsatisfiableError(f"{place}: no value is both {first!r} and {second!r}")


def _join_lists(first: JSON, second: JSON, _place: str) -> JSON:
    one, other = (part if isinstance(part, list) else [] for part in (first, second))
    return [*one, *(member for member in other if member not in one)]


def _join_maps(first: JSON, second: JSON, place: str) -> JSON:
    one, other = (part if isinstance(part, dict) else {} for part in (first, second))
    return {
        key: _both(one[key], other[key], place) if key in one and key in other else (one | other)[key]
        for key in one | other
    }


def _both(first: JSON, second: JSON, _place: str) -> JSON:
    return first if first == second else {"allOf": [first, second]}


def _join_branches(first: JSON, second: JSON, _place: str) -> JSON:
    one, other = (part if isinstance(part, list) else [] for part in (first, second))
    return [{"allOf": [left, right]} for left in one for right in other]


def _join_multiples(first: JSON, second: JSON, _place: str) -> JSON:
    one, other = Fraction(str(first)), Fraction(str(second))
    scale = math.lcm(one.denominator, other.denominator)
    common = Fraction(math.lcm(int(one * scale), int(other * scale)), scale)
    return int(common) if common.denominator == 1 else float(common)


_JOINERS: Final[Mapping[str, Callable[[JSON, JSON, str], JSON]]] = {
    "type": _join_types,
    "enum": _join_enums,
    "const": _join_constants,
    "required": _join_lists,
    "properties": _join_maps,
    "patternProperties": _join_maps,
    "$defs": _join_maps,
    "items": _both,
    "additionalProperties": _both,
    "contains": _both,
    "anyOf": _join_branches,
    "oneOf": _join_branches,
    "multipleOf": _join_multiples,
}


def _target(reference: str, root: Schema, place: str) -> JSON | Mapping[str, JSON]:
    if not reference.startswith("#"):
        raise UnsatisfiableError(f"{place}: the reference {reference!r} leads outside the schema; put it under $defs")
    found: JSON | Mapping[str, JSON] = root
    for step in filter(None, unquote(reference[1:]).split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and key in found:
            found = found[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
            found = found[int(key)]
        else:
            raise UnsatisfiableError(f"{place}: the reference {reference!r} leads nowhere")
    return found


def _check_bounds(schema: Schema, place: str) -> None:
    for low, high in _BOUNDS:
        least, most = number_of(schema, low), number_of(schema, high)
        if least is not None and most is not None and least > most:
            raise UnsatisfiableError(f"{place}: {low} {least} is more than {high} {most}")


def _listed(names: set[str]) -> str:
    return " or ".join(name for name in TYPES if name in names)


def equal(first: JSON, second: JSON) -> bool:
    """Compare as JSON does: `1` and `1.0` are equal, `1` and `true` are not."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(equal, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(equal(first[key], second[key]) for key in first)
    return first == second
