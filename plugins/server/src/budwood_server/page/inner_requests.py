"""Requests of views to the gateway itself, with the login of the visit: the page runs models as programs do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from budwood_server.page.visits import Visit


@dataclass(frozen=True, slots=True)
class InnerReply:
    """
    The reply to a request.

    Attributes:
        status: The HTTP status.
        chunks: The parts of the body, as they arrive. To end early, close it: the request is cancelled.
    """

    status: int
    chunks: AsyncIterator[bytes]

    async def read_json(self) -> Any:  # noqa: ANN401 - as JSON is
        """Return the body, which is JSON."""
        return json.loads(b"".join([chunk async for chunk in self.chunks]))


async def post_json(visit: Visit, path: str, body: Mapping[str, Any]) -> InnerReply:
    """
    Send a request with a JSON body to the application itself, and wait for the start of its reply.

    Args:
        visit: The visit, whose login sends the request. If its client leaves, the request is cancelled.
        path: The path.
        body: The body.
    """
    messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
    content = json.dumps(body).encode()
    unread = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Any:  # noqa: ANN401 - a message of ASGI
        return unread.pop() if unread else await visit.request.receive()

    async def run() -> None:
        try:
            await visit.request.app.state.root(_make_scope(visit, path, content), receive, messages.put)
        finally:
            messages.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        start = await messages.get()
    except asyncio.CancelledError:
        task.cancel()
        raise
    return InnerReply(500 if start is None else start["status"], _iterate(messages, task))


def _make_scope(visit: Visit, path: str, content: bytes) -> dict[str, Any]:
    kept = {b"cookie", b"host", b"origin"}
    headers = [pair for pair in visit.request.scope["headers"] if pair[0] in kept]
    headers += [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"x-csrf-token", visit.csrf_token.encode()),
        (b"x-budwood-client", b"budwood-page"),
    ]
    changes = {"path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers, "state": {}}
    kept_scope = {
        name: value for name, value in visit.request.scope.items() if name not in ("app", "router", "endpoint")
    }
    return kept_scope | changes


async def _iterate(messages: asyncio.Queue[dict[str, Any] | None], task: asyncio.Task[None]) -> AsyncIterator[bytes]:
    try:
        while (message := await messages.get()) is not None:
            if chunk := message.get("body"):
                yield chunk
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
