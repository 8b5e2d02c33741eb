"""The clients that a component of LangChain creates for itself."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from typing import Self

from budwood import AsyncClient, Client


class OwnClients:
    """
    A blocking and an async client, each created at its first use.

    They are closed by `close`, or `aclose`, or when this object is no longer used, or at the end of the program.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._blocking: Client | None = None
        self._asynchronous: AsyncClient | None = None

    def get(self, create: Callable[[], Client]) -> Client:
        """Return the blocking client; the first call creates it."""
        with self._lock:
            if self._blocking is None:
                self._blocking = create()
                weakref.finalize(self, self._blocking.close)
            return self._blocking

    def get_async(self, create: Callable[[], AsyncClient]) -> AsyncClient:
        """Return the async client; the first call creates it."""
        with self._lock:
            if self._asynchronous is None:
                self._asynchronous = create()
                weakref.finalize(self, _close_from_anywhere, self._asynchronous)
            return self._asynchronous

    def close(self) -> None:
        """Close both clients. The next use creates new ones."""
        blocking, asynchronous = self._take()
        if blocking is not None:
            blocking.close()
        if asynchronous is not None:
            _close_from_anywhere(asynchronous)

    async def aclose(self) -> None:
        """Close both clients. The next use creates new ones."""
        blocking, asynchronous = self._take()
        if blocking is not None:
            await asyncio.to_thread(blocking.close)
        if asynchronous is not None:
            await asynchronous.close()

    def __deepcopy__(self, memo: object) -> Self:
        """Return this object: copies of a component share its clients, as connections cannot be copied."""
        return self

    def __reduce__(self) -> tuple[type[OwnClients], tuple[()]]:
        """Leave out the clients: a pickle contains no connections."""
        return OwnClients, ()

    def _take(self) -> tuple[Client | None, AsyncClient | None]:
        with self._lock:
            clients = self._blocking, self._asynchronous
            self._blocking = self._asynchronous = None
        return clients


def _close_from_anywhere(client: AsyncClient) -> None:
    """Close an async client in an event loop of its own, and in a thread of its own if a loop runs in this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(client.close())
    else:
        threading.Thread(target=lambda: asyncio.run(client.close()), name="budwood-close").start()
