"""A blocking transport for async code: it waits in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from budwood.contracts import AsyncExchange, Exchange, Transport
from budwood.types import HTTPCall, Timing

T = TypeVar("T")


class ThreadedTransport:
    """
    Sends requests with a blocking transport, in threads.

    Cancelling a task interrupts the wait of its thread. A reply that arrives nevertheless is closed.

    Args:
        transport: Sends the requests; its owner closes it.
        threads: Run the waits.
    """

    def __init__(self, transport: Transport, threads: Executor) -> None:
        self._transport = transport
        self._threads = threads

    async def open(self, call: HTTPCall, timing: Timing) -> AsyncExchange:
        """Send a request and wait for the response headers; see `budwood.contracts.Transport.open`."""
        exchange = await self.run(lambda: self._transport.open(call, timing), _close_unread)
        return _ThreadedExchange(self, exchange)

    async def close(self) -> None:
        """Do nothing: the blocking transport belongs to another client."""

    async def run(self, function: Callable[[], T], discard: Callable[[Future[T]], None] | None = None) -> T:
        """
        Return the result of a function that waits for the transport.

        Args:
            function: The function.
            discard: Receives the function's future if the task was cancelled.
        """
        thread: int | None = None
        lock = threading.Lock()  # so that the thread cannot be interrupted in its next task

        def run() -> T:
            nonlocal thread
            with lock:
                thread = threading.get_ident()
            try:
                return function()
            finally:
                with lock:
                    thread = None

        running = self._threads.submit(contextvars.copy_context().run, run)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            with lock:
                if thread is not None:
                    self._transport.interrupt(thread)
            if discard is not None:
                running.add_done_callback(discard)
            raise


def _close_unread(opened: Future[Exchange]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()


class _ThreadedExchange:
    """One request and its reply. It is used by one thread at a time, also after a task was cancelled."""

    def __init__(self, transport: ThreadedTransport, exchange: Exchange) -> None:
        self.head = exchange.head
        self._transport = transport
        self._exchange = exchange
        self._lock = threading.Lock()

    async def read(self) -> bytes:
        return await self._run(self._exchange.read)

    async def read_all(self, limit: int) -> bytes:
        return await self._run(lambda: self._exchange.read_all(limit))

    async def close(self) -> None:
        await self._run(self._exchange.close)

    async def _run(self, function: Callable[[], T]) -> T:
        def use() -> T:
            with self._lock:
                return function()

        return await self._transport.run(use)
