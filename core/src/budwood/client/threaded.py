"""A blocking client, as an async one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from budwood.client import forking
from budwood.client.asynchronous import AsyncClient
from budwood.client.blocking import Client
from budwood.contracts import AsyncTransport
from budwood.engine.drivers.asynchronous import AsyncDriver
from budwood.engine.drivers.effects import make_closed_error
from budwood.transports.threaded import ThreadedTransport
from budwood.wire.loop_transports import LoopTransports

_MAX_THREADS: Final = 100
"""How many requests can wait at once, each in a thread. Further ones wait for their turn."""


class ThreadedClient(AsyncClient):
    """
    A blocking client with async methods. Settings, keys, cache, budgets, observers and connections are those of it.

    Closing this object ends its abandoned calls; the blocking client stays open.

    Args:
        client: The blocking client.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._clock = client._clock  # noqa: SLF001 - not for users; likewise below
        self._engine = client._engine  # noqa: SLF001
        self._transport_name = self._transport = None
        self._transports = LoopTransports(self._get_transport)
        self._driver = AsyncDriver(self._get_transport, self._clock)
        self._threads = _make_threads()
        self._closed = False
        forking.clients.add(self)

    async def close(self) -> None:
        """End abandoned calls, after waiting up to 5 s for them. Closing twice is no error."""
        try:
            await self._driver.close()
        finally:
            self.stop()

    def stop(self) -> None:
        """Start no more calls. The threads end with the calls that run."""
        self._closed = True
        self._threads.shutdown(wait=False)

    def _get_transport(self) -> AsyncTransport:
        if self._closed:
            raise make_closed_error()
        transport = self._client._get_transport()  # noqa: SLF001
        self._driver.transport_source = self._client._driver.transport_source  # noqa: SLF001
        return ThreadedTransport(transport, self._threads)

    def _after_fork(self) -> None:
        self._threads = _make_threads()  # the blocking client prepares all else


def _make_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="budwood-request")
