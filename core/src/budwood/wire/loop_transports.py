"""One transport for each event loop in which an async client is used."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Final

from budwood import logs
from budwood.contracts import AsyncTransport

_CLOSE_SECONDS: Final = 5.0
"""How long closing a transport may take."""


class LoopTransports:
    """
    The transports of one async client, by event loop.

    Connections, timers and locks belong to the event loop that created them: in another loop they would wait forever.
    A transport is closed when its loop shuts down, as at the end of `asyncio.run`, or when the client is closed.

    Args:
        create: Creates a transport for the running event loop.
    """

    def __init__(self, create: Callable[[], AsyncTransport]) -> None:
        self._create = create
        self._lock = threading.Lock()
        self._transports: dict[asyncio.AbstractEventLoop, AsyncTransport] = {}
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def get(self) -> AsyncTransport:
        """Return the transport of the running event loop; the first request in a loop creates it."""
        loop = asyncio.get_running_loop()
        return self._transports.get(loop) or self._create_transport(loop)

    async def close(self) -> None:
        """
        Close all transports.

        A transport whose loop runs in another thread is closed there. Closing twice has no effect.
        """
        current = asyncio.get_running_loop()
        with self._lock:
            loops = list(self._closers)
        for loop in loops:
            if loop is current or loop.is_closed():
                await self._close(loop)
            elif loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(self._close(loop), loop)
                await asyncio.wait([asyncio.wrap_future(closing)], timeout=_CLOSE_SECONDS)

    def _create_transport(self, loop: asyncio.AbstractEventLoop) -> AsyncTransport:
        with self._lock:
            closed_loops = [other for other in self._closers if other.is_closed()]
        for other in closed_loops:  # loops that ended without shutting down asynchronous generators
            self._start_task(loop, self._close(other))
        transport = self._create()
        closer = _close_at_shutdown(self._transports, loop)
        with self._lock:
            self._transports[loop], self._closers[loop] = transport, closer
        with contextlib.suppress(StopIteration):  # the first step registers the generator with the loop
            closer.__anext__().send(None)
        return transport

    def _start_task(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
        task = loop.create_task(coroutine)
        self._closing.add(task)  # the loop keeps only weak references
        task.add_done_callback(self._closing.discard)

    async def _close(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            closer = self._closers.pop(loop, None)
        if closer is not None:
            await closer.aclose()


async def _close_at_shutdown(
    transports: dict[asyncio.AbstractEventLoop, AsyncTransport], loop: asyncio.AbstractEventLoop
) -> AsyncGenerator[None, None]:
    """
    Close the transport of a loop when this generator is closed.

    Event loops offer no other hook for shutdown: they close only asynchronous generators.
    """
    try:
        yield
    finally:
        transport = transports.pop(loop)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await transport.close()
        except Exception as error:  # noqa: BLE001 - plugins may raise anything; the loop may be closed
            logs.emit("transport close failed", level="warning", error=f"{type(error).__name__}: {error}")
