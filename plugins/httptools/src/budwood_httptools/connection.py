"""
One connection: what is written to it, and the reply that httptools reads from it.

Source: RFC 9112, HTTP/1.1. httptools is llhttp, the parser of Node.js; which bytes belong to which reply it decides.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterable
from typing import Final, cast

import httptools

from budwood.wire.event_loops import abort

_MOST_UNREAD: Final = 256 * 1024
"""So many bytes are taken from the kernel before anyone has read them."""

_LONGEST_HEAD: Final = 256 * 1024
"""A head is no longer than this."""


class Connection(asyncio.Protocol):
    """
    A connection, with one request under way at a time.

    Attributes:
        status: The status of the reply, once its head is there.
        headers: Its headers, as sent.
        expires: When it is too old to be used again, by the loop's clock.
        is_complete: Whether the whole reply has come.
        sock: Its socket.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.expires = float("inf")
        self.is_complete = False
        self.sock: socket.socket = cast("socket.socket", None)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser: httptools.HttpResponseParser | None = None
        self._chunks: list[bytes] = []
        self._unread = 0
        self._head_size = 0
        self._asked = False
        self._headless = True
        self._keeps = False
        self._bodiless = False
        self._cut_short = False
        self._paused = False
        self._full = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def send(self, request: bytes, *, bodiless: bool) -> None:
        """Send a request; ``bodiless`` says that no body follows the head of the reply, whatever the head says."""
        self.headers = []
        self._head_size = 0
        self._asked, self._headless, self.is_complete, self._keeps = True, True, False, False
        self._bodiless = bodiless
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    async def send_blocks(self, blocks: AsyncIterable[bytes]) -> None:
        """
        Send a body block by block, after its head, as fast as the server reads it.

        Where the server replies before it has read all, or closes the connection, the rest is not sent.
        """
        async for block in blocks:
            if self._error is None and self._headless:
                self._transport.write(block)
            while self._full and self._error is None and self._headless:
                await self._next_event()
            if self._error is not None or not self._headless:
                self._cut_short = True
                return

    async def wait_for_head(self) -> None:
        """
        Wait until the request is sent and the head of the reply is here.

        Raises:
            OSError: The connection broke, or what came is no HTTP.
        """
        while self._headless or (self._full and not self._cut_short and self._error is None):
            if self._error is not None:
                raise self._error
            await self._next_event()

    def take(self) -> bytes:
        """Return what is here of the body."""
        chunks = self._chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._unread = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def read(self) -> bytes:
        """
        Wait for more of the body; empty bytes are its end.

        Raises:
            OSError: The connection broke before that.
        """
        while not self._chunks:
            if self.is_complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._next_event()
        return self.take()

    @property
    def is_at_end(self) -> bool:
        """Whether the whole body has been read."""
        return self.is_complete and not self._chunks

    def keep(self, seconds: float) -> bool:
        """Wait for the next request, so many seconds; return whether another may follow at all."""
        if not (self.is_complete and self._keeps) or self._cut_short or self._error is not None:
            return False
        if self._transport.is_closing():
            return False
        self._asked = False
        self._chunks.clear()
        self.expires = self._loop.time() + seconds
        if self._bodiless:
            self._parser = None
        return True

    def has_expired(self) -> bool:
        """Whether its time is over, or the server has closed it."""
        return self._error is not None or self._transport.is_closing() or self._loop.time() >= self.expires

    def close(self) -> None:
        """Close it at once."""
        if not self._loop.is_closed():  # else the task that waits cannot be woken any more
            self._fail(ConnectionAbortedError("The connection is closed."))
        abort(self._transport, self.sock, self._loop)

    def _next_event(self) -> asyncio.Future[None]:
        """Return what is done once something has changed."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._wake()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take in what came."""
        if not self._asked or self._parser is None:  # nobody asked for it: it must not become the next reply
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._keeps = False
            self._fail(ConnectionError(f"what came is no HTTP: {error}"))
        if self._headless:
            self._head_size += len(data)
            if self._head_size > _LONGEST_HEAD:
                self._fail(ConnectionError(f"the head of the reply is longer than {_LONGEST_HEAD:,} bytes"))
        if self._unread > _MOST_UNREAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Note that nothing more will come."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self._end(exc)

    def _end(self, error: Exception | None) -> None:
        """Take the end of the connection for that of the body, where the head announces no other."""
        self._keeps = False
        if not self._headless and not self.is_complete and error is None and not _announces_its_end(self.headers):
            self.is_complete = True
        said = "the server closed it before the end of the reply" if not self._headless else "the server sent no reply"
        self._fail(error if isinstance(error, OSError) else ConnectionResetError(said))

    def pause_writing(self) -> None:
        """Write no more for now."""
        self._full = True

    def resume_writing(self) -> None:
        """Write on."""
        self._full = False
        self._wake()

    # What httptools calls.

    def on_message_begin(self) -> None:
        """Begin a reply."""
        if self.is_complete:  # a second reply to one request
            self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; those after the body are left."""
        if self._headless:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """End the head."""
        if self._parser is None or not self._headless:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:  # the reply comes after it
            self.headers = []
            return
        self.status = status
        self._headless = False
        if self._bodiless:  # the parser waits for a body all the same: the next reply gets another
            self.is_complete = True
            self._keeps = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Take in a piece of the body."""
        if self.is_complete:  # nobody asked for it
            self._keeps = False
        else:
            self._chunks.append(data)
            self._unread += len(data)

    def on_message_complete(self) -> None:
        """End the reply."""
        if self._parser is not None and not self._headless and not self.is_complete:
            self.is_complete = True
            self._keeps = self._parser.should_keep_alive()


def _announces_its_end(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)
