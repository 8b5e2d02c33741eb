"""Tasks of a worker that collect the results of batches. They do not end with the request that started them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood_server.gateway.configuration import Configuration

STOP_SECONDS: Final = 10.0
"""Seconds for which the end of the server waits for results that are being collected."""


class BatchCollector:
    """Runs one task for each batch whose results are collected."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[object]] = {}

    async def run(self, batch_id: str, configuration: Configuration, collect: Callable[[], Awaitable[object]]) -> None:
        """
        Collect results, or wait for the task that does it. The task goes on if the request ends.

        Args:
            batch_id: The batch.
            configuration: Remains open until the task has ended.
            collect: Collects the results.
        """
        task = self._tasks.get(batch_id)
        if task is None:
            task = self._tasks[batch_id] = asyncio.create_task(self._run(batch_id, configuration, collect))
            task.add_done_callback(_take_error)
        await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for all tasks, and stop those that take too long."""
        tasks = [*self._tasks.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, batch_id: str, configuration: Configuration, collect: Callable[[], Awaitable[object]]) -> None:
        configuration.begin()
        try:
            await collect()
        finally:
            del self._tasks[batch_id]
            await configuration.end()


def _take_error(task: asyncio.Task[object]) -> None:
    """Mark an error as seen: the request that waits for the task reports it."""
    if not task.cancelled():
        task.exception()
