"""
Assemble the arguments of a call from partial arguments, each of which has a path.

Source: google-genai 3.4, ``PartialArg``; paths are JSON paths (RFC 9535) of names and indices alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from budwood.errors import BadResponseError

_STEP: Final = re.compile(
    r"""
    \.(?P<name>[^.\[\]]+)
    | \[(?P<index>\d+)\]
    | \[(?P<quote>['"])(?P<quoted>(?:\\.|(?!(?P=quote)).)*)(?P=quote)\]
    """,
    re.VERBOSE,
)
_MAX_ITEMS: Final = 100_000
"""The most items of a list: a larger index would only fill memory."""

_VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")


def add_partial_argument(arguments: dict[str, Any], partial: Mapping[str, Any]) -> None:
    """
    Add a partial argument. Texts at the same path are joined.

    Raises:
        BadResponseError: The path is invalid, or does not fit the arguments before it.
    """
    value = _value(partial)
    place: Any = arguments
    steps = list(_steps(partial.get("jsonPath") or "$"))
    if not steps:
        if isinstance(value, dict):
            arguments.update(value)
        return
    for step, following in pairwise(steps):
        place = _enter(place, step, [] if isinstance(following, int) else {})
    last = steps[-1]
    before = _enter(place, last, None)
    grows = isinstance(before, str) and isinstance(value, str)
    place[last] = before + value if grows else value


def _value(partial: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    name = next((name for name in _VALUES if name in partial), None)
    return None if name in (None, "nullValue") else partial[name]


def _steps(path: str) -> Iterator[str | int]:
    position = 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise BadResponseError(f"Invalid path of an argument: {path[:80]!r}.")
        position = step.end()
        if step["index"]:
            yield int(step["index"])
        else:
            yield step["name"] or re.sub(r"\\(.)", r"\1", step["quoted"])


def _enter(place: Any, step: str | int, missing: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return the value at a step, which is created if it is missing."""
    if isinstance(place, list) and isinstance(step, int) and step < _MAX_ITEMS:
        place.extend([None] * (step + 1 - len(place)))
        if place[step] is None:
            place[step] = missing
    elif isinstance(place, dict) and isinstance(step, str):
        if place.get(step) is None:
            place[step] = missing
    else:
        raise BadResponseError(f"The path of an argument contradicts earlier ones: {step!r}.")
    return place[step]
