"""Create connections to servers, directly or through proxies, on the pools of httpcore."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import httpcore

from budwood.errors import ConfigurationError
from budwood.types import HTTPCall
from budwood.wire.heads import DEFAULT_PORTS, Address, parse_address
from budwood.wire.idle_connections import IdleConnections, Reusable
from budwood.wire.proxies import Proxies, Proxy
from budwood.wire.tls import ssl_context
from budwood.wire.transport_settings import TransportSettings

P = TypeVar("P")
C = TypeVar("C", bound=Reusable)

CONNECTION_ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
)
"""What connections raise, except those through SOCKS proxies."""

_MAX_TARGETS = 1000
"""How many URLs are cached: memory stays bounded if every call has a new one."""


class Origin(NamedTuple, Generic[P, C]):
    """
    A server and the connections to it.

    Attributes:
        pool: Creates connections; with HTTP/2 it also shares them among requests.
        origin: The server in httpcore's form.
        idle: Idle connections.
        busy: Connections with a request in flight.
        proxy: The proxy on the way, if any.
    """

    pool: P
    origin: httpcore.Origin
    idle: IdleConnections[C]
    busy: set[C]
    proxy: Proxy | None

    def remove_all(self) -> list[C]:
        """Remove all connections, and return them for the caller to close."""
        connections = [*self.idle.clear(), *self.busy]
        self.busy.clear()
        return connections


class ActiveConnection(NamedTuple, Generic[P, C]):
    """The connection of a request in flight; None if the pool of the server shares connections (HTTP/2)."""

    server: Origin[P, C]
    connection: C | None


class Target(NamedTuple, Generic[P, C]):
    """A URL, with what sending a request to it needs."""

    server: Origin[P, C]
    url: httpcore.URL
    address: Address


class Origins(Generic[P, C]):
    """
    The servers of a transport.

    Args:
        settings: The settings of connections.
        create_pool: Creates the pool of one server, from `HTTPCall.addresses` and the arguments that both kinds of pool
            share.

    Attributes:
        connection_errors: What connections raise.
        targets: The targets of recent calls, by URL.

    Raises:
        ConfigurationError: The settings cannot be applied.
    """

    def __init__(self, settings: TransportSettings, create_pool: Callable[..., P]) -> None:
        self._settings = settings
        self._create_pool = create_pool
        self._proxies = Proxies(settings)
        self.connection_errors: tuple[type[Exception], ...] = CONNECTION_ERRORS
        if self._proxies.configured is not None:
            self._check_proxy(self._proxies.configured)
        if settings.http2:
            _check_package("h2", "http2 cannot be used: it", "budwood[http2]")
        self._origins: dict[tuple[str, str, int, tuple[str, ...]], Origin[P, C]] = {}
        self.targets: dict[str, Target[P, C]] = {}

    def find_target(self, call: HTTPCall) -> Target[P, C]:
        """Return the target of a call."""
        known = None if call.addresses else self.targets.get(call.url)
        return known or self._new_target(call)

    def list_servers(self) -> list[Origin[P, C]]:
        """Return all servers, with their connections."""
        return list(self._origins.values())

    def _new_target(self, call: HTTPCall) -> Target[P, C]:
        address = parse_address(call)
        port = None if address.port == DEFAULT_PORTS[address.scheme] else address.port
        url = httpcore.URL(scheme=address.scheme, host=address.host, port=port, target=address.target)
        target = Target(self._origin(address, url.origin, call.addresses), url, address)
        if call.addresses:
            return target
        if len(self.targets) >= _MAX_TARGETS:
            self.targets.clear()
        self.targets[call.url] = target
        return target

    def _check_proxy(self, proxy: Proxy) -> None:
        if proxy.is_socks:
            _check_package("socksio", f"The proxy of {proxy.source} cannot be used: SOCKS", "budwood[socks]")
            self.connection_errors = _with_socks_errors()

    def _origin(self, address: Address, origin: httpcore.Origin, addresses: tuple[str, ...]) -> Origin[P, C]:
        """Return a server; one at given addresses keeps no idle connections, since they change with each look-up."""
        key = (address.scheme, address.host, address.port, addresses)
        found = self._origins.get(key)
        if found is None:
            proxy = self._proxies.find(*key[:3])
            if proxy is not None:
                self._check_proxy(proxy)
            max_idle = 0 if addresses else self._settings.max_idle_connections
            pool = self._pool(address, proxy, addresses, max_idle)
            self._forget_unused()
            found = self._origins.setdefault(key, Origin[P, C](pool, origin, IdleConnections(max_idle), set(), proxy))
        return found

    def _forget_unused(self) -> None:
        if len(self._origins) >= _MAX_TARGETS:
            unused = [key for key, server in list(self._origins.items()) if key[3] and not server.busy]
            for key in unused:
                self._origins.pop(key, None)

    def _pool(self, address: Address, proxy: Proxy | None, addresses: tuple[str, ...], max_idle: int) -> P:
        settings = self._settings
        secure = address.scheme == "https"
        return self._create_pool(
            () if proxy is not None else addresses,
            ssl_context=ssl_context(settings) if secure else None,
            proxy=None if proxy is None else self._proxy(proxy),
            max_connections=settings.max_connections,
            max_keepalive_connections=max_idle,
            keepalive_expiry=settings.keepalive_expiry,
            http2=settings.http2,
        )

    def _proxy(self, proxy: Proxy) -> httpcore.Proxy:
        without = self._settings.model_copy(update={"http2": False})
        return httpcore.Proxy(
            proxy.url,
            auth=proxy.credentials,
            ssl_context=ssl_context(without) if proxy.scheme == "https" else None,
        )


def count_proxy_handshakes(pool: Mapping[str, Any]) -> int:
    """
    Return how many TLS handshakes a connection through a proxy needs before a request can be sent.

    Args:
        pool: The arguments of the pool that creates the connection.
    """
    proxy: httpcore.Proxy | None = pool["proxy"]
    if proxy is None or pool["ssl_context"] is None:
        return 0
    return 2 if proxy.url.scheme == b"https" else 1


def _with_socks_errors() -> tuple[type[Exception], ...]:
    """Return what connections raise, and what they raise if a SOCKS proxy sends invalid data."""
    from socksio.exceptions import SOCKSError

    return (*CONNECTION_ERRORS, SOCKSError)


def _check_package(module: str, what: str, extra: str) -> None:
    """
    Check that an optional package of httpcore is installed.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        __import__(module)
    except ImportError as error:
        raise ConfigurationError(
            f"{what} needs the package {module}.", hint=f"Install {extra}, or remove the setting."
        ) from error
