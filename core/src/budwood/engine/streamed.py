"""Replies that are read as they arrive."""

from __future__ import annotations

from typing import NamedTuple

from budwood.engine.chat.options import CallOptions
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.call import Call, Round
from budwood.engine.pipeline.requests import check_chat, request_for
from budwood.engine.services import CHAT
from budwood.types import ChatResponse, Message


class StreamedReply(NamedTuple):
    """
    A reply that emits events.

    Attributes:
        flow: Emits them, and returns the complete reply.
        call: What is known of it before it ends.
    """

    flow: Flow[ChatResponse]
    call: Call

    def partial(self) -> ChatResponse | None:
        """Return what has arrived so far, marked as partial; None before the first content."""
        return self.call.partial() if self.call.partial is not None else None


def check_stream(call: Call, messages: tuple[Message, ...], parsed: CallOptions) -> None:
    """Check a request when the stream is created, not at the first read. Files are added to its messages later."""
    request = parsed.request(call.target.model, messages)
    if call.route is None:  # each of its endpoints is checked before it is asked
        if parsed.files:
            check_chat(call.target)
        else:
            request_for(call.target, Round(call, CHAT, request, parsed.tools, parsed.output))
    call.check_credential()
