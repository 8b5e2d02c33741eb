"""Sessions: conversations that the server keeps."""

from __future__ import annotations

from pydantic import BaseModel, JsonValue

from budwood_server.api_models.moments import Moment


class SessionReply(BaseModel):
    """
    A session, without its messages.

    Attributes:
        name: The name by which requests continue it.
        created: When it began; ``changed`` is the time of the last reply.
        expires: When it is removed unless it is continued.
        messages: The number of messages.
        bytes: Their size as JSON.
    """

    name: str
    created: Moment
    changed: Moment
    expires: Moment
    messages: int
    bytes: int


class SessionDetails(SessionReply):
    """
    A session.

    Attributes:
        content: The messages in the form of Chat Completions.
    """

    content: list[dict[str, JsonValue]]
