"""Send a reply that is being made as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from budwood_server.formats.openai.responses_replay import STARTING_EVENTS, encode_start, replay
from budwood_server.replies.store import RUNNING
from budwood_server.web.exchange import STREAM_HEADERS
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.routes.requests import Request

POLL_SECONDS: Final = 0.5
"""Seconds between two looks at a reply that is being made."""


async def follow(request: Request, find: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """
    Send the events of a reply once it has ended, and comments until then.

    Args:
        request: The request; ``starting_after`` of its query is the number of the last event that the client has.
        find: Returns the reply as it is now.

    Raises:
        ProblemError: There is no such reply, or ``starting_after`` is not valid.
    """
    text = request.exchange.query.get("starting_after", "-1")
    if not (text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 10):
        raise reject("starting_after must be the number of an event.", param="starting_after")
    body = await find()
    await request.exchange.run(_send(request, find, body, int(text)))


async def _send(
    request: Request, find: Callable[[], Awaitable[dict[str, Any]]], body: dict[str, Any], starting_after: int
) -> None:
    exchange = request.exchange
    events = _wait(find, body, starting_after)
    await exchange.send_events(events, tuple, request.configuration.server.keep_alive)
    if not exchange.is_started:  # the client has all events
        await exchange.start_stream(STREAM_HEADERS)
    await exchange.end_stream()


async def _wait(
    find: Callable[[], Awaitable[dict[str, Any]]], body: dict[str, Any], starting_after: int
) -> AsyncIterator[bytes]:
    if body.get("status") in RUNNING:  # so that the client has its id
        if started := encode_start(body, starting_after):
            yield started
        starting_after = max(starting_after, STARTING_EVENTS - 1)
    while body.get("status") in RUNNING:
        await asyncio.sleep(POLL_SECONDS)
        body = await find()
    if events := replay(body, starting_after):
        yield events
