"""Sessions of aiohttp without cookies and decompression."""

from __future__ import annotations

import asyncio
import socket
import weakref
from contextvars import ContextVar
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from budwood.wire.heads import DEFAULT_HEADERS
from budwood.wire.transport_settings import TransportSettings

_MAX_HEADER: Final = 100 * 1024
"""Some servers send policies larger than aiohttp's limit of 8 kB."""

_MAX_UNSOLICITED: Final = 3
"""How many connections with unsolicited data are discarded for one call."""


def create_session(
    settings: TransportSettings, owner: object, *, addresses: ContextVar[tuple[str, ...]] | None = None
) -> aiohttp.ClientSession:
    """
    Create a session on the running event loop.

    Args:
        settings: The settings of connections.
        addresses: The addresses that each call connects to; None to look up hosts.
        owner: When it is garbage-collected, the session is closed, without a warning, as clients of httpx are.
    """
    reuses_connections = settings.max_idle_connections > 0 and addresses is None
    connector = _Connector(
        limit=0,
        resolver=None if addresses is None else _Resolver(addresses),
        use_dns_cache=addresses is None,
        force_close=not reuses_connections,
        keepalive_timeout=settings.keepalive_expiry if reuses_connections else None,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        headers=DEFAULT_HEADERS,
        skip_auto_headers=("Content-Type",),
        auto_decompress=False,
        max_line_size=_MAX_HEADER,
        max_field_size=_MAX_HEADER,
    )
    weakref.finalize(owner, _drop, session, asyncio.get_running_loop())
    return session


class _Connector(aiohttp.TCPConnector):
    """Does not reuse a connection with unsolicited data, which aiohttp would take for the reply to the next request."""

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        for _ in range(_MAX_UNSOLICITED):
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ServerDisconnectedError("the server sends data without a request")

    def __del__(self, _warnings: object = None) -> None:
        """Do not warn, as aiohttp does: `_drop` closes what can still be closed."""


class _Response(aiohttp.ClientResponse):
    def __del__(self, _warnings: object = None) -> None:
        if not self._loop.is_closed():  # otherwise aiohttp fails and prints an error
            super().__del__()


class _Resolver(AbstractResolver):
    """Returns the addresses of the call in place of looking up its host."""

    def __init__(self, addresses: ContextVar[tuple[str, ...]]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses.get()
        ]

    async def close(self) -> None:
        pass


def _drop(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> None:
    connector = session.connector
    if session.closed or connector is None:
        return
    session.detach()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_close, connector, loop)


def _close(connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop) -> None:
    _closing.add(task := loop.create_task(_close_connector(connector)))
    task.add_done_callback(_closing.discard)


async def _close_connector(connector: aiohttp.BaseConnector) -> None:
    await connector.close()


_closing: Final[set[asyncio.Task[None]]] = set()
"""The loop itself has weak references to tasks only."""
