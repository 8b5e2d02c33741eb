"""Send calls directly to their servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from budwood.errors import BudwoodError, ConnectionFailedError, UnsupportedError
from budwood.types import HTTPCall, Timing
from budwood.wire.async_bodies import AsyncBody
from budwood.wire.deadlines import Deadlines, Wait
from budwood.wire.errors import (
    broken_connection_error,
    check_deadline,
    check_head_deadline,
    client_certificate_error,
    connect_timeout_error,
    connection_error,
    head_timeout_error,
    is_client_certificate_error,
    is_server_certificate_error,
    server_certificate_error,
    size_error,
    timeout_error,
)
from budwood.wire.happy_eyeballs import connect_socket
from budwood.wire.heads import Address, build_headers, parse_address, parse_head
from budwood.wire.idle_connections import IdleConnections
from budwood.wire.proxies import Proxies
from budwood.wire.tls import ssl_context
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import AsyncUpload, body_size, prepare_body_async
from budwood_httptools.connection import Connection
from budwood_httptools.slots import Slots

_MAX_TARGETS: Final = 1000
"""How many URLs are cached: memory stays bounded if every call has a new one."""

_MAX_HEADS: Final = 16
"""How many heads of requests are cached for each URL: keys and tokens change."""


class _Server(NamedTuple):
    """
    A server, with its idle connections and those with a request in flight.

    ``hosts`` are what to connect to: its name, or the addresses of a call.
    """

    hosts: tuple[str, ...]
    name: str
    port: int
    context: ssl.SSLContext | None
    idle: IdleConnections[Connection]
    busy: set[Connection]


class _Target(NamedTuple):
    """A URL, with what sending a request to it needs."""

    server: _Server
    address: Address
    heads: dict[tuple[object, ...], bytes]
    """The heads of requests without the size of the body: most calls to a URL send the same one."""


class HttptoolsTransport:
    """
    Sends calls; see `budwood.contracts.AsyncTransport`. Belongs to one event loop.

    Args:
        settings: The settings of connections.
        monotonic: The clock of the deadlines.

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
        self._slots = Slots(self._settings.max_connections)
        self._servers: dict[tuple[str, str, int, tuple[str, ...]], _Server] = {}
        self._targets: dict[str, _Target] = {}

    async def open(self, call: HTTPCall, timing: Timing) -> HttptoolsExchange:
        """Send the call and wait for the head of the reply."""
        left = check_head_deadline(timing, self.monotonic())
        target = (None if call.addresses else self._targets.get(call.url)) or self._target(call)
        try:
            with Wait(self.deadlines, left):
                body = call.body if isinstance(call.body, bytes) else await prepare_body_async(call.body)
                if self._slots.free:
                    self._slots.free -= 1
                else:
                    await self._slots.wait()
                try:
                    connection = await self._send(call, timing, target, body)
                except BaseException:
                    self._slots.release()
                    raise
        except OSError as error:
            failure = (
                head_timeout_error(timing, self.monotonic())
                if isinstance(error, TimeoutError)
                else _create_error(call, error)
            )
            failure.__cause__ = error
        else:
            return HttptoolsExchange(self, call, timing.after_head(), target.server, connection)
        raise failure  # outside of `except`, so that it does not get the original error as its context

    def _target(self, call: HTTPCall) -> _Target:
        address = parse_address(call)
        key = (address.scheme, address.host, address.port, call.addresses)
        if key not in self._servers:
            self._servers[key] = self._create_server(address, call.addresses)
        target = _Target(self._servers[key], address, {})
        if call.addresses:
            return target
        if len(self._targets) >= _MAX_TARGETS:
            self._targets.clear()
        self._targets[call.url] = target
        return target

    def _create_server(self, address: Address, addresses: tuple[str, ...]) -> _Server:
        """Create a server; one at given addresses keeps no idle connections, since they change with each look-up."""
        if proxy := self._proxies.find(address.scheme, address.host, address.port):
            raise _unsupported(f"does not support proxies, and {proxy.source} sets one for {address.host}")
        if len(self._servers) >= _MAX_TARGETS:
            self._servers = {key: server for key, server in self._servers.items() if not key[3] or server.busy}
        context = ssl_context(self._settings) if address.scheme == "https" else None
        idle = IdleConnections[Connection](0 if addresses else self._settings.max_idle_connections)
        return _Server(addresses or (address.host,), address.host, address.port, context, idle, set())

    async def _send(self, call: HTTPCall, timing: Timing, target: _Target, body: bytes | AsyncUpload) -> Connection:
        server = target.server
        head = _head(call, target, body_size(body))
        connection, stale = server.idle.take()
        for each in stale:
            each.close()
        if connection is None:
            connection = await self._connect(call, timing, server)
        server.busy.add(connection)
        try:
            if isinstance(body, bytes):
                connection.send(head + body, is_bodiless=call.method == "HEAD")
            else:
                connection.send(head, is_bodiless=call.method == "HEAD")
                await connection.send_blocks(body)
            await connection.wait_for_head()
        except BaseException:
            server.busy.discard(connection)
            connection.close()
            raise
        return connection

    async def _connect(self, call: HTTPCall, timing: Timing, server: _Server) -> Connection:
        try:
            async with asyncio.timeout(timing.connect_timeout):
                sock = await connect_socket(server.hosts, server.port, None, ())
                return await self._start_connection(sock, server)
        except TimeoutError as error:
            raise connect_timeout_error(call, timing) from error
        except OSError as error:
            if is_server_certificate_error(error) or is_client_certificate_error(error):
                raise _create_error(call, error) from error
            raise connection_error(call, error.strerror or str(error)) from error

    async def _start_connection(self, sock: socket.socket, server: _Server) -> Connection:
        """Use a socket for a connection, with TLS if the URL is https."""
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, sock=sock, ssl=server.context, server_hostname=server.name if server.context else None
            )
        except BaseException:
            sock.close()
            raise
        connection.sock = sock
        return connection

    def release(self, server: _Server, connection: Connection) -> None:
        """Return a connection to the pool, and let another request use the slot."""
        self._slots.release()
        server.busy.discard(connection)
        if not connection.prepare_reuse(self._settings.keepalive_expiry):
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
    """One request in flight; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_connection", "_server", "_transport")

    def __init__(
        self, transport: HttptoolsTransport, call: HTTPCall, timing: Timing, server: _Server, connection: Connection
    ) -> None:
        head = parse_head(connection.status, connection.headers)
        super().__init__(head, timing, transport.deadlines, transport.monotonic)
        self._transport = transport
        self._call = call
        self._server = server
        self._connection = connection

    def _take_buffered(self) -> bytes:
        return self._connection.take_received()

    async def _receive(self) -> bytes:
        return await self._connection.read()

    def _is_at_end(self) -> bool:
        return self._connection.is_at_end

    async def read_all(self, limit: int) -> bytes:
        """Wait for the full body, of at most ``limit`` bytes. A short one arrives with the head."""
        connection = self._connection
        if self._is_compressed or not connection.is_complete:
            return await super().read_all(limit)
        check_deadline(self._timing, self._monotonic())
        body = connection.take_received()
        if len(body) > limit:
            raise size_error(limit)
        return body

    def _convert_error(self, error: Exception) -> BudwoodError:
        if isinstance(error, TimeoutError):
            failure: BudwoodError = timeout_error(self._call, self._timing, self._monotonic())
        else:
            failure = _create_error(self._call, error)
        failure.__cause__ = error
        return failure

    async def _release(self) -> None:
        self._transport.release(self._server, self._connection)

    async def _discard(self) -> None:
        self._connection.close()


def _create_error(call: HTTPCall, error: Exception) -> ConnectionFailedError:
    """Create the error for a lost connection. In TLS 1.3, a server rejects a client certificate after the handshake."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if is_server_certificate_error(error):
        return server_certificate_error(call, reason)
    return (
        client_certificate_error(call, reason)
        if is_client_certificate_error(error)
        else broken_connection_error(call, reason)
    )


def _head(call: HTTPCall, target: _Target, size: int) -> bytes:
    """Return the head of a request whose body has ``size`` bytes."""
    key = (call.method, not size, *call.headers.items())
    head = target.heads.get(key)
    if head is None:
        headers = build_headers(call, target.address, size)
        if size:
            del headers["content-length"]
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        end = "content-length: " if size else "\r\n"
        head = f"{call.method} {target.address.target} HTTP/1.1\r\n{lines}{end}".encode("ascii")
        if len(target.heads) >= _MAX_HEADS:
            target.heads.clear()
        target.heads[key] = head
    return b"%b%d\r\n\r\n" % (head, size) if size else head


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(f"The transport httptools {what}.", hint='Use transport="auto" or transport="default".')
