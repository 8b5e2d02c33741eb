"""
One connection: requests that are written to it, and replies that httptools parses.

Source: RFC 9112, HTTP/1.1. httptools is llhttp, the parser of Node.js; it decides which bytes belong to which reply.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterable
from typing import Final, cast

import httptools

from budwood.wire.event_loops import abort

_MAX_UNREAD: Final = 256 * 1024
"""How many unread bytes are buffered before reading from the kernel pauses."""

_MAX_HEAD: Final = 256 * 1024
"""The size limit of a head, and of what is no content between two parts of a body or after the last."""


class Connection(asyncio.Protocol):
    """
    A connection, with one request at a time.

    Attributes:
        status: The status of the reply, once its head has arrived.
        headers: Its headers, as sent.
        expires: When it is too old to be reused, by the loop's clock.
        is_complete: Whether the full reply has arrived.
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
        self._has_progressed = False  # whether the end of the head or content was among the last bytes
        self._is_requested = False
        self._is_waiting_for_head = True
        self._is_reusable = False
        self._is_bodiless = False
        self._is_upload_incomplete = False
        self._is_paused = False
        self._is_write_buffer_full = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def send(self, request: bytes, *, is_bodiless: bool) -> None:
        """Send a request; ``is_bodiless`` if no body follows the head of the reply, whatever the head says."""
        self.headers = []
        self._head_size, self._has_progressed = 0, False
        self._is_requested, self._is_waiting_for_head, self.is_complete, self._is_reusable = True, True, False, False
        self._is_bodiless = is_bodiless
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        self._transport.write(request)

    async def send_blocks(self, blocks: AsyncIterable[bytes]) -> None:
        """
        Send a body in blocks, after its head, as fast as the server reads it.

        If the server replies before the end, or closes the connection, the rest is not sent.
        """
        async for block in blocks:
            if self._error is None and self._is_waiting_for_head:
                self._transport.write(block)
            while self._is_write_buffer_full and self._error is None and self._is_waiting_for_head:
                await self._next_event()
            if self._error is not None or not self._is_waiting_for_head:
                self._is_upload_incomplete = True
                return

    async def wait_for_head(self) -> None:
        """
        Wait until the request is sent and the head of the reply has arrived.

        Raises:
            OSError: The connection was lost, or the reply is not valid HTTP.
        """
        while self._is_waiting_for_head or (
            self._is_write_buffer_full and not self._is_upload_incomplete and self._error is None
        ):
            if self._error is not None:
                raise self._error
            await self._next_event()

    def take_received(self) -> bytes:
        """Return the part of the body that was received."""
        chunks = self._chunks
        if not chunks:
            return b""
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        chunks.clear()
        self._unread = 0
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        return data

    async def read(self) -> bytes:
        """
        Wait for the next bytes of the body; empty bytes are its end.

        Raises:
            OSError: The connection was lost before the end.
        """
        while not self._chunks:
            if self.is_complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._next_event()
        return self.take_received()

    @property
    def is_at_end(self) -> bool:
        """Whether the full body was read."""
        return self.is_complete and not self._chunks

    def prepare_reuse(self, seconds: float) -> bool:
        """Prepare for the next request within some seconds; return whether the connection can be reused."""
        if not (self.is_complete and self._is_reusable) or self._is_upload_incomplete or self._error is not None:
            return False
        if self._transport.is_closing():
            return False
        self._is_requested = False
        self._chunks.clear()
        self.expires = self._loop.time() + seconds
        if self._is_bodiless:
            self._parser = None
        return True

    def has_expired(self) -> bool:
        """Tell whether it is too old, or was closed by the server."""
        return self._error is not None or self._transport.is_closing() or self._loop.time() >= self.expires

    def close(self) -> None:
        """Close it immediately."""
        if not self._loop.is_closed():  # otherwise a waiting task can no longer be woken
            self._fail(ConnectionAbortedError("The connection is closed."))
        abort(self._transport, self.sock, self._loop)

    def _next_event(self) -> asyncio.Future[None]:
        """Return a future that is done when the state changes."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self._wake()

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        if not self._is_requested or self._parser is None:  # without a request, it must not become the next reply
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._is_reusable = False
            self._fail(ConnectionError(f"the reply is not valid HTTP: {error}"))
        self._check_head_size(len(data))
        if self._unread > _MAX_UNREAD and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def _check_head_size(self, received: int) -> None:
        """Limit the head, and what is no content of a body: extensions of chunks, and trailers."""
        if self._has_progressed or self.is_complete:
            self._has_progressed, self._head_size = False, 0
            return
        self._head_size += received
        if self._head_size > _MAX_HEAD:
            part = "head" if self._is_waiting_for_head else "trailer"
            self._fail(ConnectionError(f"the {part} of the reply is longer than {_MAX_HEAD:,} bytes"))
            abort(self._transport, self.sock, self._loop)

    def eof_received(self) -> None:
        """Handle the end of the data."""
        self._handle_end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Handle the end of the connection."""
        self._handle_end(exc)

    def _handle_end(self, error: Exception | None) -> None:
        """End the reply, if its head has neither a length nor chunks; otherwise it was lost."""
        self._is_reusable = False
        if (
            not self._is_waiting_for_head
            and not self.is_complete
            and error is None
            and not _has_known_length(self.headers)
        ):
            self.is_complete = True
        reason = (
            "the server sent no reply"
            if self._is_waiting_for_head
            else "the server closed it before the end of the reply"
        )
        self._fail(error if isinstance(error, OSError) else ConnectionResetError(reason))

    def pause_writing(self) -> None:
        """Stop writing for now."""
        self._is_write_buffer_full = True

    def resume_writing(self) -> None:
        """Continue to write."""
        self._is_write_buffer_full = False
        self._wake()

    # Called by httptools.

    def on_message_begin(self) -> None:
        """Handle the start of a reply."""
        if self.is_complete:  # a second reply to one request
            self._is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; trailers are ignored."""
        if self._is_waiting_for_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Handle the end of the head."""
        if self._parser is None or not self._is_waiting_for_head:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:  # the final reply follows
            self.headers = []
            return
        self.status = status
        self._is_waiting_for_head, self._has_progressed = False, True
        if self._is_bodiless:  # the parser still expects a body, so the next reply gets a new parser
            self.is_complete = True
            self._is_reusable = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Store a part of the body."""
        if self.is_complete:  # more than the reply
            self._is_reusable = False
        else:
            self._chunks.append(data)
            self._unread += len(data)
            self._has_progressed = True

    def on_message_complete(self) -> None:
        """Handle the end of the reply."""
        if self._parser is not None and not self._is_waiting_for_head and not self.is_complete:
            self.is_complete = True
            self._is_reusable = self._parser.should_keep_alive()


def _has_known_length(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in headers)
