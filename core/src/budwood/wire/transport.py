"""
Carry HTTP calls with httpx. This is the one place that touches it.

httpx's own API is the one by which users configure the transport: they may bring a client of theirs, with its proxies,
certificates and mocks.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

import httpx

from budwood.errors import (
    ConfigurationError,
    ConnectionFailedError,
    ProviderError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood.wire.deadlines import DeadlineBackend, ThreadDeadline, WaitingSockets
from budwood.wire.tls import load_certificates, shared_context

_LIMITS: Final = httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=30.0)


class HTTPXTransport:
    """
    The default transport, with blocking I/O.

    Args:
        client: A client of the user's; by default one over the process's SSL context. Closing the transport closes only
            what it made itself.
        monotonic: The clock that deadlines are moments of.
    """

    def __init__(self, client: httpx.Client | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._owned = client is None
        self._deadline = ThreadDeadline()
        self._waiting = WaitingSockets()
        self._monotonic = monotonic
        self._client = self._make_client() if client is None else client

    def _make_client(self) -> httpx.Client:
        client = httpx.Client(verify=shared_context(), limits=_LIMITS)
        # httpx has no argument for the network backend; without this, deadlines bind each read alone.
        for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001
            pool: Any = getattr(transport, "_pool", None)
            if hasattr(pool, "_network_backend"):
                pool._network_backend = DeadlineBackend(  # noqa: SLF001
                    pool._network_backend,  # noqa: SLF001
                    self._deadline,
                    self._waiting,
                    self._monotonic,
                )
        return client

    def open(self, call: HTTPCall, timing: Timing) -> HTTPXExchange:
        """Send the call and wait for the head of the reply; see `budwood.contracts.Transport`."""
        self._deadline.moment = timing.deadline
        request = _request(self._client, call, timing, self._monotonic(), secure=self._owned)
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _translated(error, call, timing, self._monotonic()) from error
        return HTTPXExchange(response, call, timing, self._deadline, self._monotonic)

    def interrupt(self, thread: int) -> None:
        """Shut down the socket on which another thread waits."""
        self._waiting.interrupt(thread)

    def close(self) -> None:
        """Close all connections of our own client."""
        if self._owned:
            self._client.close()


class HTTPXExchange:
    """One request under way; see `budwood.contracts.Exchange`."""

    __slots__ = ("_call", "_chunks", "_deadline", "_monotonic", "_response", "_timing", "head")

    def __init__(
        self,
        response: httpx.Response,
        call: HTTPCall,
        timing: Timing,
        deadline: ThreadDeadline,
        monotonic: Callable[[], float],
    ) -> None:
        self._response = response
        self._call = call
        self._timing = timing
        self._deadline = deadline
        self._monotonic = monotonic
        self._chunks: Iterator[bytes] | None = None
        self.head = _head(response)

    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        self._deadline.moment = self._timing.deadline
        _check_deadline(self._timing, self._monotonic())
        if self._chunks is None:
            _set_idle_timeout(self._response, self._timing)
            self._chunks = self._response.iter_bytes()
        try:
            return next(self._chunks, b"")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise _translated(error, self._call, self._timing, self._monotonic()) from error

    def read_all(self, limit: int) -> bytes:
        """Wait for the whole body, of at most ``limit`` bytes."""
        _check_announced_size(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def close(self) -> None:
        """End it; in mid-reply this closes the connection."""
        self._response.close()


class AsyncHTTPXTransport:
    """
    The default transport, with async I/O.

    Args:
        client: A client of the user's; see `HTTPXTransport`.
        monotonic: The clock that deadlines are moments of.
    """

    def __init__(
        self, client: httpx.AsyncClient | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._owned = client is None
        self._monotonic = monotonic
        self._client = httpx.AsyncClient(verify=shared_context(), limits=_LIMITS) if client is None else client

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncHTTPXExchange:
        """Send the call and wait for the head of the reply; see `budwood.contracts.AsyncTransport`."""
        import asyncio  # not above: programs without an event loop need not pay for it

        now = self._monotonic()
        request = _request(self._client, call, timing, now, secure=self._owned)
        try:
            async with asyncio.timeout(timing.deadline - now):
                response = await self._client.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _translated(error, call, timing, self._monotonic()) from error
        return AsyncHTTPXExchange(response, call, timing, self._monotonic)

    async def close(self) -> None:
        """Close all connections of our own client."""
        if self._owned:
            await self._client.aclose()


class AsyncHTTPXExchange:
    """One request under way; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_chunks", "_monotonic", "_response", "_timing", "head")

    def __init__(
        self, response: httpx.Response, call: HTTPCall, timing: Timing, monotonic: Callable[[], float]
    ) -> None:
        self._response = response
        self._call = call
        self._timing = timing
        self._monotonic = monotonic
        self._chunks: AsyncIterator[bytes] | None = None
        self.head = _head(response)

    async def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        import asyncio

        now = self._monotonic()
        _check_deadline(self._timing, now)
        if self._chunks is None:
            _set_idle_timeout(self._response, self._timing)
            self._chunks = self._response.aiter_bytes()
        try:
            async with asyncio.timeout(self._timing.deadline - now):
                return await anext(self._chunks, b"")
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            raise _translated(error, self._call, self._timing, self._monotonic()) from error

    async def read_all(self, limit: int) -> bytes:
        """Wait for the whole body, of at most ``limit`` bytes."""
        _check_announced_size(self.head.headers, limit)
        chunks: list[bytes] = []
        size = 0
        while chunk := await self.read():
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def close(self) -> None:
        """End it; in mid-reply this closes the connection."""
        await self._response.aclose()


