"""Store the events of a stream, and replay them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, get_args

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from budwood.types import JSON, StreamEvent

_KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in get_args(StreamEvent)}

TimedEvent = tuple[float, StreamEvent]
"""An event, and the seconds since the request was sent."""


def write_events(events: list[TimedEvent]) -> list[JSON]:
    """Return events as JSON: for each its seconds, its type, and its fields."""
    return [[round(seconds, 3), type(event).__name__, to_jsonable_python(event)] for seconds, event in events]


def read_events(stored: list[Any]) -> list[TimedEvent]:
    """
    Return events from JSON.

    Raises:
        ValueError: They are not events.
    """
    try:
        return [(float(seconds), _adapter(kind).validate_python(content)) for seconds, kind, content in stored]
    except (KeyError, TypeError) as error:
        raise ValueError(f"The entry has an event that cannot be read: {type(error).__name__}") from error


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])
