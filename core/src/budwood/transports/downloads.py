"""Download URLs of users and data, only from public addresses, with limits of size and time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from budwood.errors import BudwoodError, PromptError
from budwood.providing import hide_secrets, parse_url
from budwood.transports.pooled import PooledTransport
from budwood.types import HTTPCall, Timing
from budwood.wire.heads import parse_address
from budwood.wire.public_addresses import Resolve, resolve_public
from budwood.wire.redirects import MAX_REDIRECTS, find_redirect
from budwood.wire.transport_settings import TransportSettings

CONNECT_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 30.0

_HINT: Final = "Download it yourself, and pass its path or its content."
_HEADERS: Final = {"accept": "*/*", "user-agent": "budwood"}


def download(
    url: str,
    *,
    limit: int,
    seconds: float,
    resolve: Resolve | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> bytes:
    """
    Download an HTTP URL. Every redirect is checked like the URL itself; no proxy is used.

    Args:
        url: The URL.
        limit: Maximum number of bytes.
        seconds: Maximum duration, redirects included.
        resolve: Looks up hosts, as `socket.getaddrinfo` does.
        monotonic: The clock of the deadline.

    Raises:
        PromptError: The URL leads to an address that is not public, or the download fails or exceeds a limit.
    """
    deadline = monotonic() + seconds
    transport = PooledTransport(_settings(), monotonic=monotonic)
    try:
        for _ in range(MAX_REDIRECTS + 1):
            found = _fetch(transport, url, limit, deadline, resolve)
            if isinstance(found, bytes):
                return found
            url = found
    except (BudwoodError, ValueError, OSError) as error:  # ValueError for an address that is not public, or a URL
        raise PromptError(f"Cannot download {hide_secrets(url)}: {str(error).rstrip('.')}.", hint=_HINT) from None
    finally:
        transport.close()
    raise PromptError(f"Cannot download {hide_secrets(url)}: more than {MAX_REDIRECTS} redirects.", hint=_HINT)


def _fetch(transport: PooledTransport, url: str, limit: int, deadline: float, resolve: Resolve | None) -> bytes | str:
    """Return the content, or the URL of a redirect. The checked addresses are those that are connected to."""
    call = HTTPCall(method="GET", url=parse_url(url.partition("#")[0]), headers=_HEADERS)
    address = parse_address(call)
    call = replace(call, addresses=resolve_public(address.host, address.port, resolve))
    timing = Timing(connect_timeout=CONNECT_SECONDS, idle_timeout=IDLE_SECONDS, deadline=deadline)
    exchange = transport.open(call, timing)
    try:
        head = exchange.head
        if (location := find_redirect(url, head)) is not None:
            return location
        if not head.ok:
            raise PromptError(f"the server answered with HTTP {head.status}")
        return exchange.read_all(limit)
    finally:
        exchange.close()


def _settings() -> TransportSettings:
    """Return settings without a proxy, whose own address is usually private, but with the user's authorities."""
    authorities = os.environ.get("SSL_CERT_FILE")
    return TransportSettings(trust_env=False, ca_file=Path(authorities) if authorities else None)
