"""Checks of values in requests: JSON, or fields of forms."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

Check = Callable[[Any], bool]


def is_text(value: object) -> bool:
    """Tell whether a value is a text that is not empty."""
    return isinstance(value, str) and bool(value)


def is_flag(value: object) -> bool:
    """Tell whether a value is true or false."""
    return isinstance(value, bool)


def is_int(value: object) -> bool:
    """Tell whether a value is a whole number."""
    return type(value) is int


def is_int_from_0(value: object) -> bool:
    """Tell whether a value is a whole number of 0 or more."""
    return type(value) is int and value >= 0


def is_int_from_1(value: object) -> bool:
    """Tell whether a value is a whole number of 1 or more."""
    return type(value) is int and value >= 1


def is_number(value: object) -> bool:
    """Tell whether a value is a number."""
    return type(value) is float or type(value) is int


def is_number_from_0(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a value is a finite number of 0 or more."""
    return is_number(value) and 0 <= value < inf


def is_number_to_1(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Tell whether a value is a number from 0 to 1."""
    return is_number(value) and 0 <= value <= 1
