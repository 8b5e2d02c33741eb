"""
Send requests to URLs that users have chosen.

The host is looked up for each request, all of its addresses must be public, and the connection goes to one of them: a
second look-up could return another address. No proxy and no redirect is used, and time and bytes are bounded.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from budwood import Settings
from budwood.errors import BudwoodError, RequestTimeoutError
from budwood.hooks import TRANSPORT
from budwood.plugins import Instances
from budwood.settings_sources import Source
from budwood.types import HTTPCall, Timing
from budwood_server.webhooks.answers import make_printable, parse_retry_after, read_start, shorten_body, shorten_headers
from budwood_server.webhooks.records import Attempt
from budwood_server.webhooks.signing import SIGNATURE
from budwood_server.webhooks.urls import UnsafeUrlError, find_problem, is_allowed, is_loopback

if TYPE_CHECKING:
    from budwood.contracts import AsyncTransport

CONNECT_SECONDS: Final = 5.0
WARNING_SECONDS: Final = 2.0
"""Seconds for a look-up that only warns."""

MAX_ERROR: Final = 500
"""The number of characters of an error that are kept: it may quote the other side."""

_UNCOMPRESSED: Final = {"accept-encoding": "identity"}
_LOOK_UPS: Final = ThreadPoolExecutor(128, thread_name_prefix="budwood-look-up")
"""
Threads of their own, which are started when they are needed: hosts whose name servers are slow must not hold up what
else runs in threads. A look-up cannot be stopped, so there are more of them than requests to slow endpoints.
"""


class Sender:
    """
    Sends requests to endpoints. Belongs to one event loop.

    Args:
        timeout: Seconds for a request, with its answer.
        allow_local: Whether they may go to this machine, also by http.
        resolve: Looks up hosts, as `asyncio.loop.getaddrinfo` does.
    """

    def __init__(self, *, timeout: float, allow_local: bool, resolve: Any = None) -> None:  # noqa: ANN401 - as of the loop
        self._transport = _create_transport()
        self._timeout = timeout
        self._allow_local = allow_local
        self._resolve: Any = resolve or _resolve

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
                addresses = await _look_up(url, self._resolve, allow_local=self._allow_local)
                sent = {**headers, **_UNCOMPRESSED}
                call = HTTPCall(method="POST", url=url, headers=sent, body=body, addresses=addresses)
                exchange = await self._transport.open(call, timing)
                try:
                    status, answer_headers = exchange.head.status, dict(exchange.head.headers)
                    answer = await read_start(exchange)
                finally:
                    await exchange.close()
        except (BudwoodError, OSError, ValueError) as failure:
            if status is None or _is_timeout(failure):
                status, error = None, _describe(failure, self._timeout)
        return Attempt(
            at=began,
            seconds=time.monotonic() - start,
            status=status,
            error=error,
            retry_after=parse_retry_after(answer_headers.get("retry-after")),
            request_headers=shorten_headers({name: value for name, value in headers.items() if name != SIGNATURE}),
            response_headers=shorten_headers(answer_headers),
            response_body=shorten_body(answer),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()


async def find_warning(url: str, *, allow_local: bool, resolve: Any = None) -> str | None:  # noqa: ANN401 - as above
    """
    Return why nothing can be sent to a URL now, by what its host is looked up as; None if nothing is known.

    Args:
        url: The URL.
        allow_local: Whether it may lead to this machine.
        resolve: Looks up hosts, as `asyncio.loop.getaddrinfo` does.
    """
    try:
        async with asyncio.timeout(WARNING_SECONDS):
            await _look_up(url, resolve or _resolve, allow_local=allow_local)
    except TimeoutError:
        return None
    except (OSError, ValueError) as error:
        return _describe(error, WARNING_SECONDS)
    return None


async def _look_up(url: str, resolve: Any, *, allow_local: bool) -> tuple[str, ...]:  # noqa: ANN401 - as above
    """
    Return the addresses of the host, all of which may get requests.

    Raises:
        UnsafeUrlError: One of them may not, or nothing may be sent to the URL.
        OSError: The host has no address.
    """
    if (problem := find_problem(url, allow_local=allow_local)) is not None:
        raise UnsafeUrlError(f"The URL cannot be used: {problem.message}")
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await resolve(parts.hostname, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        cure = "Check the host of the URL, and that the server can look up names"
        raise OSError(f"{parts.hostname} has no address ({error.strerror}). {cure}") from None
    addresses = tuple(dict.fromkeys(str(place[0]) for *_, place in found))
    for address in addresses:
        if not is_allowed(address, allow_local=allow_local):
            raise UnsafeUrlError(f"{parts.hostname} has the address {address}, which is not public")
        if parts.scheme == "http" and not is_loopback(address):
            raise UnsafeUrlError(f"{parts.hostname} is not this machine, so that the URL must begin with https://")
    if not addresses:
        raise OSError(f"{parts.hostname} has no address")
    return addresses


async def _resolve(host: str, port: int, **options: Any) -> Any:  # noqa: ANN401 - as of the loop
    look_up = partial(socket.getaddrinfo, host, port, **options)
    return await asyncio.get_running_loop().run_in_executor(_LOOK_UPS, look_up)


def _create_transport() -> AsyncTransport:
    """Create a transport that uses no proxy: that would look up the host itself. ``SSL_CERT_FILE`` applies."""
    options: dict[str, Any] = {"trust_env": False, "max_idle_connections": 0}
    if authorities := os.environ.get("SSL_CERT_FILE"):
        options["ca_file"] = authorities
    settings = Settings(Source("webhooks", {"transports": {"httptools": options}}))
    transport: AsyncTransport = Instances(settings).build(TRANSPORT, "httptools").implementation.asynchronous()
    return transport


def _is_timeout(error: Exception) -> bool:
    """Tell whether the time of the request was over: that of the event loop or that of the transport, at random."""
    return isinstance(error, TimeoutError | RequestTimeoutError)


def _describe(error: Exception, timeout: float) -> str:
    is_connecting = isinstance(error, RequestTimeoutError) and error.phase == "connect"
    if _is_timeout(error) and not is_connecting:
        return f"There was no complete answer within {timeout:g} s."
    message = error.message if isinstance(error, BudwoodError) else f"{str(error).rstrip('.')}."
    return make_printable(message[:MAX_ERROR])
