"""``client.events``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic_core import from_json

from budwood.types import ReplyHead
from budwood.wire import ServerSentEvent
from budwood_server.api_models.events import EventReply, EventTypesReply, Order
from budwood_server.api_models.pages import PageOf
from budwood_server.client.followed_events import REMOVED, Event
from budwood_server.client.operations import Resource, S, following, listing, operation
from budwood_server.client.requests import Request, StreamRequest, get, path_of, reader

_PATH = "/v1/events"


class EventMethods(Resource[S]):
    """What happens on the server."""

    @following
    def follow(
        self,
        *,
        types: Sequence[str] = (),
        after: str | None = None,
        subjects: Sequence[str] = (),
        key: str | None = None,
        model: str | None = None,
        user: str | None = None,
        texts: bool = False,
    ) -> StreamRequest[Event]:
        """
        Return each event as it happens. If the connection breaks, it is continued after the last event.

        Args:
            types: Their types, such as ``["run.finished", "key.*"]``; by default all that the key may see.
            after: The id of the event after which it begins, or ``"0"`` for the first; by default the last one.
            subjects: Only events about these.
            key: Only events of this API key, by its id.
            model: Only events of this model.
            user: Only events of this user.
            texts: Whether events have the texts of prompts and replies, which need the scope ``texts``.
        """
        query = {"types": [*types] or None, "after": after, "subject": [*subjects] or None}
        query |= {"key": key, "model": model, "user": user, "texts": "true" if texts else None}
        headers = {"accept": "text/event-stream"}
        request = Request(method="GET", path=_PATH, read=reader(Event), query=query, headers=headers)
        return StreamRequest(request=request, decode=_read_event, is_reopened=True)

    @listing
    def list(
        self,
        *,
        after: str | None = None,
        before: str | None = None,
        order: Order = "oldest",
        types: Sequence[str] = (),
        subject: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> Request[PageOf[EventReply]]:
        """
        List past events, without texts of prompts and replies.

        Args:
            after: Only events after the one with this id.
            before: Only events before the one with this id.
            order: Whether the ``"oldest"`` or the ``"newest"`` come first.
            types: Their types, such as ``["run.finished", "key.*"]``; by default all that the key may see.
            subject: Only events about this.
            since: Only events from this moment on, or from a time ago such as ``"7d"``.
            until: Only events before this moment, or before a time ago.
        """
        where = {"type": [*types] or None, "subject": subject, "since": since, "until": until}
        request = get(path_of("events"), PageOf[EventReply], after=after, before=before, order=order, **where)
        return replace(request, cursor="after" if order == "oldest" else "before")

    @operation
    def get(self, event_id: str) -> Request[EventReply]:
        """Return an event, without texts of prompts and replies."""
        return get(path_of("events", event_id), EventReply)

    @operation
    def types(self) -> Request[EventTypesReply]:
        """Return the types of events."""
        return get(path_of("events", "types"), EventTypesReply)


def _read_event(_: ReplyHead, event: ServerSentEvent) -> Event | None:
    if event.event == "message":
        return reader(Event)(event.data)
    if event.event == "removed" and event.id is not None:
        return Event(id=event.id, type=REMOVED, data=from_json(event.data))
    return None
