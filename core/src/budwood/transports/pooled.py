"""
The default transport, with blocking I/O: on the connections of httpcore, which httpx uses too.

It does what ``httpx.Client`` does, for less: no cookies, no redirects, no parsing of an address for every call, and no
look at every connection of the pool.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpcore

from budwood.transports.chunked import READ_SIZE, ChunkedBody, take_chunked
from budwood.transports.cleanup import all_or_nothing
from budwood.transports.deadlines import DeadlineBackend, ThreadDeadline, WaitingSockets
from budwood.transports.httpcore_adapter import encoded, is_spoilt, translated
from budwood.transports.origins import FAILURES, Origin, Origins, Place, Target, handshakes_before_calls
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood.wire.bodies import WholeBody
from budwood.wire.compression import Unpacker
from budwood.wire.errors import (
    FORWARDING_REFUSED,
    deadline_passed,
    forwarding_refused,
    head_late,
)
from budwood.wire.heads import head_of, headers_of
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import prepare_body, size_of

_Place = Place[httpcore.ConnectionPool, httpcore.ConnectionInterface]
_Server = Origin[httpcore.ConnectionPool, httpcore.ConnectionInterface]
_Target = Target[httpcore.ConnectionPool, httpcore.ConnectionInterface]


class PooledTransport:
    """
    Carries calls; see `budwood.contracts.Transport`.

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
        self._monotonic = monotonic
        self._deadline = ThreadDeadline()
        self._waiting = WaitingSockets()
        self._places = threading.BoundedSemaphore(self._settings.max_connections)
        self._origins: Origins[httpcore.ConnectionPool, httpcore.ConnectionInterface] = Origins(
            self._settings, self._pool
        )

    def _pool(self, **arguments: Any) -> httpcore.ConnectionPool:  # noqa: ANN401 - those of httpcore
        handshakes = handshakes_before_calls(arguments)
        backend = DeadlineBackend(
            httpcore.SyncBackend(), self._deadline, self._waiting, self._monotonic, handshakes=handshakes
        )
        return httpcore.ConnectionPool(network_backend=backend, **arguments)

    def open(self, call: HTTPCall, timing: Timing) -> PooledExchange:
        """Send the call and wait for the head of the reply."""
        moment = timing.deadline if timing.head_deadline is None else timing.open_deadline
        left = moment - (now := self._monotonic())
        if left <= 0:
            raise head_late(timing, now)
        target = self._origins.targets.get(call.url) or self._origins.target(call)
        request = self._request(call, target, timing)
        self._deadline.moment, self._deadline.idle = moment, None
        if not self._places.acquire(timeout=left):
            raise head_late(timing, self._monotonic())
        try:
            place, response = self._sent(target, request)
        except BaseException as error:
            self._places.release()
            if not isinstance(error, self._origins.failures):
                raise
            failure = translated(error, call, timing, self._monotonic(), target.server.proxy)
        else:
            bounds = timing if timing.head_deadline is None else timing.after_head()
            exchange = PooledExchange(self, call, bounds, place, response)
            if response.status == FORWARDING_REFUSED and target.server.proxy is not None:
                exchange.close()
                raise forwarding_refused(target.server.proxy)
            return exchange
        raise failure  # out here, so that what it is not chained to is not its context either

    def _request(self, call: HTTPCall, target: _Target, timing: Timing) -> httpcore.Request:
        body = call.body if type(call.body) is bytes else prepare_body(call.body)
        size = len(body) if type(body) is bytes else size_of(body)
        return httpcore.Request(
            call.method,
            target.url,
            headers=encoded(headers_of(call, target.address, size)),
            content=body,
            extensions={"timeout": {"connect": timing.connect_timeout}},
        )

    def _sent(self, target: _Target, request: httpcore.Request) -> tuple[_Place, httpcore.Response]:
        """
        Send a request on a connection of its own, with HTTP/2 too.

        OpenSSL's connections are not safe to read in one thread while another writes, as sharing them would do.
        """
        server = target.server
        connection, stale = server.idle.take()
        for each in stale:
            each.close()
        if connection is not None:
            return self._sent_on(connection, server, request)
        with all_or_nothing():
            return self._sent_on(server.pool.create_connection(server.origin), server, request)

    def _sent_on(
        self, connection: httpcore.ConnectionInterface, server: _Server, request: httpcore.Request
    ) -> tuple[_Place, httpcore.Response]:
        server.busy.add(connection)
        try:
            return Place(server, connection), connection.handle_request(request)
        except BaseException:
            server.busy.discard(connection)
            connection.close()  # where a call is cancelled, httpcore leaves it open at some steps
            raise

    def enter(self, timing: Timing) -> None:
        """
        Let this thread read until the deadline, as long as the server is not silent.

        Raises:
            RequestTimeoutError: It has passed.
        """
        self._deadline.moment, self._deadline.idle = timing.deadline, timing.idle_timeout
        if self._monotonic() >= timing.deadline:
            raise deadline_passed()

    def now(self) -> float:
        """Return the moment by the clock of the deadlines."""
        return self._monotonic()

    def leave(self, place: _Place) -> None:
        """Take a connection back, and another request into its place."""
        server, connection = place
        try:
            if connection is not None:
                server.busy.discard(connection)
                usable = connection.is_idle() and not is_spoilt(connection)
                for each in server.idle.give(connection) if usable else (connection,):
                    each.close()
        finally:
            self._places.release()  # not before: the next request must find the connection

    def interrupt(self, thread: int) -> None:
        """Shut down the socket on which another thread waits."""
        self._waiting.interrupt(thread)

    def close(self) -> None:
        """Close all connections, and end what threads wait for; closing twice is no error."""
        self._waiting.interrupt_all()
        for server in self._origins.all():
            for connection in server.take_all():
                connection.close()


class PooledExchange(WholeBody):
    """One request under way; see `budwood.contracts.Exchange`."""

    __slots__ = (
        "_call",
        "_chunked",
        "_chunks",
        "_closed",
        "_is_begun",
        "_place",
        "_response",
        "_stream",
        "_timing",
        "_transport",
        "_unpacker",
        "head",
    )

    def __init__(
        self,
        transport: PooledTransport,
        call: HTTPCall,
        timing: Timing,
        place: _Place,
        response: httpcore.Response,
    ) -> None:
        self.head: ReplyHead = head_of(response.status, response.headers)
        self._transport = transport
        self._call = call
        self._timing = timing
        self._place = place
        self._response = response
        self._closed = False
        self._chunked: ChunkedBody | None = None
        self._stream: httpcore.NetworkStream = response.extensions["network_stream"]
        self._chunks: Iterator[bytes] | None = None
        self._unpacker: Unpacker | None = None
        self._is_begun = False

    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        self._transport.enter(self._timing)
        if not self._is_begun:
            self._begin()
        unpacker = self._unpacker
        try:
            data = self._receive() if unpacker is None else unpacker.unpack_next(self._receive)
        except FAILURES as error:
            failure = translated(error, self._call, self._timing, self._transport.now(), self._place.server.proxy)
        else:
            return data
        raise failure

    def _begin(self) -> None:
        headers = self.head.headers
        self._is_begun = True
        if encoding := headers.get("content-encoding", ""):
            self._unpacker = Unpacker(encoding)
        if "transfer-encoding" in headers:
            self._chunked = take_chunked(self._place.connection, self.head)

    def _receive(self) -> bytes:
        """Wait for more of the body as it was sent; empty bytes are its end."""
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
        """End it; in mid-reply this closes the connection."""
        if self._closed:
            return
        self._closed = True
        try:
            self._response.close()
        finally:
            self._transport.leave(self._place)