def _request(
    client: httpx.Client | httpx.AsyncClient, call: HTTPCall, timing: Timing, now: float, *, secure: bool
) -> httpx.Request:
    """
    Build the request.

    ``read`` may take all that is left: a model that thinks for minutes before it answers is not idle. The
    certificates are read only for an address that needs them (with a proxy, any address may).
    """
    _check_deadline(timing, now)
    left = timing.deadline - now
    if secure and (call.url.startswith("https:") or client._mounts):  # noqa: SLF001 - only proxies are mounted
        load_certificates()
    timeout = {"connect": min(timing.connect_timeout, left), "read": left, "write": left, "pool": left}
    try:
        request = client.build_request(
            call.method, call.url, headers=call.headers, content=call.body, extensions={"timeout": timeout}
        )
    except UnicodeEncodeError:
        raise _bad_header() from None
    except (httpx.InvalidURL, ValueError) as error:
        raise _bad_address(call, str(error)) from None
    if (request.url.port or 0) > 65535:
        raise _bad_address(call, "no port has such a number")
    return request


def _set_idle_timeout(response: httpx.Response, timing: Timing) -> None:
    """From the head on, silence is bounded by ``idle_timeout``; httpcore looks here when the body begins."""
    timeout = response.request.extensions.get("timeout")
    if isinstance(timeout, dict):
        timeout["read"] = min(timing.idle_timeout, timeout["read"])


def _head(response: httpx.Response) -> ReplyHead:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("ascii", "replace").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return ReplyHead(response.status_code, headers)


def _check_deadline(timing: Timing, now: float) -> None:
    if now >= timing.deadline:
        raise _deadline_passed()


def _deadline_passed() -> RequestTimeoutError:
    return RequestTimeoutError(
        "The call took longer than its timeout.", phase="deadline", hint="Raise timeout=… if the model needs the time."
    )


def _check_announced_size(headers: Mapping[str, str], limit: int) -> None:
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> ResponseTooLargeError:
    return ResponseTooLargeError(f"The reply is larger than the {limit:,} bytes that are kept in memory.")


def _bad_address(call: HTTPCall, reason: str) -> ConnectionFailedError:
    return ConnectionFailedError(
        f"The address {_origin(call)} cannot be used: {reason.rstrip('.')}.", hint="Check base_url.", retryable=False
    )


def _bad_header() -> ConfigurationError:
    """Blame a header. Its value is not shown, nor the error that shows it: it may be the key."""
    return ConfigurationError(
        "A header cannot be sent: it holds a line break, or characters that are not ASCII.",
        hint="Was the API key copied whole, and nothing with it?",
    )


def _translated(error: Exception, call: HTTPCall, timing: Timing, now: float) -> ProviderError:
    """
    Say in our own terms what went wrong on the wire.

    Raises:
        ConfigurationError: Nothing went over the wire: a header cannot be sent.
    """
    if isinstance(error, httpx.LocalProtocolError):
        raise _bad_header() from None
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return _bad_address(call, str(error))
    if isinstance(error, TimeoutError | httpx.TimeoutException) and now >= timing.deadline - 0.001:
        return _deadline_passed()
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return RequestTimeoutError(
            f"No connection to {_origin(call)} within {timing.connect_timeout:g} s.",
            phase="connect",
            hint="Check the address and the network, or raise connect_timeout=….",
        )
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return RequestTimeoutError(
            f"{_origin(call)} sent nothing for {timing.idle_timeout:g} s.",
            phase="read",
            hint="Raise idle_timeout=… if the model needs the time.",
        )
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailedError(
            f"No connection to {_origin(call)}: {error}.", hint="Is the server running, and base_url right?"
        )
    return ConnectionFailedError(
        f"The connection to {_origin(call)} broke: {str(error) or type(error).__name__}.",
        hint="Ask again; if it happens often, look at the server or at a proxy between.",
    )


def _origin(call: HTTPCall) -> str:
    """Name the server without path and query, which may hold what is nobody's business."""
    try:
        url = httpx.URL(call.url)
    except httpx.InvalidURL:
        return "of the server"
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
