"""The default transport, with async I/O; see `budwood.transports.pooled`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, cast

import httpcore

from budwood.errors import BudwoodError
from budwood.transports.chunked import READ_SIZE, ChunkedBody, take_chunked
from budwood.transports.cleanup import close_on_failure
from budwood.transports.httpcore_adapter import convert_error, encode_headers, has_trailing_data
from budwood.transports.origins import (
    CONNECTION_ERRORS,
    ActiveConnection,
    Origin,
    Origins,
    Target,
    count_proxy_handshakes,
)
from budwood.transports.sockets import AsyncioBackend
from budwood.types import HTTPCall, Timing
from budwood.wire.async_bodies import AsyncBody
from budwood.wire.deadlines import Deadlines
from budwood.wire.errors import PROXY_AUTHENTICATION_REQUIRED, check_head_deadline, proxy_authentication_error
from budwood.wire.heads import build_headers, parse_head
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import AsyncUpload, body_size, prepare_body_async

_Active = ActiveConnection[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface]
_Server = Origin[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface]
_Target = Target[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface]


class AsyncPooledTransport:
    """
    Sends calls; see `budwood.contracts.AsyncTransport`. Belongs to one event loop.

    Args:
        settings: The settings of connections.
        monotonic: The clock of the deadlines.

    Raises:
        ConfigurationError: The settings cannot be applied, such as an invalid proxy.
    """

    def __init__(
        self, settings: TransportSettings | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings or TransportSettings()
        self.monotonic = monotonic
        self.deadlines = Deadlines()
        self._slots = asyncio.BoundedSemaphore(self._settings.max_connections)
        self._origins: Origins[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface] = Origins(
            self._settings, self._pool
        )

    def _pool(self, addresses: tuple[str, ...], **arguments: Any) -> httpcore.AsyncConnectionPool:  # noqa: ANN401 - those of httpcore
        backend = AsyncioBackend(handshakes=count_proxy_handshakes(arguments), addresses=addresses)
        return httpcore.AsyncConnectionPool(network_backend=backend, **arguments)

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncPooledExchange:
        """Send the call and wait for the head of the reply."""
        left = check_head_deadline(timing, self.monotonic())
        target = self._origins.find_target(call)
        try:
            with self.deadlines.within(left):
                body = await prepare_body_async(call.body)
                await self._slots.acquire()
                try:
                    active, response = await self._send(target, _request(call, timing, target, body))
                except BaseException:
                    self._slots.release()
                    raise
        except self._origins.connection_errors as error:
            failure = convert_error(error, call, timing, self.monotonic(), target.server.proxy)
        else:
            exchange = AsyncPooledExchange(self, call, timing.after_head(), active, response)
            if response.status == PROXY_AUTHENTICATION_REQUIRED and target.server.proxy is not None:
                await exchange.close()
                raise proxy_authentication_error(target.server.proxy)
            return exchange
        raise failure  # outside of `except`, so that it does not get the original error as its context

    async def _send(self, target: _Target, request: httpcore.Request) -> tuple[_Active, httpcore.Response]:
        """Send a request on a connection of its own; with HTTP/2 the pool shares connections."""
        server = target.server
        if self._settings.http2:
            return ActiveConnection(server, None), await server.pool.handle_async_request(request)
        connection, stale = server.idle.take()
        for each in stale:
            await each.aclose()
        if connection is not None:
            return await self._send_on(connection, server, request)
        with close_on_failure():
            return await self._send_on(server.pool.create_connection(server.origin), server, request)

    async def _send_on(
        self, connection: httpcore.AsyncConnectionInterface, server: _Server, request: httpcore.Request
    ) -> tuple[_Active, httpcore.Response]:
        server.busy.add(connection)
        try:
            return ActiveConnection(server, connection), await connection.handle_async_request(request)
        except BaseException:
            server.busy.discard(connection)
            await connection.aclose()  # httpcore leaves it open if a call is cancelled at some steps
            raise

    async def release(self, active: _Active) -> None:
        """Return a connection to the pool, and let another request use the slot."""
        self._slots.release()
        server, connection = active
        if connection is None:
            return
        server.busy.discard(connection)
        usable = connection.is_idle() and not has_trailing_data(connection)
        for each in server.idle.give(connection) if usable else (connection,):
            await each.aclose()

    async def close(self) -> None:
        """Close all connections; closing twice is no error."""
        self.deadlines.stop()
        for server in self._origins.list_servers():
            for connection in server.remove_all():
                await connection.aclose()
            await server.pool.aclose()


def _request(call: HTTPCall, timing: Timing, target: _Target, body: bytes | AsyncUpload) -> httpcore.Request:
    return httpcore.Request(
        call.method,
        target.url,
        headers=encode_headers(build_headers(call, target.address, body_size(body))),
        content=body,
        extensions={"timeout": {"connect": timing.connect_timeout}},
    )


class AsyncPooledExchange(AsyncBody):
    """One request in flight; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_active", "_call", "_chunked", "_chunks", "_response", "_stream", "_transport")

    connection_errors: ClassVar[tuple[type[Exception], ...]] = CONNECTION_ERRORS

    def __init__(
        self,
        transport: AsyncPooledTransport,
        call: HTTPCall,
        timing: Timing,
        active: _Active,
        response: httpcore.Response,
    ) -> None:
        super().__init__(
            parse_head(response.status, response.headers), timing, transport.deadlines, transport.monotonic
        )
        self._transport = transport
        self._call = call
        self._active = active
        self._response = response
        self._chunked = take_chunked(active.connection, self.head)
        self._stream: httpcore.AsyncNetworkStream = response.extensions["network_stream"]
        self._chunks: AsyncIterator[bytes] | None = None

    def _take_buffered(self) -> bytes:
        if self._chunked is None or not self._chunked.received:
            return b""
        received, self._chunked.received = self._chunked.received, b""
        return self._feed(self._chunked, received)

    def _feed(self, chunked: ChunkedBody, received: bytes) -> bytes:
        data = chunked.feed(received)
        if chunked.is_over:
            self._chunked = None
        return data

    async def _receive(self) -> bytes:
        while (chunked := self._chunked) is not None:
            if data := self._feed(chunked, await self._stream.read(READ_SIZE)):
                return data
        if self._chunks is None:
            self._chunks = aiter(cast("AsyncIterator[bytes]", self._response.stream))
        return await anext(self._chunks, b"")

    def _convert_error(self, error: Exception) -> BudwoodError:
        return convert_error(error, self._call, self._timing, self._monotonic(), self._active.server.proxy)

    async def _release(self) -> None:
        try:
            await self._response.aclose()
        finally:
            await self._transport.release(self._active)

    async def _discard(self) -> None:
        await self._stream.aclose()
