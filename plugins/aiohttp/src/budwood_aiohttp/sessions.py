"""Sessions of aiohttp, with what it does beyond carrying (cookies, redirects, unpacking) turned off."""

from __future__ import annotations

import asyncio
import weakref
from typing import Final

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from budwood.wire.heads import DEFAULT_HEADERS
from budwood.wire.transport_settings import TransportSettings

_LONGEST_HEADER: Final = 100 * 1024
"""Some servers send policies of more than aiohttp's 8 kB."""

_MOST_SPOILT: Final = 3
"""So many connections on which a server speaks unasked are put away for one call."""


def begin_session(settings: TransportSettings, owner: object) -> aiohttp.ClientSession:
    """
    Begin a session on the running event loop.

    Args:
        settings: How connections are made.
        owner: Once it is gone, so is the session. Whoever forgets to close it is not told: neither is one of httpx.
    """
    keeping = settings.max_idle_connections > 0
    connector = _Connector(
        limit=0,
        force_close=not keeping,
        keepalive_timeout=settings.keepalive_expiry if keeping else None,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        response_class=_Response,
        headers=DEFAULT_HEADERS,
        skip_auto_headers=("Content-Type",),
        auto_decompress=False,
        max_line_size=_LONGEST_HEADER,
        max_field_size=_LONGEST_HEADER,
    )
    weakref.finalize(owner, _drop, session, asyncio.get_running_loop())
    return session


class _Connector(aiohttp.TCPConnector):
    """
    Uses no connection on which something came that nobody had asked for.

    aiohttp would take that for the reply to the next request.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        for _ in range(_MOST_SPOILT):
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise aiohttp.ServerDisconnectedError("the server speaks before it is asked")

    def __del__(self, _warnings: object = None) -> None:
        """Do not complain, as aiohttp's does: `_drop` closes what can still be closed."""


class _Response(aiohttp.ClientResponse):
    def __del__(self, _warnings: object = None) -> None:
        if not self._loop.is_closed():  # else aiohttp fails at it, and says so
            super().__del__()


def _drop(session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> None:
    connector = session.connector
    if session.closed or connector is None:
        return
    session.detach()
    if not loop.is_closed():
        loop.call_soon_threadsafe(_close, connector, loop)


def _close(connector: aiohttp.BaseConnector, loop: asyncio.AbstractEventLoop) -> None:
    _closing.add(task := loop.create_task(_closed(connector)))
    task.add_done_callback(_closing.discard)


async def _closed(connector: aiohttp.BaseConnector) -> None:
    await connector.close()


_closing: Final[set[asyncio.Task[None]]] = set()
"""The loop itself keeps no task alive."""
