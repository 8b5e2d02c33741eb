"""Choose the proxy of a request: from the settings, or from the environment as other programs do."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import sys
from fnmatch import fnmatchcase
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from budwood.errors import ConfigurationError
from budwood.wire.hosts import to_ascii
from budwood.wire.transport_settings import TransportSettings

PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})

_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The schemes of proxies, and their default ports."""

_SYNONYMS: Final = {"socks": "socks5"}
"""Desktop environments write ``socks://`` for SOCKS of version 5."""


class Proxy(NamedTuple):
    """
    A proxy.

    Attributes:
        scheme: ``http``, ``https``, ``socks5`` or ``socks5h``.
        host: Its host, in ASCII.
        port: Its port.
        user: The user name; None without authentication.
        password: The password.
        source: Where it was configured: the name of an environment variable, or ``proxy`` of the settings.
    """

    scheme: str
    host: str
    port: int
    user: str | None
    password: str | None
    source: str

    @property
    def url(self) -> str:
        """Its address without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS."""
        return self.scheme.startswith("socks")

    @property
    def credentials(self) -> tuple[bytes, bytes] | None:
        """User name and password as they are sent; None without authentication."""
        if self.user is None:
            return None
        return _utf8(self.user), _utf8(self.password or "")

    @property
    def authorization(self) -> str | None:
        """The value of the header ``proxy-authorization``, if any."""
        return None if self.credentials is None else f"Basic {base64.b64encode(b':'.join(self.credentials)).decode()}"

    def __repr__(self) -> str:
        return f"Proxy({self.url})"


class Proxies:
    """
    The proxies of a transport.

    A proxy of the environment is checked only when a request has to go through it: programs often inherit variables
    that they do not need.

    Args:
        settings: May name one proxy for all requests.

    Attributes:
        configured: The proxy that the settings name, if any.

    Raises:
        ConfigurationError: The proxy of the settings cannot be used. Errors do not show addresses, which may hold
            passwords.
    """

    def __init__(self, settings: TransportSettings) -> None:
        address = settings.proxy.get_secret_value().strip() if settings.proxy else ""
        if address and "://" not in address:
            raise _unusable("proxy", "it has no scheme")
        self.configured = _parse_proxy(address, "proxy") if address else None
        self._addresses: dict[str, str] = {}
        self._exempt = ExemptHosts("")
        self._is_from_system = False
        self._parsed: dict[str, Proxy] = {}
        if self.configured is None and settings.trust_env and _may_have_proxies():
            self._read_environment()

    def _read_environment(self) -> None:
        from urllib.request import getproxies, getproxies_environment  # 8 ms; rarely needed

        found = getproxies()
        self._exempt = ExemptHosts(found.get("no", ""))
        self._is_from_system = not getproxies_environment()
        if not self._exempt.all:
            for kind in ("http", "https", "all"):
                if address := found.get(kind, "").strip():
                    self._addresses[kind] = address

    def __bool__(self) -> bool:
        return self.configured is not None or bool(self._addresses)

    def schemes(self) -> frozenset[str]:
        """Return the schemes of the proxies that requests may go through, also of addresses that are invalid."""
        if self.configured is not None:
            return frozenset({self.configured.scheme})
        kinds = self._addresses.keys()
        used = kinds - {"all"} if {"http", "https"} <= kinds else kinds
        return frozenset(_split_scheme(self._addresses[kind])[0] for kind in used)

    def find(self, scheme: str, host: str, port: int | None = None) -> Proxy | None:
        """
        Return the proxy of requests to a host; None if they go to it directly.

        Args:
            scheme: That of the address, ``http`` or ``https``.
            host: The host without brackets.
            port: The port; None matches entries of ``NO_PROXY`` without a port only.

        Raises:
            ConfigurationError: The proxy that the environment names for them cannot be used.
        """
        kind = scheme if scheme in self._addresses else "all"
        if self.configured is not None or kind not in self._addresses:
            return self.configured
        if self._exempt.includes(scheme, host, port) or (self._is_from_system and _is_exempt_in_system(host)):
            return None
        if kind not in self._parsed:
            self._parsed[kind] = _parse_proxy(self._addresses[kind], _variable(kind))
        return self._parsed[kind]


