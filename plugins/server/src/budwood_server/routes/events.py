"""``GET /v1/events``: events as server-sent events. Source: the HTML standard, section "Server-sent events"."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from budwood_server.events.readers import find_reader
from budwood_server.events.reading import format_id
from budwood_server.events.selections import parse_selection
from budwood_server.events.streams import TOO_SLOW, StreamEnd
from budwood_server.web.exchange import STREAM_HEADERS
from budwood_server.web.problems import reject

if TYPE_CHECKING:
    from budwood_server.events.streams import EventStream, Item
    from budwood_server.web.exchange import Exchange
    from budwood_server.worker import Worker

RETRY: Final = b"retry: 1000\n\n"
"""Tells browsers to connect again a second after the stream has ended."""

_ACCEPTED: Final = ("text/event-stream", "text/*", "*/*")


async def follow_events(exchange: Exchange, worker: Worker) -> None:
    """
    Send events until the client leaves, its key or login ends, or the server stops.

    Raises:
        ProblemError: The request is not valid, or its sender may not see what it asks for.
    """
    accept = exchange.header(b"accept") or "*/*"
    if not any(each in accept.lower() for each in _ACCEPTED):
        hint = "Send the header 'Accept: text/event-stream', or connect by a WebSocket."
        raise reject("Events are only sent as an event stream.", param="accept", hint=hint, status=406)
    selection = parse_selection(exchange.scope["query_string"], exchange.header(b"last-event-id"))
    reader = await find_reader(worker, exchange.find_header, selection.ticket)
    exchange.key_id = reader.principal.id
    assert worker.services is not None  # noqa: S101 - for type checkers; else there is no reader
    async with worker.services.events.hub.open(reader, selection, "sse") as stream:
        await exchange.run(_send_items(exchange, stream))


async def _send_items(exchange: Exchange, stream: EventStream) -> None:
    await exchange.start_stream(STREAM_HEADERS)
    try:
        await stream.send(exchange.send_part(RETRY))
        while True:
            items = await stream.next_items()
            await stream.send(exchange.send_part(b"".join(map(_encode, items))))
    except StreamEnd as end:
        if end.code == TOO_SLOW[0]:
            exchange.abort()
            await asyncio.Event().wait()  # until it is noticed that the client has gone
        data = to_json({"notice": "end", "code": end.code, "reason": end.reason})
        await exchange.send_part(b"event: end\ndata: " + data + b"\n\n")
        await exchange.end_stream()


def _encode(item: Item) -> bytes:
    """Return an item as it is sent. Events have no name, so that browsers pass them to ``onmessage``."""
    name = b"" if item.notice is None else f"event: {item.notice}\n".encode()
    return b"id: " + format_id(item.place).encode() + b"\n" + name + b"data: " + item.data + b"\n\n"
