"""Notice that the client of a request has left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any


class DisconnectWatch:
    """
    Cancels a task when the client has left.

    It advances ASGI's ``receive`` itself, as a task would, because a task for each request costs more.

    Args:
        receive: Returns the next event of the request.
        task: The task. It is cancelled at most once.

    Attributes:
        is_gone: Whether the client has left.
    """

    def __init__(self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]], task: asyncio.Task[Any]) -> None:
        self._receive = receive
        self._task = task
        self._is_closed = False
        self.is_gone = False
        self._steps = receive().__await__()
        self._advance()

    def close(self) -> None:
        """Watch no longer. The event loop may still call `_advance` for what has happened before."""
        self._is_closed = True
        self._steps.close()

    def _advance(self, _future: object = None) -> None:
        while not (self.is_gone or self._is_closed):
            try:
                future = next(self._steps)
            except StopIteration as stop:
                if stop.value["type"] != "http.disconnect":
                    self._steps = self._receive().__await__()
                    continue
                self.is_gone = True
                self._task.cancel()
            else:
                future._asyncio_future_blocking = False  # noqa: SLF001 - how futures tell tasks that they are awaited
                future.add_done_callback(self._advance)
                return
