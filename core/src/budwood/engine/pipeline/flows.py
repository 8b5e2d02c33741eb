"""
The flows through which every request passes, from top to bottom.

Each is a function that takes the next flow and returns a flow; each can be left out, and a further policy is one more
line here. Those above `on_endpoint` take a `Round`: what the user asked, for any endpoint. Those below take an
`Attempt`, for which everything that depends on the endpoint is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from budwood.engine.chat.structured import with_output
from budwood.engine.chat.tools import with_tools
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.caching import cached
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.observing import observed
from budwood.engine.pipeline.retries import with_retries
from budwood.engine.pipeline.routing import on_endpoint
from budwood.engine.pipeline.sending import send
from budwood.engine.pipeline.window import within_window

Answer = Callable[[Round], Flow[Any]]

CHAT: Final = (
    observed,  # tells observers of each request of the user; completes the response
    with_output,  # validates structured output and has mistakes repaired
    with_tools,  # runs tools in rounds
    on_endpoint,  # chooses the endpoint, and writes the request as it can take it
    cached,  # looks the request up, stores the reply
    within_window,  # refuses what cannot fit the context window
    with_retries,  # repeats what failed for a reason that may pass; records every attempt
    send,  # encodes, authorizes, sends, reads, decodes
)

SERVICE: Final = (observed, on_endpoint, with_retries, send)
"""Embeddings, moderation and the other services of `budwood.engine.services`."""


def answer_chat(round_: Round) -> Flow[Any]:
    """Answer one request of a chat, through the flows that it needs."""
    tools = round_.tools
    unneeded = (
        with_output if round_.output is None else None,
        with_tools if tools is None or not tools.tools or not tools.execute else None,
        cached if round_.call.cache is None else None,
    )
    return _compose(CHAT, unneeded, streamed=round_.call.streamed)(round_)


def answer_service(round_: Round) -> Flow[Any]:
    """Answer one request to another service."""
    return _compose(SERVICE, (), streamed=round_.call.streamed)(round_)


@cache
def _compose(flows: Sequence[Any], unneeded: Sequence[Any], *, streamed: bool) -> Answer:
    """Wrap flows in one another, but for those that have nothing to do; a stream has a way of sending of its own."""
    *wrappers, flow = flows
    if streamed:
        from budwood.engine.pipeline.streaming import send_streamed  # whole replies do not need it

        flow = send_streamed
    for wrapper in reversed(wrappers):
        if wrapper not in unneeded:
            flow = wrapper(flow)
    composed: Answer = flow
    return composed
