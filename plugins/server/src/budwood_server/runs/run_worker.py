"""The worker of runs: it claims runs, and executes several at the same time."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from budwood import logs
from budwood_server.access.tokens import new_id
from budwood_server.database import DatabaseError
from budwood_server.runs.claims import Claims, name_worker
from budwood_server.runs.execution import RunExecution
from budwood_server.runs.folders import RunFolders, open_folders

if TYPE_CHECKING:
    from budwood_server.settings import RunSettings
    from budwood_server.worker import Worker

POLL_SECONDS: Final = 1.0
"""Seconds between two looks for a run that waits."""


class RunWorker:
    """
    Executes runs until it is stopped.

    Args:
        worker: The state of the process, after its start.
        mark: Random text in its name; see `budwood_server.runs.claims.name_worker`.

    Raises:
        ProblemError: Runs are off.
    """

    def __init__(self, worker: Worker, mark: str | None = None) -> None:
        assert worker.database is not None  # noqa: S101 - its start opens the database
        self._worker = worker
        self._settings: RunSettings = worker.configuration.server.runs
        self._folders: RunFolders = open_folders(self._settings)
        name = name_worker(os.getpid(), mark or new_id()[:6])
        self._claims = Claims(worker.database, name, self._settings.lease)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Claim no more runs, and give back those that are executed. Others continue them."""
        self._stopping.set()

    async def run(self) -> None:
        """Execute runs until `stop` is called."""
        try:
            while not self._stopping.is_set():
                if len(self._tasks) >= self._settings.concurrency or not await self._start_next():
                    await self._wait()
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def execute_waiting(self) -> None:
        """Execute the runs that wait, and return when all of them have ended."""
        while await self._start_next():
            await asyncio.wait(self._tasks)

    async def _start_next(self) -> bool:
        """Start the run that has waited longest, and return whether there is one."""
        try:
            run = await self._claims.claim()
        except DatabaseError as error:
            logs.emit("runs not read", level="warning", reason=str(error))
            return False
        if run is None:
            return False
        logs.emit("run claimed", run=run.id, claims=run.claims)
        task = asyncio.create_task(RunExecution(self._worker, self._claims, self._folders, run).execute())
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return True

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logs.emit("run not stored", level="warning", reason=f"{type(error).__name__}: {error}")

    async def _wait(self) -> None:
        """Wait until it is time to look again, or the worker is stopped."""
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._stopping.wait()
        except TimeoutError:
            pass
