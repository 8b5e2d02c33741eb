"""
Send one request of several, and follow redirects.

Addresses in replies, such as those of results, may be those of other hosts. They get neither the credential nor the
headers of the provider, and have to be public. The address that was checked is the one that is connected to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from budwood.contracts import AsyncExchange, Exchange
from budwood.engine.drivers.effects import Close, Flow, Invoke, ReadAll, Save
from budwood.engine.pipeline.attempt import Attempt
from budwood.engine.pipeline.sending import encode, open_exchange, raise_for_status
from budwood.errors import BadResponseError
from budwood.providing import parse_url
from budwood.types import Capability, HTTPCall, HTTPReply, MediaKind
from budwood.types.http import is_secret_header
from budwood.wire.redirects import MAX_REDIRECTS, find_redirect

_PORTS: Final = {"https": 443, "http": 80}
_FOREIGN_HEADERS: Final = frozenset({"accept", "range", "user-agent"})
"""The headers that other hosts get in a GET. Those of other methods, such as of an upload, belong to the address."""


def fetch(attempt: Attempt) -> Flow[HTTPReply]:
    """
    Send a request, follow redirects of a GET, and read the complete reply.

    Raises:
        ProviderError: The request failed.
        BadResponseError: There are too many redirects, or the address of another host is not public.
    """
    request = encode(attempt)
    if request.reply_to is not None:
        from budwood.engine.drivers.reply_files import check_target

        target = request.reply_to
        yield Invoke(lambda: check_target(target))
    for _ in range(MAX_REDIRECTS + 1):
        is_own = is_own_address(attempt, request.url)
        if not is_own:
            addresses = yield from check_address(request.url)
            request = replace(request, headers=_foreign_headers(request), addresses=addresses)
        exchange = yield from open_exchange(attempt, request, is_authorized=is_own)
        try:
            location = _location(request, exchange)
            if location is None:
                return (yield from _read(attempt, request, exchange))
        finally:
            yield Close(exchange)
        request = replace(request, url=location, addresses=())
    raise BadResponseError(f"The URL of the result has more than {MAX_REDIRECTS} redirects.")


def is_own_address(attempt: Attempt, url: str) -> bool:
    """Tell whether a URL has the scheme, the host and the port of the provider. If that has none, its own calls do."""
    own = attempt.endpoint.url
    if own is None:
        own = attempt.encoded.url if attempt.encoded is not None else url
    return _origin(own) == _origin(url)


def check_address(url: str) -> Flow[tuple[str, ...]]:
    """
    Check that a URL is one of HTTP, and that its host has only public addresses, and return these.

    Raises:
        BadResponseError: It is not.
    """
    from budwood.wire.public_addresses import resolve_public

    try:
        scheme, host, port = _origin(parse_url(url.partition("#")[0]))
        addresses: tuple[str, ...] = yield Invoke(lambda: resolve_public(host or "", port or _PORTS[scheme]))
    except (OSError, ValueError) as error:
        raise BadResponseError(
            f"The vendor refers to an address that is not fetched: {error}.", hint="Report this to the vendor."
        ) from None
    return addresses


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _foreign_headers(request: HTTPCall) -> dict[str, str]:
    if request.method == "GET":
        return {name: value for name, value in request.headers.items() if name.lower() in _FOREIGN_HEADERS}
    return {name: value for name, value in request.headers.items() if not is_secret_header(name)}


def _location(request: HTTPCall, exchange: Exchange | AsyncExchange) -> str | None:
    """
    Return the URL to which the reply to a GET redirects; None for any other reply.

    Raises:
        BadResponseError: The URL is invalid, or has no TLS although the URL of the request has.
    """
    try:
        return find_redirect(request.url, exchange.head) if request.method == "GET" else None
    except ValueError as error:
        raise BadResponseError(f"The URL of the result is not followed: {error}.") from None


def _read(attempt: Attempt, request: HTTPCall, exchange: Exchange | AsyncExchange) -> Flow[HTTPReply]:
    if not 200 <= exchange.head.status < 300:
        yield from raise_for_status(attempt, exchange)
    if request.reply_to is None:
        return HTTPReply(exchange.head, (yield ReadAll(exchange, request.max_reply_bytes)))
    kind: MediaKind | None = "video" if attempt.round.service.capability is Capability.VIDEOS else None
    if attempt.round.call.streamed:
        from budwood.engine.pipeline.streamed_downloads import save_and_emit  # few programs stream downloads

        return HTTPReply(exchange.head, b"", (yield from save_and_emit(request, exchange, kind, attempt.round)))
    return HTTPReply(exchange.head, b"", (yield Save(exchange, request.reply_to, request.max_file_bytes, kind)))
