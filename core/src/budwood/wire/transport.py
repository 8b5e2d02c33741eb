"""
Carry HTTP calls with httpx. This is the one place that touches it.

httpx's own API is the one by which users configure the transport: they may bring a client of theirs, with its proxies,
certificates and mocks.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from budwood.errors import (
    BudwoodError,
    ConfigurationError,
    ConnectionFailedError,
    ProviderError,
    RequestTimeoutError,
    ResponseTooLargeError,
)
from budwood.types import HTTPCall, ReplyHead, Timing
from budwood.wire.compression import ACCEPTED, Unpacker, offered
from budwood.wire.deadlines import DeadlineBackend, ThreadDeadline, WaitingSockets
from budwood.wire.tls import load_certificates, shared_context

_PROXY_VARIABLES: Final = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
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
        with _reading_proxies():
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
            failure = _translated(error, call, timing, self._monotonic())
        else:
            return HTTPXExchange(response, call, timing, self._deadline, self._monotonic)
        raise failure  # out here, so that what it is not chained to is not its context either

    def interrupt(self, thread: int) -> None:
        """Shut down the socket on which another thread waits."""
        self._waiting.interrupt(thread)

    def close(self) -> None:
        """Close all connections of our own client."""
        if self._owned:
            self._client.close()


class HTTPXExchange:
    """One request under way; see `budwood.contracts.Exchange`."""

    __slots__ = ("_call", "_chunks", "_deadline", "_monotonic", "_response", "_timing", "_unpacker", "head")

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
        self._unpacker: Unpacker | None = None
        self.head = _head(response)

    def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        self._deadline.moment = self._timing.deadline
        _check_deadline(self._timing, self._monotonic())
        if self._chunks is None or self._unpacker is None:
            _set_idle_timeout(self._response, self._timing)
            self._unpacker = _unpacker(self._response)
            self._chunks = self._response.iter_bytes() if _is_read(self._response) else self._response.iter_raw()
        try:
            data = self._unpacker.more()
            while not data and (packed := next(self._chunks, b"")):
                data = self._unpacker.feed(packed)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failure = _translated(error, self._call, self._timing, self._monotonic())
        else:
            return data
        raise failure

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
        if client is None:
            with _reading_proxies():
                client = httpx.AsyncClient(verify=shared_context(), limits=_LIMITS)
        self._client = client

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncHTTPXExchange:
        """Send the call and wait for the head of the reply; see `budwood.contracts.AsyncTransport`."""
        import asyncio  # not above: programs without an event loop need not pay for it

        now = self._monotonic()
        request = _request(self._client, call, timing, now, secure=self._owned)
        try:
            async with asyncio.timeout(timing.deadline - now):
                response = await self._client.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            failure = _translated(error, call, timing, self._monotonic())
        else:
            return AsyncHTTPXExchange(response, call, timing, self._monotonic)
        raise failure  # see `HTTPXTransport.open`

    async def close(self) -> None:
        """Close all connections of our own client."""
        if self._owned:
            await self._client.aclose()


class AsyncHTTPXExchange:
    """One request under way; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_chunks", "_monotonic", "_response", "_timing", "_unpacker", "head")

    def __init__(
        self, response: httpx.Response, call: HTTPCall, timing: Timing, monotonic: Callable[[], float]
    ) -> None:
        self._response = response
        self._call = call
        self._timing = timing
        self._monotonic = monotonic
        self._chunks: AsyncIterator[bytes] | None = None
        self._unpacker: Unpacker | None = None
        self.head = _head(response)

    async def read(self) -> bytes:
        """Wait for more of the body; empty bytes are its end."""
        import asyncio

        now = self._monotonic()
        _check_deadline(self._timing, now)
        if self._chunks is None or self._unpacker is None:
            _set_idle_timeout(self._response, self._timing)
            self._unpacker = _unpacker(self._response)
            self._chunks = self._response.aiter_bytes() if _is_read(self._response) else self._response.aiter_raw()
        try:
            data = self._unpacker.more()
            async with asyncio.timeout(self._timing.deadline - now):
                while not data and (packed := await anext(self._chunks, b"")):
                    data = self._unpacker.feed(packed)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failure = _translated(error, self._call, self._timing, self._monotonic())
        else:
            return data
        raise failure

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


@contextmanager
def _reading_proxies() -> Iterator[None]:
    """
    Blame proxies that cannot be used on the environment. Their addresses are not shown: they may hold a password.

    Raises:
        ConfigurationError: Names the variables.
    """
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        named = [name for name in os.environ if name.lower() in _PROXY_VARIABLES and os.environ[name]]
        socks = isinstance(error, ImportError)
        if socks:
            named = [name for name in named if os.environ[name].lower().startswith("socks")] or named
        raise ConfigurationError(
            f"The proxy of {' or '.join(sorted(named)) or 'this machine'} cannot be used: "
            + ("SOCKS needs the package socksio." if socks else "it is no address that begins with http:// or so."),
            hint="Install httpx[socks], or unset it." if socks else "Give http://HOST:PORT, or unset it.",
        ) from error


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
    request: httpx.Request | None
    try:
        request = client.build_request(
            call.method, call.url, headers=call.headers, content=call.body, extensions={"timeout": timeout}
        )
    except UnicodeEncodeError:
        request = None
    except (httpx.InvalidURL, ValueError) as error:
        raise _bad_address(call, str(error)) from None
    if request is None:  # raised out here: the context would show the header
        raise _bad_header()
    if (request.url.port or 0) > 65535:
        raise _bad_address(call, "no port has such a number")
    accepted = request.headers.get("accept-encoding", ACCEPTED)
    if accepted != ACCEPTED:  # httpx offers what it could unpack, all at once
        request.headers["accept-encoding"] = offered(accepted)
    return request


def _is_read(response: httpx.Response) -> bool:
    """Say whether a client of the user's, by a hook or a mock, has read and unpacked the body already."""
    return response.is_stream_consumed


def _unpacker(response: httpx.Response) -> Unpacker:
    return Unpacker("" if _is_read(response) else response.headers.get("content-encoding", ""))


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


def _translated(error: Exception, call: HTTPCall, timing: Timing, now: float) -> BudwoodError:
    """
    Say in our own terms what went wrong, chained to what httpx said, but without the request: it holds the key.

    Where a header cannot be sent nothing went over the wire, and what httpx says shows the header.
    """
    if isinstance(error, httpx.LocalProtocolError):
        return _bad_header()
    failure = _failure(error, call, timing, now)
    failure.__cause__ = error
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx.RequestError):
            cause._request = None  # noqa: SLF001 - the property takes a request only
        cause = cause.__cause__ or cause.__context__
    return failure


def _failure(error: Exception, call: HTTPCall, timing: Timing, now: float) -> ProviderError:
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
