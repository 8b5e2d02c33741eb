"""Values of variables: their types, and what rendering accepts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None
"""A value of a template. None is the value of an optional variable without one: it is empty, and false."""

VariableType: TypeAlias = Literal["text", "number", "boolean", "list"]

MAX_NUMBER: Final = 2**63
MAX_ITEMS: Final = 10_000
"""The maximum number of items of a list."""


def check_value(value: object, kind: VariableType) -> Value:
    """
    Return a value as rendering uses it: a list becomes a tuple of texts, numbers and booleans.

    Raises:
        ValueError: The value is of another type, or exceeds a limit. The message does not contain it.
    """
    if kind == "list":
        return _check_list(value)
    scalar = _check_scalar(value)
    if _type_of(scalar) != kind:
        raise ValueError(f"must be a {kind}, not a {_type_of(scalar)}")
    return scalar


def is_text(text: str) -> bool:
    """Tell whether a text is valid Unicode: JSON and Python also permit half of a pair of surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _check_list(value: object) -> tuple[Scalar, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise ValueError(f"must be a list, not a {type(value).__name__}")  # noqa: TRY004 - for Pydantic
    if len(value) > MAX_ITEMS:
        raise ValueError(f"has {len(value):,} items; the maximum is {MAX_ITEMS:,}")
    return tuple(map(_check_scalar, value))


def _check_scalar(value: object) -> Scalar:
    match value:
        case bool():
            return value
        case int() if abs(value) <= MAX_NUMBER:
            return int(value)
        case float() if math.isfinite(value):
            return float(value)
        case int() | float():
            raise ValueError("must be a finite number of at most 64 bits")
        case str() if is_text(value):
            return str.__str__(value)
        case str():
            raise ValueError("is not valid Unicode text")
        case _:
            raise ValueError(f"must be a text, a number or a boolean, not a {type(value).__name__}")


def _type_of(value: Scalar) -> VariableType:
    if isinstance(value, str):
        return "text"
    return "boolean" if isinstance(value, bool) else "number"
