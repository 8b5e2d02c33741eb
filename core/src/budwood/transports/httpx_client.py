"""Send calls with a client of httpx that the user supplies, with its proxies, certificates, hooks and mocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

import httpx

from budwood.errors import BudwoodError, ConfigurationError, ProviderError
from budwood.transports.deadlines import WaitingSockets
from budwood.types import HTTPCall, Timing
from budwood.wire.bodies import AsyncBufferedBody, BufferedBody
from budwood.wire.compression import ACCEPT_ENCODING, Decompressor, supported_encodings
from budwood.wire.errors import (
    authorization_conflict_error,
    broken_connection_error,
    check_deadline,
    check_head_deadline,
    client_certificate_error,
    connection_error,
    header_error,
    is_client_certificate_error,
    is_server_certificate_error,
    server_certificate_error,
    timeout_error,
    url_error,
)
from budwood.wire.heads import normalize_headers, parse_head
from budwood.wire.hosts import is_valid_host
from budwood.wire.uploads import AsyncUpload, Upload, prepare_body, prepare_body_async

if TYPE_CHECKING:
    from httpcore import NetworkStream


class HTTPXTransport:
    """
    Sends calls with blocking I/O.

    A reply that arrives byte by byte may outlast the deadline by one timeout: httpx limits each read separately.

    Args:
        client: The user's client, which closing the transport leaves open.
        monotonic: The clock of the deadlines.
    """

    def __init__(self, client: httpx.Client, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._waiting = WaitingSockets()

    def open(self, call: HTTPCall, timing: Timing) -> HTTPXExchange:
        """Send the call and wait for the head of the reply; see `budwood.contracts.Transport`."""
        check_head_deadline(timing, self._monotonic())
        body = prepare_body(call.body)
        request = _request(self._client, call, body, timing, self._monotonic())
        request.extensions["trace"] = self._trace
        try:
            response = self._client.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            failure = _convert_error(error, call, timing, self._monotonic())
        else:
            return HTTPXExchange(response, call, timing.after_head(), self._monotonic, self._waiting)
        finally:
            self._waiting.leave()
        raise failure  # outside of `except`, so that it does not get the original error as its context

    def _trace(self, event: str, info: Mapping[str, object]) -> None:
        """Record the socket of a new connection; httpcore calls this at each step."""
        stream = info.get("return_value")
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")) and hasattr(stream, "get_extra_info"):
            self._waiting.enter(cast("NetworkStream", stream))

    def interrupt(self, thread: int) -> None:
        """
        Shut down the socket on which another thread waits.

        That works while the thread waits on a new connection, or for the body of a reply. While it waits for a head on
        a reused connection, only httpx knows the socket, and the thread continues to wait until its deadline.
        """
        self._waiting.interrupt(thread)

    def close(self) -> None:
        """Do nothing: the client is the user's."""