class _Exempt(NamedTuple):
    """An entry of ``NO_PROXY``: a network or a name, for one scheme or port or for all."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    name: str
    scheme: str
    port: int | None


class ExemptHosts:
    """
    The hosts that ``NO_PROXY`` exempts from proxies.

    Entries are separated by commas or blanks: ``*`` for all hosts, a domain with its subdomains (with or without a
    leading ``.`` or ``*.``), an address, a network in CIDR form such as ``10.0.0.0/8``, a pattern such as ``10.*``;
    optionally with a scheme before or a port after it. Names are not resolved to compare them with networks.

    Attributes:
        all: Whether all hosts are exempt.
    """

    def __init__(self, text: str) -> None:
        entries = [entry for entry in re.split(r"[\s,;]+", text.strip()) if entry]
        self.all = "*" in entries
        self._entries = [_parse_exempt(entry) for entry in entries]

    def includes(self, scheme: str, host: str, port: int | None) -> bool:
        """Tell whether requests to a host go to it directly."""
        if not self._entries:
            return self.all
        name = host.partition("%")[0].rstrip(".").lower()
        address = _parse_address(name)
        return self.all or any(
            entry.scheme in ("", scheme)
            and entry.port in (None, port)
            and (_is_in(entry.network, address) if entry.network else _is_within(entry.name, name))
            for entry in self._entries
        )


def _parse_exempt(entry: str) -> _Exempt:
    scheme, _, rest = entry.lower().rpartition("://")
    rest = rest.rstrip("/")
    port: int | None = None
    if _parse_network(rest) is None and (with_port := re.fullmatch(r"(.*[^:]|\[.*\]):(\d{1,5})", rest)):
        rest, port = with_port[1], int(with_port[2])
    network = _parse_network(rest)
    name = rest.removeprefix("*").strip(".")
    if not name.isascii():
        name = to_ascii(name) or name
    return _Exempt(network, name, scheme, port)


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    address, slash, bits = text.partition("/")
    try:
        return ipaddress.ip_network(address.removeprefix("[").removesuffix("]") + slash + bits, strict=False)
    except ValueError:
        return None


def _parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_in(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
    address: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
) -> bool:
    return address is not None and address in network


def _is_within(domain: str, host: str) -> bool:
    if "*" in domain:
        return fnmatchcase(host, domain)
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _may_have_proxies() -> bool:
    """Tell whether this machine may name proxies: in the environment, or in the settings of Windows or macOS."""
    return sys.platform in ("win32", "darwin") or any(
        name.lower() in PROXY_VARIABLES and value for name, value in os.environ.items()
    )


def _is_exempt_in_system(host: str) -> bool:
    from urllib.request import proxy_bypass

    return bool(proxy_bypass(host))


def _variable(kind: str) -> str:
    """Return the name of the variable that names a proxy, in the case in which it is set."""
    names = [name for name in os.environ if name.lower() == f"{kind}_proxy" and os.environ[name]]
    return max(names, key=str.islower, default="this machine")  # where both are set, the one in lower case counts


def _split_scheme(address: str) -> tuple[str, str]:
    """Return the scheme of a proxy's address, ``http`` if it has none, and the rest."""
    scheme, separator, rest = address.strip().partition("://")
    if not separator:
        scheme, rest = "http", address.strip().removeprefix("//")
    return _SYNONYMS.get(scheme.lower(), scheme.lower()), rest


def _parse_proxy(address: str, source: str) -> Proxy:
    scheme, rest = _split_scheme(address)
    if scheme not in _PORTS:
        shown = scheme if re.fullmatch(r"[a-z0-9+.\-]{1,20}", scheme) else "its scheme"
        raise _unusable(source, f"{shown} is not supported")
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        host, port = to_ascii(parts.hostname or ""), parts.port
    except ValueError:
        raise _unusable(source, "it is not a valid address") from None
    if not host:
        raise _unusable(source, "it has no valid host")
    return Proxy(
        scheme=scheme,
        host=host,
        port=_PORTS[scheme] if port is None else port,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        source=source,
    )


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _unusable(source: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The proxy of {source} cannot be used: {reason}.",
        hint="Set it to http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, or unset it.",
    )
