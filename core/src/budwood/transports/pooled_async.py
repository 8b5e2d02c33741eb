"""The default transport, with async I/O; see `budwood.transports.pooled`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar, cast

import httpcore

from budwood.errors import BudwoodError
from budwood.transports.chunked import READ_SIZE, ChunkedBody, take_chunked
from budwood.transports.cleanup import all_or_nothing
from budwood.transports.httpcore_adapter import encoded, is_spoilt, translated
from budwood.transports.origins import FAILURES, Origin, Origins, Place, Target, handshakes_before_calls
from budwood.transports.sockets import AsyncioBackend
from budwood.types import HTTPCall, Timing
from budwood.wire.bodies import AsyncBody
from budwood.wire.deadlines import Deadlines
from budwood.wire.errors import FORWARDING_REFUSED, check_head_deadline, forwarding_refused
from budwood.wire.heads import head_of, headers_of
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import AsyncUpload, prepare_body_async, size_of

_Place = Place[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface]
_Server = Origin[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface]
_Target = Target[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface]


class AsyncPooledTransport:
    """
    Carries calls; see `budwood.contracts.AsyncTransport`. Belongs to one event loop.

    Args:
        settings: How connections are made.
        monotonic: The clock that deadlines are moments of.

    Raises:
        ConfigurationError: What the settings or the environment say of proxies cannot be done.
    """

    def __init__(
        self, settings: TransportSettings | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings or TransportSettings()
        self.monotonic = monotonic
        self.deadlines = Deadlines()
        self._places = asyncio.BoundedSemaphore(self._settings.max_connections)
        self._origins: Origins[httpcore.AsyncConnectionPool, httpcore.AsyncConnectionInterface] = Origins(
            self._settings, self._pool
        )

    def _pool(self, **arguments: Any) -> httpcore.AsyncConnectionPool:  # noqa: ANN401 - those of httpcore
        backend = AsyncioBackend(handshakes=handshakes_before_calls(arguments))
        return httpcore.AsyncConnectionPool(network_backend=backend, **arguments)

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncPooledExchange:
        """Send the call and wait for the head of the reply."""
        left = check_head_deadline(timing, self.monotonic())
        target = self._origins.target(call)
        try:
            with self.deadlines.within(left):
                body = await prepare_body_async(call.body)
                await self._places.acquire()
                try:
                    place, response = await self._sent(target, _request(call, timing, target, body))
                except BaseException:
                    self._places.release()
                    raise
        except self._origins.failures as error:
            failure = translated(error, call, timing, self.monotonic(), target.server.proxy)
        else:
            exchange = AsyncPooledExchange(self, call, timing.after_head(), place, response)
            if response.status == FORWARDING_REFUSED and target.server.proxy is not None:
                await exchange.close()
                raise forwarding_refused(target.server.proxy)
            return exchange
        raise failure  # out here, so that what it is not chained to is not its context either

    async def _sent(self, target: _Target, request: httpcore.Request) -> tuple[_Place, httpcore.Response]:
        """Send a request on a connection of its own; with HTTP/2 the pool shares its connections."""
        server = target.server
        if self._settings.http2:
            return Place(server, None), await server.pool.handle_async_request(request)
        connection, stale = server.idle.take()
        for each in stale:
            await each.aclose()
        if connection is not None:
            return await self._sent_on(connection, server, request)
        with all_or_nothing():
            return await self._sent_on(server.pool.create_connection(server.origin), server, request)

    async def _sent_on(
        self, connection: httpcore.AsyncConnectionInterface, server: _Server, request: httpcore.Request
    ) -> tuple[_Place, httpcore.Response]:
        server.busy.add(connection)
        try:
            return Place(server, connection), await connection.handle_async_request(request)
        except BaseException:
            server.busy.discard(connection)
            await connection.aclose()  # where a call is cancelled, httpcore leaves it open at some steps
            raise

    async def leave(self, place: _Place) -> None:
        """Take a connection back, and another request into its place."""
        self._places.release()
        server, connection = place
        if connection is None:
            return
        server.busy.discard(connection)
        usable = connection.is_idle() and not is_spoilt(connection)
        for each in server.idle.give(connection) if usable else (connection,):
            await each.aclose()

    async def close(self) -> None:
        """Close all connections; closing twice is no error."""
        self.deadlines.stop()
        for server in self._origins.all():
            for connection in server.take_all():
                await connection.aclose()
            await server.pool.aclose()


def _request(call: HTTPCall, timing: Timing, target: _Target, body: bytes | AsyncUpload) -> httpcore.Request:
    return httpcore.Request(
        call.method,
        target.url,
        headers=encoded(headers_of(call, target.address, size_of(body))),
        content=body,
        extensions={"timeout": {"connect": timing.connect_timeout}},
    )


class AsyncPooledExchange(AsyncBody):
    """One request under way; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_chunked", "_chunks", "_place", "_response", "_stream", "_transport")

    failures: ClassVar[tuple[type[Exception], ...]] = FAILURES

    def __init__(
        self,
        transport: AsyncPooledTransport,
        call: HTTPCall,
        timing: Timing,
        place: _Place,
        response: httpcore.Response,
    ) -> None:
        super().__init__(head_of(response.status, response.headers), timing, transport.deadlines, transport.monotonic)
        self._transport = transport
        self._call = call
        self._place = place
        self._response = response
        self._chunked = take_chunked(place.connection, self.head)
        self._stream: httpcore.AsyncNetworkStream = response.extensions["network_stream"]
        self._chunks: AsyncIterator[bytes] | None = None

    def _at_hand(self) -> bytes:
        if self._chunked is None or not self._chunked.received:
            return b""
        received, self._chunked.received = self._chunked.received, b""
        return self._feed(self._chunked, received)

    def _feed(self, chunked: ChunkedBody, received: bytes) -> bytes:
        data = chunked.feed(received)
        if chunked.is_over:
            self._chunked = None
        return data

    async def _wait(self) -> bytes:
        while (chunked := self._chunked) is not None:
            if data := self._feed(chunked, await self._stream.read(READ_SIZE)):
                return data
        if self._chunks is None:
            self._chunks = aiter(cast("AsyncIterator[bytes]", self._response.stream))
        return await anext(self._chunks, b"")

    def _failed(self, error: Exception) -> BudwoodError:
        return translated(error, self._call, self._timing, self._monotonic(), self._place.server.proxy)

    async def _end(self) -> None:
        try:
            await self._response.aclose()
        finally:
            await self._transport.leave(self._place)

    async def _discard(self) -> None:
        await self._stream.aclose()
