"""
Send requests to URLs that users have chosen.

The host is looked up for each request, all of its addresses must be public, and the connection goes to one of them: a
second look-up could return another address. No proxy and no redirect is used, and time and bytes are bounded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from budwood import Settings
from budwood.errors import BudwoodError
from budwood.hooks import TRANSPORT
from budwood.plugins import Instances
from budwood.settings_sources import Source
from budwood.types import HTTPCall, Timing
from budwood.wire.public_addresses import is_public
from budwood_server.web.problems import reject
from budwood_server.webhooks.records import Attempt
from budwood_server.webhooks.signing import SIGNATURE

if TYPE_CHECKING:
    from budwood.contracts import AsyncTransport

CONNECT_SECONDS: Final = 5.0
MAX_ANSWER: Final = 64 * 1024
"""The maximum size of an answer in bytes. Longer ones are not read to their end."""

MAX_KEPT: Final = 2048
"""The number of characters of an answer, and of each header, that are kept."""

MAX_HEADERS: Final = 30
MAX_URL: Final = 2000
_HIDDEN: Final = frozenset({"set-cookie", "authorization", "proxy-authenticate", "www-authenticate"})


class UnsafeUrlError(ValueError):
    """A URL may not get requests of this server."""


def check_url(url: str, *, allow_local: bool) -> str:
    """
    Check the URL of an endpoint, as far as that is possible without looking up its host, and return it.

    Args:
        url: The URL.
        allow_local: Whether it may have the scheme http, and lead to this machine, for development.

    Raises:
        ProblemError: 400: it may not get requests.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        port, host, parts = None, None, urlsplit("")
    schemes = ("https", "http") if allow_local else ("https",)
    problem = None
    if not host or port == 0 or not url.isascii() or not url.isprintable() or " " in url or len(url) > MAX_URL:
        problem = "it is no URL with a host"
    elif parts.scheme not in schemes:
        problem = "it must begin with https://"
    elif parts.username is not None or parts.password is not None:
        problem = "it must not contain a user name or a password"
    elif parts.fragment:
        problem = "it must not contain '#'"
    elif (address := _parse_address(host)) is not None and not is_allowed(address, allow_local=allow_local):
        problem = f"the address {address} is not public"
    if problem is not None:
        hint = "Use the address of a public server that begins with https://."
        raise reject(f"The URL cannot be used: {problem}.", param="url", code="invalid_url", hint=hint)
    return url


def is_allowed(address: str, *, allow_local: bool) -> bool:
    """Tell whether requests may go to an address: a public one, or one of this machine if that is allowed."""
    return is_public(address) or (allow_local and ipaddress.ip_address(address.partition("%")[0]).is_loopback)


def _parse_address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


class Sender:
    """
    Sends requests to endpoints. Belongs to one event loop.

    Args:
        timeout: Seconds for a request, with its answer.
        allow_local: Whether they may go to this machine, also by http.
        resolve: Looks up hosts, as `asyncio.loop.getaddrinfo` does; by default that of the loop.
    """

    def __init__(self, *, timeout: float, allow_local: bool, resolve: Any = None) -> None:  # noqa: ANN401 - as of the loop
        self._transport = _create_transport()
        self._timeout = timeout
        self._allow_local = allow_local
        self._resolve = resolve

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """
        Send a request, and return what came of it.

        Args:
            url: The URL.
            headers: The headers.
            body: The body.
        """
        began, start = time.time(), time.monotonic()
        status, error, answer_headers, answer = None, None, dict[str, str](), b""
        timing = Timing(connect_timeout=CONNECT_SECONDS, idle_timeout=self._timeout, deadline=start + self._timeout)
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._look_up(url)
                call = HTTPCall(method="POST", url=url, headers=headers, body=body, addresses=addresses)
                exchange = await self._transport.open(call, timing)
                try:
                    status, answer_headers = exchange.head.status, dict(exchange.head.headers)
                    answer = await exchange.read_all(MAX_ANSWER)
                finally:
                    await exchange.close()
        except (BudwoodError, OSError, ValueError) as failure:
            if status is None or isinstance(failure, TimeoutError):
                status, error = None, _describe(failure, self._timeout)
        return Attempt(
            at=began,
            seconds=time.monotonic() - start,
            status=status,
            error=error,
            retry_after=_parse_seconds(answer_headers.get("retry-after")),
            request_headers=_bound({name: value for name, value in headers.items() if name != SIGNATURE}),
            response_headers=_bound(answer_headers),
            response_body=answer.decode("utf-8", "replace").replace("\0", "\ufffd")[:MAX_KEPT],
        )

    async def _look_up(self, url: str) -> tuple[str, ...]:
        """
        Return the addresses of the host, all of which may get requests.

        Raises:
            UnsafeUrlError: One of them may not.
            OSError: The host has no address.
        """
        parts = urlsplit(url)
        resolve = self._resolve or asyncio.get_running_loop().getaddrinfo
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await resolve(parts.hostname, port, type=socket.SOCK_STREAM)
        addresses = tuple(dict.fromkeys(str(place[0]) for *_, place in found))
        for address in addresses:
            if not is_allowed(address, allow_local=self._allow_local):
                raise UnsafeUrlError(f"{parts.hostname} has the address {address}, which is not public")
        if not addresses:
            raise OSError(f"{parts.hostname} has no address")
        return addresses

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


def _create_transport() -> AsyncTransport:
    """Create a transport that uses no proxy: that would look up the host itself."""
    settings = Settings(Source("webhooks", {"transports": {"httptools": {"trust_env": False}}}))
    transport: AsyncTransport = Instances(settings).build(TRANSPORT, "httptools").implementation.asynchronous()
    return transport


def _describe(error: Exception, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"There was no complete answer within {timeout:g} s."
    if isinstance(error, BudwoodError):
        return error.message
    return f"{str(error).rstrip('.')}."


def _parse_seconds(value: str | None) -> float | None:
    """Return the seconds of the header ``retry-after``; None without one."""
    if value is None:
        return None
    if value.isascii() and value.isdecimal() and len(value) < 10:
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _bound(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the first headers of an answer, shortened, without secrets of the endpoint."""
    kept = [(name, value) for name, value in headers.items() if name not in _HIDDEN][:MAX_HEADERS]
    return {name[:100]: value[:MAX_KEPT] for name, value in kept}
