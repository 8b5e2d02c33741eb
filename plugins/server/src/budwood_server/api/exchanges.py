"""Requests to routes of FastAPI and of the page, as the thin handlers under ``/v1`` have them."""

from __future__ import annotations

from starlette.requests import Request

from budwood_server.web.exchange import Exchange, Message


def to_exchange(request: Request) -> Exchange:
    """Return a request that only reads from the connection: to read a large body, or to notice that a client left."""
    return Exchange(request.scope, request.receive, _send_nothing, getattr(request.state, "request_id", ""))


async def _send_nothing(_: Message) -> None:
    """Stand for the connection: the route replies."""
