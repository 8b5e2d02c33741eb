"""The heads of HTTP/1.1 messages: URLs and headers of requests, status and headers of replies."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from budwood.types import HTTPCall, ReplyHead
from budwood.wire.compression import ACCEPT_ENCODING
from budwood.wire.errors import authorization_conflict_error, header_error, url_error
from budwood.wire.hosts import is_valid_host

DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""The supported schemes of URLs, and their default ports."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")
"""A URL whose characters can be sent as they are (RFC 3986)."""

DEFAULT_HEADERS: Final = {"accept": "*/*", "accept-encoding": ACCEPT_ENCODING, "user-agent": "budwood"}
"""Headers that are sent unless the call sets them."""

_HOST: Final = re.compile(r"[A-Za-z0-9\-._~]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9\-._~%]+)?")
"""The characters of a name in ASCII or an address; an IPv6 address may have a zone (RFC 6874)."""


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
"""Headers that frame a message or its reply, which only the transport can set."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
"""The name of a header (RFC 9110, section 5.6.2)."""

_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})


class Address(NamedTuple):
    """
    The parts of a URL.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host in ASCII, without brackets.
        port: The port.
        target: Path and query.
        host_header: The value of the header ``host``.
        authorization: The value of the header ``authorization`` if the URL contains user and password.
    """

    scheme: str
    host: str
    port: int
    target: str
    host_header: str
    authorization: str | None = None


def parse_address(call: HTTPCall) -> Address:
    """
    Parse the URL of a call.

    Raises:
        ConnectionFailedError: It is invalid.
    """
    url = call.url if _PLAIN.fullmatch(call.url) else _percent_encode(call)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise url_error(call, str(error)) from None
    if parts.scheme not in DEFAULT_PORTS:
        raise url_error(call, "it must start with http:// or https://")
    if not parts.hostname:
        raise url_error(call, "it has no host")
    if not _HOST.fullmatch(parts.hostname) or not is_valid_host(parts.hostname):
        raise url_error(call, "its host is not a valid name or address")
    return _build_address(parts, parts.hostname, port)


def _build_address(parts: SplitResult, host: str, port: int | None) -> Address:
    default = DEFAULT_PORTS[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return Address(
        scheme=parts.scheme,
        host=host,
        port=default if port is None else port,
        target=target,
        host_header=shown if port in (None, default) else f"{shown}:{port}",
        authorization=_basic_authorization(parts),
    )


def _basic_authorization(parts: SplitResult) -> str | None:
    if parts.username is None and parts.password is None:
        return None
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def _percent_encode(call: HTTPCall) -> str:
    """Return a URL with other characters in ASCII, as httpx does."""
    import httpx  # rarely needed, and importing it takes half of the time of a short program

    try:
        return str(httpx.URL(call.url).copy_with(fragment=None))
    except (httpx.InvalidURL, ValueError) as error:
        raise url_error(call, str(error)) from None


def build_headers(call: HTTPCall, address: Address, size: int) -> dict[str, str]:
    """
    Return all headers of a request whose body has ``size`` bytes, with names in lower case.

    Raises:
        ConfigurationError: A header is invalid, or the URL and a header contain different credentials.
    """
    headers = {"host": address.host_header, **DEFAULT_HEADERS, **request_headers(call, address)}
    if size or call.method not in _WITHOUT_BODY:
        headers["content-length"] = str(size)
    return headers


def request_headers(call: HTTPCall, address: Address) -> dict[str, str]:
    """Return the headers of a request without `DEFAULT_HEADERS`, for libraries that add those; see `build_headers`."""
    headers = normalize_headers(call.headers)
    if address.authorization is not None:
        if "authorization" in headers:
            raise authorization_conflict_error()
        headers["authorization"] = address.authorization
    return headers


def normalize_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """
    Check headers, and return them with names in lower case.

    Raises:
        ConfigurationError: A name or value contains characters that are not allowed there.
    """
    normalized = {}
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise header_error()
        normalized[_lower(name)] = value
    return normalized


@functools.lru_cache(1000)
def _lower(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise header_error()
    return name.lower()


def parse_head(status: int, raw: Iterable[tuple[bytes, bytes]]) -> ReplyHead:
    """Parse the head of a reply: names become lower case, and values of repeated headers are joined by commas."""
    headers: dict[str, str] = {}
    repeated: dict[str, list[str]] = {}  # joined once: a head can repeat a name many thousand times
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("ascii", "replace").lower(), raw_value.decode("latin-1")
        if name in headers:
            repeated.setdefault(name, [headers[name]]).append(value)
        else:
            headers[name] = value
    for name, values in repeated.items():
        headers[name] = ", ".join(values)
    return ReplyHead(status, headers)
