"""The heads of HTTP/1.1 messages: what a call sends, and what a reply says."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from budwood.types import HTTPCall, ReplyHead
from budwood.wire.compression import ACCEPTED
from budwood.wire.errors import ambiguous_authorization, bad_address, bad_header
from budwood.wire.hosts import is_valid_host

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""The schemes of addresses, and their ports."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
"""The characters of an address that may be sent as they are (RFC 3986)."""

DEFAULT_HEADERS: Final = {"accept": "*/*", "accept-encoding": ACCEPTED, "user-agent": "budwood"}
"""What is sent where a call does not say otherwise."""

_HOST: Final = re.compile(r"[A-Za-z0-9\-._~]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9\-._~%]+)?")
"""A name in ASCII, or an address, that of IPv6 with its zone (RFC 6874)."""


TRANSPORT_HEADERS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that frame a message or its reply: only the transport knows what they must say."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
"""The name of a header (RFC 9110, section 5.6.2)."""

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})


class Address(NamedTuple):
    """
    An address, taken apart.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host in ASCII, without brackets.
        port: The port.
        target: Path and query.
        named: What the header ``host`` says.
        authorization: What the header ``authorization`` says where the address holds user and password.
    """

    scheme: str
    host: str
    port: int
    target: str
    named: str
    authorization: str | None = None


def address_of(call: HTTPCall) -> Address:
    """
    Take the address of a call apart.

    Raises:
        ConnectionFailedError: Nothing can be sent there.
    """
    url = call.url if _PLAIN.fullmatch(call.url) else _encoded(call)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise bad_address(call, str(error)) from None
    if parts.scheme not in DEFAULT_PORTS:
        raise bad_address(call, "it does not begin with http:// or https://")
    if not parts.hostname:
        raise bad_address(call, "it names no host")
    if not _HOST.fullmatch(parts.hostname) or not is_valid_host(parts.hostname):
        raise bad_address(call, "its host is not a valid name or address")
    return _address(parts, parts.hostname, port)


def _address(parts: SplitResult, host: str, port: int | None) -> Address:
    default = DEFAULT_PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Address(
        scheme=parts.scheme,
        host=host,
        port=default if port is None else port,
        target=target,
        named=shown if port in (None, default) else f"{shown}:{port}",
        authorization=_basic(parts),
    )


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None and parts.password is None:
        return None
    said = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(said.encode()).decode()}"


def _encoded(call: HTTPCall) -> str:
    """Bring an address with other characters into ASCII, as httpx does."""
    import httpx  # most addresses are plain, and importing it is half of a short program's time

    try:
        return str(httpx.URL(call.url).copy_with(fragment=None))
    except (httpx.InvalidURL, ValueError) as error:
        raise bad_address(call, str(error)) from None


def headers_of(call: HTTPCall, address: Address, size: int) -> dict[str, str]:
    """
    Write all headers of a call, whose body has ``size`` bytes; their names are in lower case.

    Raises:
        ConfigurationError: A header holds what none can hold, or the address and a header hold different credentials.
    """
    headers = {"host": address.named, **DEFAULT_HEADERS, **own_headers(call, address)}
    if size or call.method not in _WITHOUT_BODY:
        headers["content-length"] = str(size)
    return headers


def own_headers(call: HTTPCall, address: Address) -> dict[str, str]:
    """Write the headers that a call has of its own, for transports that add the others; see `headers_of`."""
    headers = sendable(call.headers)
    if address.authorization is not None:
        if "authorization" in headers:
            raise ambiguous_authorization()
        headers["authorization"] = address.authorization
    return headers


def sendable(given: Mapping[str, str]) -> dict[str, str]:
    """
    Write the names of headers in lower case.

    Raises:
        ConfigurationError: A header holds what none can hold.
    """
    headers = {}
    for name, value in given.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise bad_header()
        headers[_lower(name)] = value
    return headers


@functools.lru_cache(1000)
def _lower(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise bad_header()
    return name.lower()


def head_of(status: int, raw: Iterable[tuple[bytes, bytes]]) -> ReplyHead:
    """Read the head of a reply: names in lower case, and what comes twice joined by a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("ascii", "replace").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return ReplyHead(status, headers)
