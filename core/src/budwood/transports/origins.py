"""Make connections to servers, straight or through proxies, as httpcore does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import httpcore

from budwood.errors import ConfigurationError
from budwood.types import HTTPCall
from budwood.wire.heads import DEFAULT_PORTS, Address, address_of
from budwood.wire.idle_connections import IdleConnections, Reusable
from budwood.wire.proxies import Proxies, Proxy
from budwood.wire.tls import ssl_context
from budwood.wire.transport_settings import TransportSettings

P = TypeVar("P")
C = TypeVar("C", bound=Reusable)

FAILURES: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
)
"""What connections raise, but those by SOCKS."""

_MOST_ADDRESSES = 1000
"""How many addresses are remembered: the memory is bounded, also if every call has a new one."""


class Origin(NamedTuple, Generic[P, C]):
    """
    A server: how connections to it are made, and those that wait.

    Attributes:
        pool: Makes connections; with HTTP/2 it also shares them among requests.
        origin: The server, as httpcore names it.
        idle: Connections that wait for their next request.
        busy: Connections on which a request is under way.
        proxy: The proxy on the way, if any.
    """

    pool: P
    origin: httpcore.Origin
    idle: IdleConnections[C]
    busy: set[C]
    proxy: Proxy | None

    def take_all(self) -> list[C]:
        """Let go of all connections; return them, to be closed."""
        connections = [*self.idle.clear(), *self.busy]
        self.busy.clear()
        return connections


class Place(NamedTuple, Generic[P, C]):
    """Where a request is under way. Where the server's pool shares connections, none is the request's own."""

    server: Origin[P, C]
    connection: C | None


class Target(NamedTuple, Generic[P, C]):
    """An address, ready to be sent to."""

    server: Origin[P, C]
    url: httpcore.URL
    address: Address


class Origins(Generic[P, C]):
    """
    Knows the servers that a transport has spoken to.

    Args:
        settings: How connections are made.
        make: Makes the pool of one server, from the arguments that both kinds of pool share.

    Attributes:
        failures: What connections raise.

    Raises:
        ConfigurationError: What the settings or the environment say cannot be done.
    """

    def __init__(self, settings: TransportSettings, make: Callable[..., P]) -> None:
        self._settings = settings
        self._make = make
        self._proxies = Proxies(settings)
        self.failures: tuple[type[Exception], ...] = FAILURES
        if self._proxies.configured is not None:
            self._check_proxy(self._proxies.configured)
        if settings.http2:
            _check_package("h2", "http2 cannot be used: it", "budwood[http2]")
        self._origins: dict[tuple[str, str, int], Origin[P, C]] = {}
        self.targets: dict[str, Target[P, C]] = {}

    def target(self, call: HTTPCall) -> Target[P, C]:
        """Return where a call goes."""
        return self.targets.get(call.url) or self._new_target(call)

    def all(self) -> list[Origin[P, C]]:
        """Return all servers, with their connections."""
        return list(self._origins.values())

    def _new_target(self, call: HTTPCall) -> Target[P, C]:
        address = address_of(call)
        port = None if address.port == DEFAULT_PORTS[address.scheme] else address.port
        url = httpcore.URL(scheme=address.scheme, host=address.host, port=port, target=address.target)
        target = Target(self._origin(address, url.origin), url, address)
        if len(self.targets) >= _MOST_ADDRESSES:
            self.targets.clear()
        self.targets[call.url] = target
        return target

    def _check_proxy(self, proxy: Proxy) -> None:
        if proxy.is_socks:
            _check_package("socksio", f"The proxy of {proxy.source} cannot be used: SOCKS", "budwood[socks]")
            self.failures = _with_socks()

    def _origin(self, address: Address, origin: httpcore.Origin) -> Origin[P, C]:
        key = (address.scheme, address.host, address.port)
        if key not in self._origins:
            proxy = self._proxies.find(*key)
            if proxy is not None:
                self._check_proxy(proxy)
            made = Origin[P, C](
                self._pool(address, proxy), origin, IdleConnections(self._settings.max_idle_connections), set(), proxy
            )
            return self._origins.setdefault(key, made)
        return self._origins[key]

    def _pool(self, address: Address, proxy: Proxy | None) -> P:
        settings = self._settings
        secure = address.scheme == "https"
        return self._make(
            ssl_context=ssl_context(settings) if secure else None,
            proxy=None if proxy is None else self._proxy(proxy),
            max_connections=settings.max_connections,
            max_keepalive_connections=settings.max_idle_connections,
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


def handshakes_before_calls(pool: Mapping[str, Any]) -> int:
    """
    Tell how often TLS begins on a connection to a proxy before a call can be sent through it.

    Args:
        pool: The arguments of the pool that makes the connection.
    """
    proxy: httpcore.Proxy | None = pool["proxy"]
    if proxy is None or pool["ssl_context"] is None:
        return 0
    return 2 if proxy.url.scheme == b"https" else 1


def _with_socks() -> tuple[type[Exception], ...]:
    """Return what connections raise, and what they raise where a SOCKS proxy talks nonsense."""
    from socksio.exceptions import SOCKSError

    return (*FAILURES, SOCKSError)


def _check_package(module: str, what: str, extra: str) -> None:
    """
    See that a package is there which httpcore needs for some of its work.

    Raises:
        ConfigurationError: It is not.
    """
    try:
        __import__(module)
    except ImportError as error:
        raise ConfigurationError(
            f"{what} needs the package {module}.", hint=f"Install {extra}, or leave it out."
        ) from error
