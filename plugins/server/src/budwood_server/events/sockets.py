"""``/v1/events`` as a WebSocket, without a framework. Source: the ASGI specification, "WebSocket"."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from budwood_server.database import DatabaseError
from budwood_server.events.readers import find_reader
from budwood_server.events.selections import parse_selection
from budwood_server.events.streams import TOO_SLOW, StreamEnd
from budwood_server.formats.errors import ENCODERS, OWN
from budwood_server.gateway.errors import describe
from budwood_server.web.connections import abort
from budwood_server.web.paths import EVENTS
from budwood_server.web.problems import Problem, ProblemError, reject

if TYPE_CHECKING:
    from budwood_server.events.streams import EventStream
    from budwood_server.web.exchange import Message, Receive, Send
    from budwood_server.worker import Worker

_MAX_REASON: Final = 120
"""The longest reason of a close in bytes. RFC 6455, section 5.5: 125 with the code."""


async def serve_socket(scope: Message, receive: Receive, send: Send, worker: Worker, request_id: str) -> None:
    """
    Send events until the client leaves, its key or login ends, or the server stops.

    A request that is not valid is answered by an HTTP error. Pages of browsers do not learn that, so for them the
    connection is accepted and closed with 4000 plus the status, and the reason.

    Args:
        scope: The request, as ASGI describes it.
        receive: Returns the next message of the client.
        send: Sends a message to the client.
        worker: The state of the process.
        request_id: Identifies the request.
    """
    await receive()  # that the client connects
    with contextlib.suppress(OSError):  # the client has gone
        try:
            await _serve(scope, receive, send, worker)
        except (ProblemError, DatabaseError) as error:
            await _refuse(scope, send, describe(error), request_id)


async def _serve(scope: Message, receive: Receive, send: Send, worker: Worker) -> None:
    find_header = _make_finder(scope)
    if scope["path"] != EVENTS:
        raise reject(f"There is no WebSocket {scope['path']}.", code="unknown_route", status=404)
    check_origin(find_header, worker.configuration.server.allowed_origins)
    selection = parse_selection(scope["query_string"])
    reader = await find_reader(worker, find_header, selection.ticket)
    assert worker.services is not None  # noqa: S101 - for type checkers; else there is no reader
    async with worker.services.events.hub.open(reader, selection, "websocket") as stream:
        await send({"type": "websocket.accept"})
        await _run(stream, receive, send)


def check_origin(find_header: Callable[[str], str | None], allowed: Collection[str]) -> None:
    """
    Check that a page that connects is one of this server, or of an allowed origin. Programs send no origin.

    Raises:
        ProblemError: 403: it is another page.
    """
    origin = find_header("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return
    if origin.partition("://")[2].lower() != (find_header("host") or "").lower():
        raise reject(
            "Pages of this origin may not connect.",
            code="wrong_origin",
            hint="The operator can add it to allowed_origins in [server]. A proxy must pass on the header host.",
            status=403,
        )


async def _run(stream: EventStream, receive: Receive, send: Send) -> None:
    """Send items until the stream ends, or the client leaves."""
    sending = asyncio.create_task(_send_items(stream, send))
    leaving = asyncio.create_task(_wait_until_gone(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not sending.done():
            sending.cancel()
        await asyncio.wait((sending, leaving))
    if not sending.cancelled() and (error := sending.exception()) is not None:
        raise error


async def _send_items(stream: EventStream, send: Send) -> None:
    try:
        while True:
            for item in await stream.next_items():
                await stream.send(send({"type": "websocket.send", "text": item.data.decode()}))
    except StreamEnd as end:
        if end.code == TOO_SLOW[0]:
            abort(send)
        else:
            await _close(send, end.code, end.reason)


async def _wait_until_gone(receive: Receive) -> None:
    """Ignore what the client sends until it leaves."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def _refuse(scope: Message, send: Send, problem: Problem, request_id: str) -> None:
    if _make_finder(scope)("origin") is not None or "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.accept"})
        await _close(send, 4000 + problem.status, problem.message)
        return
    headers = [(name.encode(), value.encode("latin-1")) for name, value in problem.headers.items()]
    headers += [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    await send({"type": "websocket.http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": to_json(ENCODERS[OWN](problem, request_id))})


async def _close(send: Send, code: int, reason: str) -> None:
    short = reason.encode()[:_MAX_REASON].decode(errors="ignore")
    await send({"type": "websocket.close", "code": code, "reason": short})


def _make_finder(scope: Message) -> Callable[[str], str | None]:
    headers: dict[bytes, Any] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)

    def find(name: str) -> str | None:
        value = headers.get(name.encode())
        return None if value is None else str(value, "latin-1")

    return find
