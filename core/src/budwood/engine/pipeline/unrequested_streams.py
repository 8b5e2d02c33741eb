"""Decode event streams that servers send although the request did not ask for a stream."""

from __future__ import annotations

from typing import Any, Final

from budwood.engine.chat.assembly import ResponseBuilder
from budwood.engine.pipeline.attempt import Attempt
from budwood.errors import StreamInterruptedError
from budwood.plugins import faults
from budwood.providing import count_tool_calls
from budwood.types import HTTPReply, MediaCompleted

_STARTS: Final = (b"data:", b"event:", b"id:", b"retry:", b":")
"""The beginnings of an event stream; a colon begins a comment."""


def decode_unrequested_stream(attempt: Attempt, reply: HTTPReply) -> Any:  # noqa: ANN401 - each service has its own result type
    """
    Decode a reply that is an event stream although none was requested.

    Returns:
        The response; None if the body is not an event stream, or the service has no streams.

    Raises:
        ProviderError: The stream contains an error, or ends without a finish reason.
    """
    service, endpoint = attempt.round.service, attempt.endpoint
    if not service.takes_stream or not reply.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_STARTS):
        return None
    with faults.decoding_boundary(endpoint.source, service.decoder):
        decoder = getattr(endpoint.remote, service.decoder)(attempt.request, reply.head)
        if service.has_media:
            events = (*decoder.feed(reply.body), *decoder.close())
            return next(event.response for event in events if isinstance(event, MediaCompleted))
        builder = ResponseBuilder(count_tool_calls(attempt.request))
        builder.add(decoder.feed(reply.body))
        builder.add(decoder.close())
        if not builder.finished:
            raise StreamInterruptedError("The stream ended without a finish reason.")
        return builder.build()
