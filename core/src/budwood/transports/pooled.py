"""
The default transport, with blocking I/O, on the connections of httpcore, which httpx uses too.

It costs less than ``httpx.Client``: it has no cookies and redirects, does not parse the URL of every call, and does not
check every connection of the pool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpcore

from budwood.transports.chunked import READ_SIZE, ChunkedBody, take_chunked
from budwood.transports.cleanup import close_on_failure
from budwood.transports.deadlines import DeadlineBackend, ThreadDeadline, WaitingSockets
from budwood.transports.httpcore_adapter import convert_error, encode_headers, has_trailing_data
from budwood.transports.origins import (
    CONNECTION_ERRORS,
    ActiveConnection,
    Origin,
    Origins,
    Target,
    count_proxy_handshakes,
)
from budwood.transports.pinning import PinnedBackend
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood.wire.bodies import BufferedBody
from budwood.wire.compression import Decompressor
from budwood.wire.errors import (
    PROXY_AUTHENTICATION_REQUIRED,
    deadline_error,
    head_timeout_error,
    proxy_authentication_error,
)
from budwood.wire.heads import build_headers, parse_head
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import body_size, prepare_body

_Active = ActiveConnection[httpcore.ConnectionPool, httpcore.ConnectionInterface]
_Server = Origin[httpcore.ConnectionPool, httpcore.ConnectionInterface]
_Target = Target[httpcore.ConnectionPool, httpcore.ConnectionInterface]


class PooledTransport:
    """
    Sends calls; see `budwood.contracts.Transport`.

    Args:
        settings: The settings of connections.
        monotonic: The clock of the deadlines.

    Raises:
        ConfigurationError: The settings cannot be applied, such as an invalid proxy.
    """

    def __init__(
        self,
        settings: TransportSettings | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._backend = httpcore.SyncBackend()
        self._settings = settings or TransportSettings()
        self._monotonic = monotonic
        self._deadline = ThreadDeadline()
        self._waiting = WaitingSockets()
        self._slots = threading.BoundedSemaphore(self._settings.max_connections)
        self._origins: Origins[httpcore.ConnectionPool, httpcore.ConnectionInterface] = Origins(
            self._settings, self._pool
        )

    def _pool(self, addresses: tuple[str, ...], **arguments: Any) -> httpcore.ConnectionPool:  # noqa: ANN401 - those of httpcore
        handshakes = count_proxy_handshakes(arguments)
        sockets = PinnedBackend(addresses) if addresses else self._backend
        backend = DeadlineBackend(sockets, self._deadline, self._waiting, self._monotonic, handshakes=handshakes)
        return httpcore.ConnectionPool(network_backend=backend, **arguments)

    def open(self, call: HTTPCall, timing: Timing) -> PooledExchange:
        """Send the call and wait for the head of the reply."""
        ends_at = timing.deadline if timing.head_deadline is None else timing.open_deadline
        left = ends_at - (now := self._monotonic())
        if left <= 0:
            raise head_timeout_error(timing, now)
        target = (None if call.addresses else self._origins.targets.get(call.url)) or self._origins.find_target(call)
        request = self._request(call, target, timing)
        self._deadline.ends_at, self._deadline.idle = ends_at, None
        if not self._slots.acquire(timeout=left):
            raise head_timeout_error(timing, self._monotonic())
        try:
            active, response = self._send(target, request)
        except BaseException as error:
            self._slots.release()
            if not isinstance(error, self._origins.connection_errors):
                raise
            failure = convert_error(error, call, timing, self._monotonic(), target.server.proxy)
        else:
            bounds = timing if timing.head_deadline is None else timing.after_head()
            exchange = PooledExchange(self, call, bounds, active, response)
            if response.status == PROXY_AUTHENTICATION_REQUIRED and target.server.proxy is not None:
                exchange.close()
                raise proxy_authentication_error(target.server.proxy)
            return exchange
        raise failure  # outside of `except`, so that it does not get the original error as its context

    def _request(self, call: HTTPCall, target: _Target, timing: Timing) -> httpcore.Request:
        body = call.body if type(call.body) is bytes else prepare_body(call.body)
        size = len(body) if type(body) is bytes else body_size(body)
        return httpcore.Request(
            call.method,
            target.url,
            headers=encode_headers(build_headers(call, target.address, size)),
            content=body,
            extensions={"timeout": {"connect": timing.connect_timeout}},
        )

    def _send(self, target: _Target, request: httpcore.Request) -> tuple[_Active, httpcore.Response]:
        """
        Send a request on a connection of its own, also with HTTP/2.

        A connection of OpenSSL must not be read in one thread while another writes, as it would be if it was shared.
        """
        server = target.server
        connection, stale = server.idle.take()
        for each in stale:
            each.close()
        if connection is not None:
            return self._send_on(connection, server, request)
        with close_on_failure():
            return self._send_on(server.pool.create_connection(server.origin), server, request)

    def _send_on(
        self, connection: httpcore.ConnectionInterface, server: _Server, request: httpcore.Request
    ) -> tuple[_Active, httpcore.Response]:
        server.busy.add(connection)
        try:
            return ActiveConnection(server, connection), connection.handle_request(request)
        except BaseException:
            server.busy.discard(connection)
            connection.close()  # httpcore leaves it open if a call is cancelled at some steps
            raise

    def start_read(self, timing: Timing) -> None:
        """
        Set the deadline and the idle timeout for reads of this thread.

        Raises:
            RequestTimeoutError: The deadline has passed.
        """
        self._deadline.ends_at, self._deadline.idle = timing.deadline, timing.idle_timeout
        if self._monotonic() >= timing.deadline:
            raise deadline_error()

    def now(self) -> float:
        """Return the time by the clock of the deadlines."""
        return self._monotonic()

    def release(self, active: _Active) -> None:
        """Return a connection to the pool, and let another request use the slot."""
        server, connection = active
        try:
            if connection is not None:
                server.busy.discard(connection)
                usable = connection.is_idle() and not has_trailing_data(connection)
                for each in server.idle.give(connection) if usable else (connection,):
                    each.close()
        finally:
            self._slots.release()  # last, so that the next request finds the connection

    def interrupt(self, thread: int) -> None:
        """Shut down the socket on which another thread waits."""
        self._waiting.interrupt(thread)

    def close(self) -> None:
        """Close all connections, and end the waits of threads; closing twice is no error."""
        self._waiting.interrupt_all()
        for server in self._origins.list_servers():
            for connection in server.remove_all():
                connection.close()


class PooledExchange(BufferedBody):
    """One request in flight; see `budwood.contracts.Exchange`."""

    __slots__ = (
        "_active",
        "_call",
        "_chunked",
        "_chunks",
        "_closed",
        "_decompressor",
        "_is_begun",
        "_response",
        "_stream",
        "_timing",
        "_transport",
        "head",
    )

    def __init__(
        self,
        transport: PooledTransport,
        call: HTTPCall,
        timing: Timing,
        active: _Active,
        response: httpcore.Response,
    ) -> None:
        self.head: ReplyHead = parse_head(response.status, response.headers)
        self._transport = transport
        self._call = call
        self._timing = timing
        self._active = active
        self._response = response
        self._closed = False
        self._chunked: ChunkedBody | None = None
        self._stream: httpcore.NetworkStream = response.extensions["network_stream"]
        self._chunks: Iterator[bytes] | None = None
        self._decompressor: Decompressor | None = None
        self._is_begun = False

    def read(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes are its end."""
        self._transport.start_read(self._timing)
        if not self._is_begun:
            self._start_body()
        decompressor = self._decompressor
        try:
            data = self._receive() if decompressor is None else decompressor.read_next(self._receive)
        except CONNECTION_ERRORS as error:
            failure = convert_error(error, self._call, self._timing, self._transport.now(), self._active.server.proxy)
        else:
            return data
        raise failure

    def _start_body(self) -> None:
        headers = self.head.headers
        self._is_begun = True
        if encoding := headers.get("content-encoding", ""):
            self._decompressor = Decompressor(encoding)
        if "transfer-encoding" in headers:
            self._chunked = take_chunked(self._active.connection, self.head)

    def _receive(self) -> bytes:
        """Wait for the next bytes of the body as they were sent; empty bytes are its end."""
        while (chunked := self._chunked) is not None:
            received, chunked.received = chunked.received or self._stream.read(READ_SIZE), b""
            data = chunked.feed(received)
            if chunked.is_over:
                self._chunked = None
            if data:
                return data
        if self._chunks is None:
            self._chunks = iter(cast("Iterator[bytes]", self._response.stream))
        return next(self._chunks, b"")

    def close(self) -> None:
        """End the exchange; during a reply this closes the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            self._response.close()
        finally:
            self._transport.release(self._active)
