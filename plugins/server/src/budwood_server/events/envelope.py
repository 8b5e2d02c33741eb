"""Events as JSON. Source: CloudEvents 1.0, "JSON Event Format"."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import to_json

from budwood_server.api_models.moments import format_milliseconds, from_seconds
from budwood_server.events.reading import Event

SCHEMA_PATH: Final = "/api/events/schemas/"
"""Where the schema of the data of each type is."""


def describe_event(event: Event, source: str, *, with_texts: bool) -> dict[str, Any]:
    """
    Return an event as a CloudEvent.

    Args:
        event: The event.
        source: The URL of this server, or another name of it.
        with_texts: Whether the texts of prompts and replies are part of it, if it has them.
    """
    data = dict(event.data)
    if with_texts and event.texts is not None:
        data |= event.texts
    schema = find_schema(event.type, source)
    return {
        "specversion": "1.0",
        "id": event.id,
        "source": source,
        "type": event.type,
        "subject": event.subject,
        "time": format_milliseconds(from_seconds(event.time)),
        "datacontenttype": "application/json",
        **({} if schema is None else {"dataschema": schema}),
        "data": data,
    }


def find_schema(name: str, source: str) -> str | None:
    """Return the URL of the schema of the data of a type; None if the source is no URL, since CloudEvents needs one."""
    if not source.startswith(("https://", "http://")):
        return None
    return f"{source.rstrip('/')}{SCHEMA_PATH}{name}"


def encode_event(event: Event, source: str, *, with_texts: bool) -> bytes:
    """Return an event as JSON in one line; see `describe_event`."""
    return to_json(describe_event(event, source, with_texts=with_texts))
