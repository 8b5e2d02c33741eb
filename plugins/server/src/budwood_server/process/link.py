"""Messages between the parent and a worker: JSON objects, one a line, over a pair of sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from typing import Any, Final

from budwood_server.process.heartbeat import call_regularly

MAX_LINE: Final = 4 * 1024 * 1024
"""The maximum size of a message in bytes."""

Message = dict[str, Any]


class Link:
    """
    One end of the connection.

    Args:
        reader: The messages of the other end.
        writer: The messages to it.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Link:
        """Use one of the two sockets, in the running event loop."""
        end.setblocking(False)  # noqa: FBT003 - a method of the standard library
        return cls(*await asyncio.open_unix_connection(sock=end, limit=MAX_LINE))

    def send(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        """Send a message. If the other process has ended, it is lost."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")

    async def receive(self) -> Message | None:
        """Return the next message; None if the other process has ended."""
        try:
            line = await self._reader.readline()
        except OSError:
            return None
        if not line.endswith(b"\n"):
            return None
        message: Message = json.loads(line)
        return message

    async def flush(self) -> None:
        """Wait until the messages are with the system."""
        with contextlib.suppress(OSError):  # the other process has ended
            await self._writer.drain()

    def close(self) -> None:
        """Close this end."""
        self._writer.close()


@contextlib.contextmanager
def send_heartbeats(link: Link, order: Message) -> Iterator[None]:
    """Send heartbeats to the parent from the running event loop, if the message ``start`` demands them."""
    interval: float = order["heartbeat"]
    with call_regularly(interval, lambda: link.send("alive")) if interval else contextlib.nullcontext():
        yield
