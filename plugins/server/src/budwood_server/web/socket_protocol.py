"""uvicorn's protocol of WebSockets, which knows that an answer of HTTP is a complete answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class SocketProtocol(WebSocketsSansIOProtocol):
    """
    Refuses connections by an answer of HTTP without an error in the log.

    uvicorn 0.54 logs "ASGI callable returned without completing handshake." after such an answer, as if none had been
    sent.
    """

    async def send(self, message: ASGISendEvent) -> None:
        """Send a message of the application, and notice when an answer of HTTP is complete."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
