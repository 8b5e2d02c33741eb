"""Events, as a client follows them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from budwood_server.api_models.moments import Moment

REMOVED: Final = "events.removed"
"""The type of an event of the client, which says that some are not kept any more."""


class Event(BaseModel):
    """
    An event: a CloudEvent.

    Attributes:
        id: Its id. Later events have greater ids, also as texts.
        type: What happened, such as ``"run.finished"``; or `REMOVED`, whose data has the ``count`` of the events that
            were removed before they could be read, and the ids ``after`` and ``until`` which they are between.
        source: The server.
        subject: The id of what it is about, such as a key.
        time: When it happened; None for `REMOVED`.
        data: What happened.
    """

    id: str
    type: str
    source: str = ""
    subject: str = ""
    time: Moment | None = None
    data: dict[str, Any]
