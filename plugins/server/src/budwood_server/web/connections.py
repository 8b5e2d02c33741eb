"""Connections of clients, below HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood_server.web.exchange import Send


def abort(send: Send) -> None:
    """
    Close the connection of a client at once, although it has not read what was sent.

    ASGI has no message for that. With a server other than uvicorn, the connection is closed once the client reads.

    Args:
        send: What the server has passed to the application.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
