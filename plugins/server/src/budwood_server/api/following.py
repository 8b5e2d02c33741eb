"""Responses that are event streams, for as long as their reader may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import StreamingResponse

from budwood_server.api.access import Require, get_worker
from budwood_server.web.event_streams import MEDIA_TYPE
from budwood_server.web.problems import ProblemError

if TYPE_CHECKING:
    from budwood_server.web.event_streams import EventStreams, Look


def stream_events(request: Request, streams: EventStreams, look: Look, required: Require) -> StreamingResponse:
    """
    Return a response that ends with the server, or when its reader may not read any more.

    Args:
        request: The request of the stream.
        streams: The streams of its kind; see `EventStreams.check`.
        look: Returns the events since the last look.
        required: The dependency of the route, which finds its reader.
    """
    worker = get_worker(request)

    async def may_continue() -> bool:
        if worker.is_draining:
            return False
        try:
            await required(request, None)
        except ProblemError:  # its key was revoked or has expired
            return False
        return True

    keep_alive = worker.configuration.server.keep_alive
    events = streams.follow(look, keep_alive=keep_alive, may_continue=may_continue)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events, media_type=MEDIA_TYPE, headers=headers)