class HTTPXExchange(BufferedBody):
    """One request in flight; see `budwood.contracts.Exchange`."""

    __slots__ = ("_call", "_chunks", "_decompressor", "_monotonic", "_response", "_timing", "_waiting", "head")

    def __init__(
        self,
        response: httpx.Response,
        call: HTTPCall,
        timing: Timing,
        monotonic: Callable[[], float],
        waiting: WaitingSockets,
    ) -> None:
        self._response = response
        self._call = call
        self._timing = timing
        self._monotonic = monotonic
        self._waiting = waiting
        self._chunks: Iterator[bytes] | None = None
        self._decompressor: Decompressor | None = None
        self.head = parse_head(response.status_code, response.headers.raw)

    def read(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes are its end."""
        check_deadline(self._timing, self._monotonic())
        if self._chunks is None or self._decompressor is None:
            _set_idle_timeout(self._response, self._timing, self._monotonic())
            self._decompressor = _create_decompressor(self._response)
            self._chunks = self._response.iter_bytes() if _is_consumed(self._response) else self._response.iter_raw()
        stream = self._response.extensions.get("network_stream")
        if stream is not None:
            self._waiting.enter(stream)
        try:
            data = self._decompressor.read_next(partial(next, self._chunks, b""))
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failure = _convert_error(error, self._call, self._timing, self._monotonic())
        else:
            return data
        finally:
            self._waiting.leave()
        raise failure

    def close(self) -> None:
        """End the exchange; during a reply this closes the connection."""
        self._response.close()


class AsyncHTTPXTransport:
    """
    Sends calls with async I/O. Belongs to the event loop in which it is first used, as httpx's connections do.

    Args:
        client: The user's client; see `HTTPXTransport`.
        monotonic: The clock of the deadlines.
    """

    def __init__(self, client: httpx.AsyncClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncHTTPXExchange:
        """
        Send the call and wait for the head of the reply; see `budwood.contracts.AsyncTransport`.

        Raises:
            ConfigurationError: The client has connections that belong to another event loop.
        """
        self._check_loop()
        left = check_head_deadline(timing, self._monotonic())
        try:
            async with asyncio.timeout(left):
                body = await prepare_body_async(call.body)
                request = _request(self._client, call, body, timing, self._monotonic())
                response = await self._client.send(request, stream=True, follow_redirects=False)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            failure = _convert_error(error, call, timing, self._monotonic())
        else:
            return AsyncHTTPXExchange(response, call, timing.after_head(), self._monotonic)
        raise failure  # see `HTTPXTransport.open`

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        # A mock, or an ASGI application in place of the network, has no connections.
        if loop is not self._loop and isinstance(getattr(self._client, "_transport", None), httpx.AsyncHTTPTransport):
            raise ConfigurationError(
                "The httpx.AsyncClient that was passed as transport= was used in another event loop before.",
                hint="Create a client of httpx, and an AsyncClient, for each event loop; or omit transport=, since "
                "Budwood's own transports work in several loops.",
            )

    async def close(self) -> None:
        """Do nothing: the client is the user's."""


class AsyncHTTPXExchange(AsyncBufferedBody):
    """One request in flight; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_chunks", "_decompressor", "_monotonic", "_response", "_timing", "head")

    def __init__(
        self, response: httpx.Response, call: HTTPCall, timing: Timing, monotonic: Callable[[], float]
    ) -> None:
        self._response = response
        self._call = call
        self._timing = timing
        self._monotonic = monotonic
        self._chunks: AsyncIterator[bytes] | None = None
        self._decompressor: Decompressor | None = None
        self.head = parse_head(response.status_code, response.headers.raw)

    async def read(self) -> bytes:
        """Wait for the next bytes of the body; empty bytes are its end."""
        now = self._monotonic()
        check_deadline(self._timing, now)
        if self._chunks is None or self._decompressor is None:
            _set_idle_timeout(self._response, self._timing, now)
            self._decompressor = _create_decompressor(self._response)
            self._chunks = self._response.aiter_bytes() if _is_consumed(self._response) else self._response.aiter_raw()
        try:
            data = self._decompressor.read_block()
            async with asyncio.timeout(self._timing.deadline - now):
                while not data:
                    compressed = await anext(self._chunks, b"")
                    if not compressed:
                        self._decompressor.finish()
                        break
                    data = self._decompressor.feed(compressed)
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failure = _convert_error(error, self._call, self._timing, self._monotonic())
        else:
            return data
        raise failure

    async def close(self) -> None:
        """End the exchange; during a reply this closes the connection."""
        await self._response.aclose()


def _request(
    client: httpx.Client | httpx.AsyncClient,
    call: HTTPCall,
    body: bytes | Upload | AsyncUpload,
    timing: Timing,
    now: float,
) -> httpx.Request:
    """
    Build the request.

    The timeout of the first read is all that the call has left: a model may reason for minutes before it replies.
    """
    left = check_head_deadline(timing, now)
    timeout = {"connect": min(timing.connect_timeout, left), "read": left, "write": left, "pool": left}
    headers = normalize_headers(call.headers)
    if not isinstance(body, bytes):  # httpx knows the size of bytes only
        headers["content-length"] = str(body.size)
    try:
        request = client.build_request(
            call.method, call.url, headers=headers, content=body, extensions={"timeout": timeout}
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise url_error(call, str(error)) from None
    if (request.url.port or 0) > 65535:
        raise url_error(call, "its port must be a number from 1 to 65535")
    if request.url.host and not is_valid_host(request.url.raw_host.decode("ascii", "replace").strip("[]")):
        raise url_error(call, "its host is not a valid name or address")
    if request.url.userinfo and "authorization" in headers:
        raise authorization_conflict_error()
    if call.addresses:
        _pin(request, call.addresses[0])
    accepted = request.headers.get("accept-encoding", ACCEPT_ENCODING)
    if accepted != ACCEPT_ENCODING:  # httpx accepts more encodings, and decompresses a chunk at once
        request.headers["accept-encoding"] = supported_encodings(accepted)
    return request


def _pin(request: httpx.Request, address: str) -> None:
    """Connect to an address. The certificate must be that of the host, and the connection is not reused for another."""
    request.extensions["sni_hostname"] = request.url.raw_host.decode("ascii")
    request.headers["connection"] = "close"
    request.url = request.url.copy_with(host=address)


def _is_consumed(response: httpx.Response) -> bool:
    """Tell whether a hook or a mock has read and decompressed the body already."""
    return response.is_stream_consumed


def _create_decompressor(response: httpx.Response) -> Decompressor:
    return Decompressor("" if _is_consumed(response) else response.headers.get("content-encoding", ""))


def _set_idle_timeout(response: httpx.Response, timing: Timing, now: float) -> None:
    """Apply ``idle_timeout`` from the head on; httpcore reads this timeout when the body starts."""
    timeout = response.request.extensions.get("timeout")
    if isinstance(timeout, dict):
        timeout["read"] = min(timing.idle_timeout, timing.deadline - now)


def _convert_error(error: Exception, call: HTTPCall, timing: Timing, now: float) -> BudwoodError:
    """
    Return the error of Budwood for one of httpx, which becomes its cause, without the request, which contains the key.

    For an invalid header there is no cause, because httpx's error shows the header. Nothing was sent.
    """
    if isinstance(error, httpx.LocalProtocolError):
        return header_error()
    failure = _create_error(error, call, timing, now)
    failure.__cause__ = error
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, httpx.RequestError):
            cause._request = None  # noqa: SLF001 - the property takes a request only
        cause = cause.__cause__ or cause.__context__
    return failure


def _create_error(error: Exception, call: HTTPCall, timing: Timing, now: float) -> ProviderError:
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
        return url_error(call, str(error))
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return timeout_error(call, timing, now, connecting=isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout))
    if is_server_certificate_error(error):
        return server_certificate_error(call, str(error))
    if is_client_certificate_error(error):
        return client_certificate_error(call, str(error))
    if isinstance(error, httpx.ConnectError):
        return connection_error(call, str(error))
    return broken_connection_error(call, str(error) or type(error).__name__)
