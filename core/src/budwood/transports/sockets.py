"""
A network backend of httpcore on the sockets of asyncio.

httpcore's own backend uses anyio, which creates a scope and yields to other tasks for every read and write: that is
half of the cost of a call.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any, Final, cast

import httpcore

from budwood.transports.cleanup import register_opened
from budwood.wire.event_loops import abort
from budwood.wire.happy_eyeballs import connect_socket

_MAX_UNREAD: Final = 256 * 1024
"""How many unread bytes are buffered before reading from the kernel pauses."""


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """
    Connects with the running event loop. The caller limits the time of reads and writes.

    Args:
        handshakes: How many TLS handshakes a connection through a proxy needs; until the last one, everything counts as
            connecting.
        addresses: The addresses to connect to; see `budwood.types.HTTPCall`.
    """

    def __init__(self, *, handshakes: int = 0, addresses: tuple[str, ...] = ()) -> None:
        self._handshakes = handshakes
        self._addresses = addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that answers."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                sock = await connect_socket(self._addresses or (host,), port, local_address, socket_options or ())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        transport, protocol = await loop.create_connection(lambda: _Connection(loop, sock), sock=sock)
        register_opened(transport.abort)
        if self._handshakes and timeout is not None:
            return _ConnectingStream(transport, protocol, timeout, self._handshakes)
        return AsyncioStream(transport, protocol)

    async def sleep(self, seconds: float) -> None:
        """Wait; used by httpcore between attempts to connect."""
        await asyncio.sleep(seconds)


class _Connection(asyncio.Protocol):
    """Buffers received bytes until they are read."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self.loop = loop
        self.sock = sock
        self.received = bytearray()
        self.ended = False
        self.error: Exception | None = None
        self.transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) > _MAX_UNREAD and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        _wake(self._reader)

    def eof_received(self) -> None:
        self.ended = True
        _wake(self._reader)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        self.error = exc
        _wake(self._reader)
        _wake(self._writer)

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        _wake(self._writer)

    async def read(self, max_bytes: int) -> bytes:
        """Wait for bytes; empty bytes are the end."""
        while not self.received and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self.received and self.error is not None:
            raise httpcore.ReadError(str(self.error)) from self.error
        data = bytes(self.received[:max_bytes])
        del self.received[:max_bytes]
        if self._paused and not self.received:
            self._paused = False
            self.transport.resume_reading()
        return data

    async def drain(self) -> None:
        """Wait until the kernel has accepted most of the written bytes."""
        while self._full and not self.ended:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        if self.error is not None:
            raise httpcore.WriteError(str(self.error)) from self.error


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


class AsyncioStream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, transport: asyncio.Transport, connection: _Connection) -> None:
        self._transport = transport
        self._connection = connection

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Wait for bytes; empty bytes are the end."""
        return await self._connection.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, and wait if the server reads slowly."""
        if self._transport.is_closing():
            raise httpcore.WriteError("The connection is closed.")
        self._transport.write(buffer)
        await self._connection.drain()

    async def aclose(self) -> None:
        """Close immediately, without waiting for unsent bytes."""
        abort(self._transport, self._connection.sock, self._connection.loop)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Start TLS."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(
                    self._transport, self._connection, ssl_context, server_hostname=server_hostname
                )
        except TimeoutError as error:
            self._transport.abort()
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:  # also `ssl.SSLError`
            self._transport.abort()
            raise httpcore.ConnectError(str(error)) from error
        if transport is None:  # the connection was lost in the meantime
            raise httpcore.ConnectError("The server closed the connection.")
        self._connection.transport = transport
        return self._create_stream(transport)

    def _create_stream(self, transport: asyncio.Transport) -> AsyncioStream:
        return AsyncioStream(transport, self._connection)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own
        """Return information about the connection."""
        if info == "is_readable":  # the end of the connection, or bytes without a request
            return self._connection.ended or bool(self._connection.received) or self._transport.is_closing()
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))


class _ConnectingStream(AsyncioStream):
    """A connection to a proxy that has not reached the server yet."""

    def __init__(self, transport: asyncio.Transport, connection: _Connection, timeout: float, handshakes: int) -> None:
        super().__init__(transport, connection)
        self._timeout = timeout
        self._handshakes = handshakes

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(self._timeout):
                return await super().read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error

    def _create_stream(self, transport: asyncio.Transport) -> AsyncioStream:
        if self._handshakes == 1:
            return super()._create_stream(transport)
        return _ConnectingStream(transport, self._connection, self._timeout, self._handshakes - 1)
