"""Events and their types, as they are shown."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from budwood_server.api_models.moments import EventMoment

Order = Literal["oldest", "newest"]
"""Which events come first."""


class EventReply(BaseModel):
    """
    An event, in the form of CloudEvents.

    Attributes:
        specversion: The version of CloudEvents.
        id: Identifies it. Later events have greater ids, also as texts.
        source: The server.
        type: What happened, such as ``"run.finished"``.
        subject: The id of what it is about.
        time: When it happened.
        datacontenttype: The media type of ``data``.
        dataschema: The URL of the JSON schema of ``data``; None unless the setting ``source`` is the URL of the server.
            ``/api/events/schemas/TYPE`` is its path.
        data: What happened, as that schema describes it.
    """

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: EventMoment
    datacontenttype: Literal["application/json"]
    dataschema: str | None = None
    data: dict[str, Any]


class EventTypeReply(BaseModel):
    """
    A type of events.

    Attributes:
        name: Its name.
        meaning: What has happened then.
        scope: What somebody who gets its events must be allowed to do.
        is_visible: Whether you get its events.
        dataschema: The path of the JSON schema of its data on the server.
    """

    name: str
    meaning: str
    scope: str
    is_visible: bool
    dataschema: str


class EventTypesReply(BaseModel):
    """The types of events."""

    types: list[EventTypeReply]
