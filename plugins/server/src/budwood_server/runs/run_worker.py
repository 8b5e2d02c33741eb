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
from budwood_server.runs.folders import open_folders
from budwood_server.runs.retention import Retention

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.settings import RunSettings
    from budwood_server.worker import Worker

POLL_SECONDS: Final = 1.0
"""Seconds between two looks for a run that waits."""

SWEEP_SECONDS: Final = 300.0
"""Seconds between two passes that remove old runs."""


class RunWorker:
    """
    Executes runs until it is stopped, each with the settings at its claim. While runs are off, it waits.

    Args:
        worker: The state of the process, after its start.
        mark: Random text in its name; see `budwood_server.runs.claims.name_worker`.
        stopping: Is set when it is to claim no more runs, and to give back those that it executes, for others.
    """

    def __init__(self, worker: Worker, mark: str | None = None, stopping: asyncio.Event | None = None) -> None:
        assert worker.database is not None  # noqa: S101 - its start opens the database
        self._worker = worker
        self._database: Database = worker.database
        self._name = name_worker(os.getpid(), mark or new_id()[:6])
        if self._settings.dir is not None:
            open_folders(self._settings)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = stopping or asyncio.Event()

    @property
    def _settings(self) -> RunSettings:
        """The settings of now: they may change while the worker runs."""
        return self._worker.configuration.server.runs

    async def run(self) -> None:
        """Execute runs until it is stopped, and remove old ones."""
        sweeping = asyncio.create_task(self._keep_sweeping(), name="budwood-run-retention")
        try:
            while not self._stopping.is_set():
                if len(self._tasks) >= self._settings.concurrency or not await self._start_next():
                    await self._wait()
        finally:
            ending = {sweeping, *self._tasks}
            for task in ending:
                task.cancel()
            await asyncio.wait(ending)

    async def execute_waiting(self) -> None:
        """Execute the runs that wait, remove old ones, and return when all of them have ended."""
        while await self._start_next():
            await asyncio.wait(self._tasks)
        await self._sweep()

    async def _start_next(self) -> bool:
        """Start the run that has waited longest, and return whether there is one."""
        settings = self._settings
        if settings.dir is None:  # runs were switched off; the present ones are finished
            return False
        claims = Claims(self._database, self._name, settings.lease)
        try:
            run = await claims.claim()
        except DatabaseError as error:
            logs.emit("runs not read", level="warning", reason=str(error))
            return False
        if run is None:
            return False
        logs.emit("run claimed", run=run.id, claims=run.claims)
        task = asyncio.create_task(RunExecution(self._worker, claims, open_folders(settings), run).execute())
        self._tasks.add(task)
        task.add_done_callback(self._end)
        return True

    async def _keep_sweeping(self) -> None:
        while True:
            await self._sweep()
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep(self) -> None:
        """Remove old runs, if there are runs."""
        settings = self._settings
        if settings.dir is None:
            return
        try:
            await Retention(self._database, open_folders(settings), settings.retention).sweep()
        except (DatabaseError, OSError) as error:  # the next pass tries it again
            logs.emit("old runs not removed", level="warning", reason=f"{type(error).__name__}: {error}")

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
