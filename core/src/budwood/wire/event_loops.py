"""Close connections although their event loop may have ended."""

from __future__ import annotations

import asyncio
import socket


def abort(transport: asyncio.Transport, sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
    """
    Close a connection at once.

    Args:
        transport: The connection.
        sock: Its socket. A loop that is closed can schedule nothing, so the socket itself is closed then.
        loop: The event loop that the connection belongs to.
    """
    if loop.is_closed():
        sock.close()
    elif not transport.is_closing():
        transport.abort()
