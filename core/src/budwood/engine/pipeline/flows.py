"""
The flows that every request passes through, from top to bottom.

Each is a function that takes the next flow and returns a flow. Each can be omitted, and a new policy is one more line
here. Those above `on_endpoint` take a `Round`, which does not depend on the endpoint. Those below take an `Attempt`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

from budwood.engine.chat.structured import with_output
from budwood.engine.chat.tools import with_tools
from budwood.engine.drivers.effects import Flow
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.caching import with_cache
from budwood.engine.pipeline.call import Round
from budwood.engine.pipeline.endpoint_choice import on_endpoint, with_failover
from budwood.engine.pipeline.observing import with_observers
from budwood.engine.pipeline.retries import with_retries
from budwood.engine.pipeline.sending import send
from budwood.engine.pipeline.window import within_window


def when_guarded(send: Callable[[Attempt], Flow[Any]]) -> Callable[[Attempt], Flow[Any]]:
    """Apply `budwood.engine.pipeline.guards` to attempts that have budgets, several keys, or limits."""
    guarded: list[Callable[[Attempt], Flow[Any]]] = []

    def run(attempt: Attempt) -> Flow[Any]:
        endpoint = attempt.endpoint
        if not endpoint.is_guarded and not attempt.round.call.budgets and endpoint.health.adaptive is None:
            return send(attempt)
        if not guarded:
            from budwood.engine.pipeline.guards import guard  # only programs with guards need it

            guarded.append(guard(send))
        return guarded[0](attempt)

    return run


Answer = Callable[[Round], Flow[Any]]

CHAT: Final = (
    with_observers,  # notifies observers of each request of the user; completes the response
    with_output,  # validates structured output and requests repairs
    with_tools,  # runs tools in rounds
    with_failover,  # asks the endpoints of the route one after the other
    on_endpoint,  # adapts the request to the endpoint
    with_cache,  # looks up the request, stores the reply
    within_window,  # rejects requests that exceed the context window
    with_retries,  # retries transient errors; records every attempt
    when_guarded,  # applies budgets, keys and limits to attempts that have any
    send,  # encodes, authorizes, sends, reads and decodes
)

SERVICE: Final = (with_observers, with_failover, on_endpoint, with_retries, when_guarded, send)
"""Embeddings, moderation and the other services of `budwood.engine.services`."""


def answer_chat(round_: Round) -> Flow[Any]:
    """Answer one request of a chat, through the flows that it needs."""
    tools = round_.tools
    unneeded = (
        with_output if round_.output is None else None,
        with_tools if tools is None or not tools.tools or not tools.execute else None,
        with_cache if round_.call.cache is None else None,
        with_failover if round_.call.route is None else None,
    )
    return _compose(CHAT, unneeded, streamed=round_.call.streamed)(round_)


def answer_service(round_: Round) -> Flow[Any]:
    """Answer one request to another service."""
    unneeded = (with_failover,) if round_.call.route is None else ()
    return _compose(SERVICE, unneeded, streamed=round_.call.streamed)(round_)


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
