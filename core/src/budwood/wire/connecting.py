"""How connections are made, in settings that are the same for every transport."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from budwood.errors import ConfigurationError

PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
_PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


class TransportSettings(BaseModel):
    """
    Settings of a transport.

    Attributes:
        proxy: The address of a proxy for all calls, as in ``http://user:password@host:port``; also ``https``,
            and ``socks5`` where the transport can. By default the environment says: ``HTTPS_PROXY``, ``HTTP_PROXY``,
            ``ALL_PROXY`` and ``NO_PROXY``.
        trust_env: Whether the environment is asked for proxies and certificates.
        ca_file: Certificates of the authorities to trust, in PEM form, instead of ``SSL_CERT_FILE``,
            ``SSL_CERT_DIR`` or certifi's.
        client_certificate: A certificate in PEM form that proves who we are, and its key where ``client_key`` is unset.
        client_key: The key of ``client_certificate``.
        verify: Whether the server's certificate is checked. False lets anyone between read and change everything.
        http2: Whether HTTP/2 is offered, by a transport that can.
        max_connections: So many requests are under way at once; further ones wait.
        max_idle_connections: So many connections are kept for later.
        keepalive_expiry: Seconds that an idle connection is kept. Servers close theirs after 60 s or so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

    proxy: SecretStr | None = None
    trust_env: bool = True
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    verify: bool = True
    http2: bool = False
    max_connections: Annotated[int, Field(ge=1)] = 1000
    max_idle_connections: Annotated[int, Field(ge=0)] = 1000
    keepalive_expiry: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 30.0


class Proxy(NamedTuple):
    """
    A proxy.

    Attributes:
        scheme: ``http``, ``https``, ``socks5`` or ``socks5h``.
        host: Its host.
        port: Its port.
        user: Who asks, and ``password`` proves it; None where it wants to know of none.
        named: What named it: a variable of the environment, or ``proxy`` in the settings.
    """

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    named: str

    @property
    def url(self) -> str:
        """Its address without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __repr__(self) -> str:
        return f"Proxy({self.url})"


class Proxies:
    """
    Says which proxy a call goes through.

    Args:
        settings: Name one for all calls, or leave it to the environment.

    Raises:
        ConfigurationError: A proxy cannot be used. Its address is not shown: it may hold a password.
    """

    def __init__(self, settings: TransportSettings) -> None:
        self._chosen = _proxy(settings.proxy.get_secret_value(), "proxy") if settings.proxy else None
        self._named: dict[str, Proxy] = {}
        if self._chosen is None and settings.trust_env and _may_name_proxies():
            from urllib.request import getproxies  # 8 ms; where nothing names a proxy it is not needed

            self._named = {
                kind: _proxy(address if "://" in address else f"http://{address}", _variable(kind))
                for kind, address in getproxies().items()
                if kind in ("http", "https", "all") and address
            }

    def __bool__(self) -> bool:
        return self._chosen is not None or bool(self._named)

    def all(self) -> tuple[Proxy, ...]:
        """Return every proxy that a call may go through."""
        return (self._chosen,) if self._chosen else tuple(self._named.values())

    def find(self, scheme: str, host: str) -> Proxy | None:
        """Return the proxy of calls to a host, or None where they go straight."""
        if self._chosen is not None or not self._named:
            return self._chosen
        from urllib.request import proxy_bypass

        return None if proxy_bypass(host) else self._named.get(scheme, self._named.get("all"))


def _may_name_proxies() -> bool:
    """Tell whether this machine may name proxies: in the environment, or as Windows and macOS do elsewhere."""
    return sys.platform in ("win32", "darwin") or any(
        name.lower() in PROXY_VARIABLES and value for name, value in os.environ.items()
    )


def _variable(kind: str) -> str:
    """Name the variable that names a proxy, as it is spelt here."""
    wanted = f"{kind}_proxy"
    return next((name for name in os.environ if name.lower() == wanted and os.environ[name]), "this machine")


def _proxy(address: str, named: str) -> Proxy:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise _unusable(named) from None
    if parts.scheme not in _PROXY_SCHEMES or not parts.hostname:
        raise _unusable(named)
    return Proxy(
        scheme=parts.scheme,
        host=parts.hostname,
        port=port or {"http": 80, "https": 443}.get(parts.scheme, 1080),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        named=named,
    )


def _unusable(named: str) -> ConfigurationError:
    return ConfigurationError(
        f"The proxy of {named} cannot be used: it is no address that begins with http:// or so.",
        hint="Give http://HOST:PORT, or unset it.",
    )
