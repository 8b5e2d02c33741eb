"""
The flows that every request passes through, from top to bottom.

Each is a function that takes the next flow and returns a flow. Each can be omitted, and a new policy is one more line
here. Those above `on_endpoint` take a `Round`, which does not depend on the endpoint. Those below take an `Attempt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from budwood.engine.caching.lookup import with_cache
from budwood.engine.caching.sharing import with_sharing
from budwood.engine.chat.structured import with_output
from budwood.engine.chat.tools import with_tools
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.endpoint_choice import on_endpoint, with_failover
from budwood.engine.pipeline.observing import with_observers
from budwood.engine.pipeline.retries import when_guarded, with_retries
from budwood.engine.pipeline.sending import send
from budwood.engine.pipeline.window import within_window
from budwood.providing import find_media, has_media


def with_uploads(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Upload media that are too large to be sent within the request; see `budwood.engine.uploads`."""

    def run(attempt: Attempt) -> Flow[Any]:
        if not find_media(attempt.request):
            return send(attempt)
        from budwood.engine.uploads.flow import send_with_uploads  # chat without media does not need it

        return send_with_uploads(send, attempt)

    return run


Answer = Callable[[Round], Flow[Any]]

CHAT: Final = (
    with_observers,  # notifies observers of each request of the user; completes the response
    with_output,  # validates structured output and requests repairs
    with_tools,  # runs tools in rounds
    with_sharing,  # answers the request from the cache, or shares it with equal ones that are under way
    with_failover,  # asks the endpoints of the route one after the other
    on_endpoint,  # adapts the request to the endpoint
    with_cache,  # looks up the request of another endpoint than the first, stores the reply
    within_window,  # rejects requests that exceed the context window
    with_retries,  # retries transient errors; records every attempt
    when_guarded,  # applies budgets, keys and limits to attempts that have any
    with_uploads,  # uploads media that do not fit into the request
    send,  # encodes, authorizes, sends, reads and decodes
)

SERVICE: Final = (
    with_observers,
    with_sharing,
    with_failover,
    on_endpoint,
    with_cache,
    with_retries,
    when_guarded,
    with_uploads,
    send,
)
"""Embeddings, moderation and the other services of `budwood.engine.services`."""


_CACHING: Final = (with_sharing, with_cache)

CACHED: Final = frozenset({"chat", "completion", "embeddings", "moderation", "token count"})
"""The services whose replies are cached."""


def answer_chat(round_: Round) -> Flow[Any]:
    """Answer one request of a chat, through the flows that it needs."""
    tools = round_.tools
    has_tools = tools is not None and bool(tools.tools) and tools.execute  # their results may contain media
    has_uploads = round_.call.upload != "never" and (has_tools or has_media(round_.request.messages))
    unneeded = (
        with_output if round_.output is None else None,
        None if has_tools else with_tools,
        *(_CACHING if round_.call.cache is None else ()),
        with_failover if round_.call.route is None else None,
        None if has_uploads else with_uploads,
    )
    return _compose(CHAT, unneeded, streamed=round_.call.streamed)(round_)


def answer_service(round_: Round) -> Flow[Any]:
    """Answer one request to another service."""
    call = round_.call
    unneeded = (
        *(_CACHING if call.cache is None or round_.service.name not in CACHED else ()),
        *((with_failover,) if call.route is None else ()),
        *(() if round_.service.has_media else (with_uploads,)),
    )
    flow = _compose_media if round_.service.has_media else _compose
    return flow(SERVICE, unneeded, streamed=call.streamed)(round_)


def _compose_media(flows: Sequence[Any], unneeded: Sequence[Any], *, streamed: bool) -> Answer:
    """Compose the flows of a service of media, whose streams have another innermost flow."""
    if streamed:
        from budwood.engine.pipeline.media_streams import send_media_stream  # few programs stream media

        flows = (*flows[:-1], send_media_stream)
    return _compose(flows, unneeded, streamed=False)


@cache
def _compose(flows: Sequence[Any], unneeded: Sequence[Any], *, streamed: bool) -> Answer:
    """Compose the flows that are needed; streams have another innermost flow."""
    *wrappers, flow = flows
    if streamed:
        from budwood.engine.pipeline.streaming import send_streamed  # only streams need it

        flow = send_streamed
    for wrapper in reversed(wrappers):
        if wrapper not in unneeded:
            flow = wrapper(flow)
    composed: Answer = flow
    return composed
