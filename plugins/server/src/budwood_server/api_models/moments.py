"""Moments, as ``/api`` shows them: in ISO 8601, in UTC, with ``Z``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, overload

from pydantic import AfterValidator, AwareDatetime, PlainSerializer, WithJsonSchema


@overload
def from_seconds(seconds: float) -> datetime: ...
@overload
def from_seconds(seconds: None) -> None: ...
def from_seconds(seconds: float | None) -> datetime | None:
    """Return a moment that is given in seconds since 1970, as the tables of the database have it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def format_moment(moment: datetime) -> str:
    """Return the text of a moment, such as ``"2026-11-12T09:31:00Z"``. It has microseconds unless they are zero."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_milliseconds(moment: datetime) -> str:
    """Return the text of the moment of an event, such as ``"2026-11-12T09:31:00.250Z"``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _to_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "Z$"}, mode="serialization"),
]
"""A moment in a reply of ``/api``: a `datetime` in UTC. Seconds since 1970 are accepted, too."""

EventMoment = Annotated[
    AwareDatetime,
    AfterValidator(_to_utc),
    PlainSerializer(format_milliseconds, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": "Z$"}, mode="serialization"),
]
"""A `Moment` that has milliseconds in JSON, as in event streams and webhooks."""
