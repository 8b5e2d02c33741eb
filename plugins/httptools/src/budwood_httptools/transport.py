"""Carry HTTP calls straight to their servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from budwood.errors import BudwoodError, ConnectionFailedError, UnsupportedError
from budwood.types import HTTPCall, Timing
from budwood.wire.bodies import AsyncBody
from budwood.wire.deadlines import Deadlines, Wait
from budwood.wire.errors import (
    broken,
    certificate_wanted,
    check_deadline,
    check_head_deadline,
    connecting_took_too_long,
    head_late,
    is_unproved,
    is_untrusted,
    not_connected,
    timed_out,
    too_large,
    untrusted,
)
from budwood.wire.happy_eyeballs import connected
from budwood.wire.heads import Address, address_of, head_of, headers_of
from budwood.wire.idle_connections import IdleConnections
from budwood.wire.proxies import Proxies
from budwood.wire.tls import ssl_context
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import AsyncUpload, prepare_body_async, size_of
from budwood_httptools.connection import Connection
from budwood_httptools.slots import Places

_MOST_ADDRESSES: Final = 1000
"""So many addresses are remembered; programs that make up new ones for every call shall not grow."""

_MOST_HEADS: Final = 16
"""So many heads of requests are remembered for an address: keys and tokens change."""


class _Server(NamedTuple):
    """A server, with the connections to it that wait and those on which a request is under way."""

    host: str
    port: int
    context: ssl.SSLContext | None
    idle: IdleConnections[Connection]
    busy: set[Connection]


class _Target(NamedTuple):
    """An address, ready to be sent to."""

    server: _Server
    address: Address
    heads: dict[tuple[object, ...], bytes]
    """The heads of requests, but for the size of the body: most calls to an address send the same one."""


class HttptoolsTransport:
    """
    Carries calls; see `budwood.contracts.AsyncTransport`. Belongs to one event loop.

    Args:
        settings: How connections are made.
        monotonic: The clock that deadlines are moments of.

    Raises:
        UnsupportedError: The settings ask for HTTP/2 or a proxy. A proxy of the environment raises it in `open`, for a
            request that would have to go through it.
    """

    def __init__(
        self, settings: TransportSettings | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings or TransportSettings()
        self.monotonic = monotonic
        if self._settings.http2:
            raise _unsupported("does not support HTTP/2")
        self._proxies = Proxies(self._settings)
        if self._proxies.configured is not None:
            raise _unsupported("does not support proxies")
        self.deadlines = Deadlines()
        self._places = Places(self._settings.max_connections)
        self._servers: dict[tuple[str, str, int], _Server] = {}
        self._targets: dict[str, _Target] = {}

    async def open(self, call: HTTPCall, timing: Timing) -> HttptoolsExchange:
        """Send the call and wait for the head of the reply."""
        left = check_head_deadline(timing, self.monotonic())
        target = self._targets.get(call.url) or self._target(call)
        try:
            with Wait(self.deadlines, left):
                body = call.body if isinstance(call.body, bytes) else await prepare_body_async(call.body)
                if self._places.free:
                    self._places.free -= 1
                else:
                    await self._places.wait()
                try:
                    connection = await self._sent(call, timing, target, body)
                except BaseException:
                    self._places.give()
                    raise
        except OSError as error:
            failure = head_late(timing, self.monotonic()) if isinstance(error, TimeoutError) else _lost(call, error)
            failure.__cause__ = error
        else:
            return HttptoolsExchange(self, call, timing.after_head(), target.server, connection)
        raise failure  # out here, so that what it is not chained to is not its context either

    def _target(self, call: HTTPCall) -> _Target:
        address = address_of(call)
        key = (address.scheme, address.host, address.port)
        if key not in self._servers:
            if proxy := self._proxies.find(*key):
                raise _unsupported(f"does not support proxies, and {proxy.source} sets one for {address.host}")
            context = ssl_context(self._settings) if address.scheme == "https" else None
            idle = IdleConnections[Connection](self._settings.max_idle_connections)
            self._servers[key] = _Server(address.host, address.port, context, idle, set())
        target = _Target(self._servers[key], address, {})
        if len(self._targets) >= _MOST_ADDRESSES:
            self._targets.clear()
        self._targets[call.url] = target
        return target

    async def _sent(self, call: HTTPCall, timing: Timing, target: _Target, body: bytes | AsyncUpload) -> Connection:
        server = target.server
        head = _head(call, target, size_of(body))
        connection, stale = server.idle.take()
        for each in stale:
            each.close()
        if connection is None:
            connection = await self._connected(call, timing, server)
        server.busy.add(connection)
        try:
            if isinstance(body, bytes):
                connection.send(head + body, bodiless=call.method == "HEAD")
            else:
                connection.send(head, bodiless=call.method == "HEAD")
                await connection.send_blocks(body)
            await connection.wait_for_head()
        except BaseException:
            server.busy.discard(connection)
            connection.close()
            raise
        return connection

    async def _connected(self, call: HTTPCall, timing: Timing, server: _Server) -> Connection:
        try:
            async with asyncio.timeout(timing.connect_timeout):
                sock = await connected(server.host, server.port, None, ())
                return await self._on(sock, server)
        except TimeoutError as error:
            raise connecting_took_too_long(call, timing) from error
        except OSError as error:
            if is_untrusted(error) or is_unproved(error):
                raise _lost(call, error) from error
            raise not_connected(call, error.strerror or str(error)) from error

    async def _on(self, sock: socket.socket, server: _Server) -> Connection:
        """Speak on a socket, by TLS where the address says so."""
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, sock=sock, ssl=server.context, server_hostname=server.host if server.context else None
            )
        except BaseException:
            sock.close()
            raise
        connection.sock = sock
        return connection

    def leave(self, server: _Server, connection: Connection) -> None:
        """Take a connection back, and another request into its place."""
        self._places.give()
        server.busy.discard(connection)
        if not connection.keep(self._settings.keepalive_expiry):
            connection.close()
            return
        for each in server.idle.give(connection):
            each.close()

    async def close(self) -> None:
        """Close all connections; closing twice is no error."""
        self.deadlines.stop()
        for server in self._servers.values():
            for connection in (*server.idle.clear(), *server.busy):
                connection.close()
            server.busy.clear()
        self._targets.clear()


class HttptoolsExchange(AsyncBody):
    """One request under way; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_connection", "_server", "_transport")

    def __init__(
        self, transport: HttptoolsTransport, call: HTTPCall, timing: Timing, server: _Server, connection: Connection
    ) -> None:
        head = head_of(connection.status, connection.headers)
        super().__init__(head, timing, transport.deadlines, transport.monotonic)
        self._transport = transport
        self._call = call
        self._server = server
        self._connection = connection

    def _at_hand(self) -> bytes:
        return self._connection.take()

    async def _wait(self) -> bytes:
        return await self._connection.read()

    def _is_at_end(self) -> bool:
        return self._connection.is_at_end

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body, of at most ``limit`` bytes. A short one comes with the head."""
        connection = self._connection
        if self._is_packed or not connection.is_complete:
            return await super().read_all(limit)
        check_deadline(self._timing, self._monotonic())
        body = connection.take()
        if len(body) > limit:
            raise too_large(limit)
        return body

    def _failed(self, error: Exception) -> BudwoodError:
        if isinstance(error, TimeoutError):
            failure: BudwoodError = timed_out(self._call, self._timing, self._monotonic())
        else:
            failure = _lost(self._call, error)
        failure.__cause__ = error
        return failure

    async def _end(self) -> None:
        self._transport.leave(self._server, self._connection)

    async def _discard(self) -> None:
        self._connection.close()


def _lost(call: HTTPCall, error: Exception) -> ConnectionFailedError:
    """Say why a connection is gone; in TLS 1.3 a server says only after the handshake that it does not know us."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if is_untrusted(error):
        return untrusted(call, reason)
    return certificate_wanted(call, reason) if is_unproved(error) else broken(call, reason)


def _head(call: HTTPCall, target: _Target, size: int) -> bytes:
    """Write the head of a request whose body has ``size`` bytes."""
    key = (call.method, not size, *call.headers.items())
    head = target.heads.get(key)
    if head is None:
        headers = headers_of(call, target.address, size)
        if size:
            del headers["content-length"]
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        end = "content-length: " if size else "\r\n"
        head = f"{call.method} {target.address.target} HTTP/1.1\r\n{lines}{end}".encode("ascii")
        if len(target.heads) >= _MOST_HEADS:
            target.heads.clear()
        target.heads[key] = head
    return b"%b%d\r\n\r\n" % (head, size) if size else head


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(f"The transport httptools {what}.", hint='Use transport="auto" or transport="default".')
