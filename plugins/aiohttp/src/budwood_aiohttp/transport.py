"""Send calls with aiohttp."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from io import BytesIO
from typing import Any, ClassVar, Final, NamedTuple

import aiohttp
from yarl import URL

from budwood.errors import BudwoodError, UnsupportedError
from budwood.types import HTTPCall, Timing
from budwood.wire.async_bodies import AsyncBody
from budwood.wire.deadlines import Deadlines
from budwood.wire.errors import PROXY_AUTHENTICATION_REQUIRED, check_head_deadline, proxy_authentication_error
from budwood.wire.heads import Address, parse_address, parse_head, request_headers
from budwood.wire.proxies import Proxies, Proxy
from budwood.wire.tls import ssl_context
from budwood.wire.transport_settings import TransportSettings
from budwood.wire.uploads import AsyncUpload, prepare_body_async
from budwood_aiohttp.errors import convert_error
from budwood_aiohttp.sessions import create_session

_MAX_TARGETS: Final = 1000
"""How many URLs are cached: memory stays bounded if every call has a new one."""

_CONNECTION_ERRORS: Final = (aiohttp.ClientError, OSError, ValueError, RuntimeError)
"""What aiohttp raises; `RuntimeError` if the session is closed in the meantime."""

_MAX_BYTES_BODY: Final = 1024 * 1024
"""aiohttp warns about larger bodies unless they are files, which it reads in blocks."""


_addresses: Final[ContextVar[tuple[str, ...]]] = ContextVar("_addresses")
"""The addresses to which the request of a task connects."""


class _Target(NamedTuple):
    """
    A URL, with what sending a request to it needs.

    ``arguments`` are the arguments of `aiohttp.ClientSession.request` that are the same for each call.
    """

    url: URL
    address: Address
    proxy: Proxy | None
    arguments: dict[str, Any]


class AiohttpTransport:
    """
    Sends calls; see `budwood.contracts.AsyncTransport`. Belongs to one event loop.

    Args:
        settings: The settings of connections. aiohttp supports no other ``max_idle_connections`` than 0.
        monotonic: The clock of the deadlines.

    Raises:
        UnsupportedError: The settings ask for HTTP/2 or a SOCKS proxy. A SOCKS proxy of the environment raises it in
            `open`, for a request that would have to go through it.
        ConfigurationError: The proxy of the settings cannot be used.
    """

    def __init__(
        self, settings: TransportSettings | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings or TransportSettings()
        self.monotonic = monotonic
        self._proxies = Proxies(self._settings)
        if self._settings.http2:
            raise _unsupported("does not support HTTP/2")
        if self._proxies.configured is not None:
            _check_proxy(self._proxies.configured)
        self.deadlines = Deadlines()
        self._slots = asyncio.BoundedSemaphore(self._settings.max_connections)
        self._targets: dict[str, _Target] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}
        self._session: aiohttp.ClientSession | None = None
        self._pinned: aiohttp.ClientSession | None = None
        self.responses: set[aiohttp.ClientResponse] = set()

    def _start_session(self) -> aiohttp.ClientSession:
        """Create the session, which needs a running event loop."""
        self._session = create_session(self._settings, self)
        return self._session

    def _pin(self, addresses: tuple[str, ...]) -> aiohttp.ClientSession:
        """Return the session that connects only to given addresses, for a request of this task."""
        _addresses.set(addresses)
        if self._pinned is None:
            self._pinned = create_session(self._settings, self, addresses=_addresses)
        return self._pinned

    async def open(self, call: HTTPCall, timing: Timing) -> AiohttpExchange:
        """Send the call and wait for the head of the reply."""
        left = check_head_deadline(timing, self.monotonic())
        target = self._targets.get(call.url) or self._target(call)
        headers = request_headers(call, target.address)
        session = self._session or self._start_session()
        if call.addresses and target.proxy is None:
            session = self._pin(call.addresses)
        proxied = target.arguments.get("proxy_headers") if target.address.scheme == "http" else None
        if proxied:  # aiohttp sends them with CONNECT only
            headers.update(proxied)
        body: bytes | AsyncUpload = b""
        try:
            with self.deadlines.within(left):
                body = await prepare_body_async(call.body)
                if not isinstance(body, bytes):
                    headers["content-length"] = str(body.size)
                await self._slots.acquire()
                try:
                    response = await session.request(
                        call.method,
                        target.url,
                        data=_content(body),
                        headers=headers,
                        timeout=self._timeout(timing),
                        **target.arguments,
                    )
                except BaseException:
                    self._slots.release()
                    raise
        except _CONNECTION_ERRORS as error:
            failure = _upload_failure(body) or convert_error(error, call, timing, self.monotonic(), target.proxy)
        else:
            exchange = AiohttpExchange(self, call, timing.after_head(), target.proxy, response)
            if response.status == PROXY_AUTHENTICATION_REQUIRED and target.proxy is not None:
                await exchange.close()
                raise proxy_authentication_error(target.proxy)
            return exchange
        raise failure  # outside of `except`, so that it does not get the original error as its context

    def _target(self, call: HTTPCall) -> _Target:
        address = parse_address(call)
        proxy = self._proxies.find(address.scheme, address.host, address.port)
        secure = address.scheme == "https" or (proxy is not None and proxy.scheme == "https")
        arguments: dict[str, Any] = {"allow_redirects": False}
        if secure:
            arguments["ssl"] = ssl_context(self._settings)
        if proxy is not None:
            _check_proxy(proxy)
            arguments["proxy"] = URL(proxy.url)
            if proxy.authorization is not None:
                arguments["proxy_headers"] = {"Proxy-Authorization": proxy.authorization}
        path, _, query = address.target.partition("?")
        url = URL.build(
            scheme=address.scheme, host=address.host, port=address.port, path=path, query_string=query, encoded=True
        )
        target = _Target(url, address, proxy, arguments)
        if len(self._targets) >= _MAX_TARGETS:
            self._targets.clear()
        self._targets[call.url] = target
        return target

    def _timeout(self, timing: Timing) -> aiohttp.ClientTimeout:
        seconds = timing.connect_timeout
        if seconds not in self._timeouts:
            self._timeouts.clear()
            self._timeouts[seconds] = aiohttp.ClientTimeout(connect=seconds, ceil_threshold=float("inf"))
        return self._timeouts[seconds]

    def release_slot(self) -> None:
        """Let another request use the slot."""
        self._slots.release()

    async def close(self) -> None:
        """Close all connections; closing twice is no error."""
        self.deadlines.stop()
        is_dead = self.deadlines.loop is not None and self.deadlines.loop.is_closed()
        for response in () if is_dead else self.responses:  # aiohttp does not wake a reader that got the head just now
            response.content.set_exception(aiohttp.ClientConnectionError("The transport is closed."))
        for session in filter(None, (self._session, self._pinned)):
            await session.close()


class AiohttpExchange(AsyncBody):
    """One request in flight; see `budwood.contracts.AsyncExchange`."""

    __slots__ = ("_call", "_proxy", "_response", "_transport")

    connection_errors: ClassVar[tuple[type[Exception], ...]] = _CONNECTION_ERRORS

    def __init__(
        self,
        transport: AiohttpTransport,
        call: HTTPCall,
        timing: Timing,
        proxy: Proxy | None,
        response: aiohttp.ClientResponse,
    ) -> None:
        head = parse_head(response.status, response.raw_headers)
        super().__init__(head, timing, transport.deadlines, transport.monotonic)
        self._transport = transport
        self._call = call
        self._proxy = proxy
        self._response = response
        transport.responses.add(response)

    def _take_buffered(self) -> bytes:
        return self._response.content.read_nowait()

    async def _receive(self) -> bytes:
        return await self._response.content.readany()

    def _is_at_end(self) -> bool:
        return self._response.content.at_eof()

    def _convert_error(self, error: Exception) -> BudwoodError:
        return convert_error(error, self._call, self._timing, self._monotonic(), self._proxy)

    async def _release(self) -> None:
        self._transport.responses.discard(self._response)
        self._response.close()
        self._transport.release_slot()

    async def _discard(self) -> None:
        self._transport.responses.discard(self._response)
        self._response.close()  # closes nothing: the connection is closed when it is garbage-collected


def _content(body: bytes | AsyncUpload) -> bytes | BytesIO | AsyncIterator[bytes] | None:
    if isinstance(body, AsyncUpload):
        return aiter(body)
    return BytesIO(body) if len(body) > _MAX_BYTES_BODY else body or None


def _upload_failure(body: bytes | AsyncUpload) -> BudwoodError | None:
    """Return the error if a file could not be read; aiohttp reports a lost connection instead."""
    return body.failure if isinstance(body, AsyncUpload) else None


def _check_proxy(proxy: Proxy) -> None:
    """
    Check that aiohttp supports a proxy.

    Raises:
        UnsupportedError: It speaks SOCKS.
    """
    if proxy.is_socks:
        raise _unsupported(f"does not support SOCKS, and the proxy of {proxy.source} speaks it")


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(f"The transport aiohttp {what}.", hint='Use transport="auto" or transport="default".')
