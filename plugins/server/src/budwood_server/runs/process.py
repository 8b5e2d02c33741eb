"""
A process that executes runs: ``python -m budwood_server.runs``, which ``budwood serve`` starts.

It sends no webhooks, because the processes that answer requests do. `budwood server worker` sends them as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

from budwood import logs
from budwood.errors import BudwoodError
from budwood_server.access.tokens import new_id
from budwood_server.process.kept_settings import dump_settings
from budwood_server.process.launch import Launch
from budwood_server.process.link import Link, send_heartbeats
from budwood_server.process.linked_process import LinkedProcess
from budwood_server.process.signals import handle_signals

if TYPE_CHECKING:
    from budwood import Settings
    from budwood_server.settings import RunSettings, ServerSettings
    from budwood_server.worker import Worker

COMMAND: Final = (sys.executable, "-P", "-m", "budwood_server.runs")
FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 30.0
"""Seconds before a process that died is started again, doubled up to the last."""

STABLE_SECONDS: Final = 60.0
"""The time after which a process is regarded as sound, so that its death has the first delay."""

STOP_SECONDS: Final = 20.0
"""Seconds that a process gets to give back its runs."""


async def serve_runs(
    launch: Launch,
    started: Callable[[Worker], None],
    *,
    once: bool = False,
    sends_webhooks: bool = False,
    mark: str | None = None,
    kept: str | None = None,
) -> None:
    """
    Execute runs in this process until a signal stops it, while runs are on.

    Args:
        launch: The settings.
        started: Called when it looks for runs.
        once: Whether it ends when no run waits.
        sends_webhooks: Whether it also sends events to webhooks.
        mark: Random text in the name of the worker, by which its claims are known; by default its own.
        kept: The settings with which it starts; see `create_worker`.

    Raises:
        BudwoodError: The settings are not valid, or the database cannot be used.
    """
    from budwood_server.process.alone import create_worker, keep_reloading
    from budwood_server.runs.run_worker import RunWorker

    worker = create_worker(launch, kept, name="worker of runs", sends_webhooks=sends_webhooks)
    stopping = asyncio.Event()
    with keep_reloading(worker, launch, now=kept is not None) as reload, handle_signals(stopping.set, reload):
        await worker.start()
        try:
            runs = RunWorker(worker, mark, stopping)
            started(worker)
            await (runs.execute_waiting() if once else runs.run())
        finally:
            await worker.stop()


@contextlib.asynccontextmanager
async def run_worker_process(
    launch: Launch, settings: Settings, server: ServerSettings
) -> AsyncIterator[Callable[[Callable[[], bool]], None]]:
    """
    Yield a function that starts a process which executes runs, if the settings say so, also when they change.

    Its argument tells whether the server is stopping. The process is started again when it dies, with the settings that
    it used, and stopped at the end.

    Args:
        launch: Where settings are.
        settings: The settings at the start.
        server: Those of the server.
    """
    tasks: list[asyncio.Task[None]] = []

    def start(is_stopping: Callable[[], bool]) -> None:
        process = _RunProcess(launch, settings, server, is_stopping)
        tasks.append(asyncio.create_task(_follow_settings(launch, server.runs, process), name="budwood-run-worker"))

    try:
        yield start
    finally:
        await _end(tasks)


async def _follow_settings(launch: Launch, runs: RunSettings, process: _RunProcess) -> None:
    """Keep a process while the settings say so, and another one when those of runs have changed."""
    from budwood_server.process.file_watch import watch_files
    from budwood_server.settings import load_server_settings

    tasks: list[asyncio.Task[None]] = []

    def start() -> None:
        if runs.dir is not None and runs.worker:
            tasks.append(asyncio.create_task(process.keep(), name="budwood-run-worker-process"))

    def load() -> tuple[Settings, RunSettings]:
        settings = launch.load_settings()
        return settings, load_server_settings(settings, launch.overrides).runs

    async def change() -> None:
        nonlocal runs
        try:
            settings, loaded = await asyncio.to_thread(load)
        except BudwoodError:
            return  # the server reports it, and the present ones remain in use
        if loaded != runs:
            runs = loaded
            await _end(tasks)
            process.use(settings)
            start()

    start()
    try:
        await watch_files(launch.list_files(), change)
    finally:
        await _end(tasks)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks, and remove them once they have ended."""
    while tasks:
        tasks[-1].cancel()
        await asyncio.wait([tasks[-1]])
        del tasks[-1]


class _RunProcess:
    """
    A process that executes runs, and the one that replaces it.

    Args:
        launch: Where settings are.
        settings: The settings with which the first one begins.
        server: Those of the server.
        is_stopping: Tells whether the server is stopping, so that its end is no fault.
    """

    def __init__(
        self, launch: Launch, settings: Settings, server: ServerSettings, is_stopping: Callable[[], bool]
    ) -> None:
        self._launch = launch
        self._settings = dump_settings(settings)
        self._database_url = server.database_url
        self._timeout = server.worker_timeout or 0.0
        self._is_stopping = is_stopping

    def use(self, settings: Settings) -> None:
        """Begin the next process with other settings."""
        self._settings = dump_settings(settings)

    async def keep(self) -> None:
        """Run a process, and another one when it has died, or was killed after too long a silence."""
        loop = asyncio.get_running_loop()
        delay = FIRST_DELAY
        while True:
            began, mark = loop.time(), new_id()[:6]
            process = await self._start(mark)
            status = await self._watch(process)
            if self._is_stopping():
                return
            if loop.time() - began > STABLE_SECONDS:
                delay = FIRST_DELAY
            pid = process.process.pid
            logs.emit("worker of runs died", level="warning", pid=pid, status=status, restart_in=delay)
            await _release_claims(self._database_url, pid, mark)
            await asyncio.sleep(delay)
            delay = min(delay * 2, MAX_DELAY)

    async def _start(self, mark: str) -> LinkedProcess:
        order = {"launch": self._launch.to_json(), "mark": mark, "settings": self._settings}
        return await LinkedProcess.start(COMMAND, order, name="worker of runs", timeout=self._timeout)

    async def _watch(self, process: LinkedProcess) -> int:
        """Wait until a process has ended, and return its exit status. If this is cancelled, stop the process."""
        try:
            while (message := await process.receive()) is not None:
                self._settings = message.get("settings", self._settings)
            return await process.wait()
        except asyncio.CancelledError:
            await asyncio.shield(_stop(process))
            raise


async def _release_claims(database_url: str, pid: int, mark: str) -> None:
    """Have another process continue the runs of one that died; else that waits for the end of its leases."""
    from budwood_server.database import Database
    from budwood_server.runs.claims import name_worker, release_claims

    database = Database(database_url)
    try:
        with contextlib.suppress(BudwoodError):
            await release_claims(database, name_worker(pid, mark))
    finally:
        await database.close()


async def _stop(child: LinkedProcess) -> None:
    """Stop a process, and kill it if it does not end."""
    child.spare()
    with contextlib.suppress(ProcessLookupError):
        child.process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


def main() -> int:
    """Execute runs until a signal, or the end of the parent. The argument is the socket to the parent."""
    from budwood_server.process.server import run

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the parent decides
    try:
        run(_serve_until_parent_ends(socket.socket(fileno=int(sys.argv[1]))))
    except BudwoodError as error:
        logs.emit("worker of runs cannot start", level="warning", reason=f"{error.message} {error.hint or ''}".strip())
        return 3
    return 0


async def _serve_until_parent_ends(end: socket.socket) -> None:
    link = await Link.open(end)
    order = await link.receive()  # how to start
    if order is None:
        return
    launch = Launch(**order["launch"])
    launch.configure_logging()

    def report(kind: str, worker: Worker) -> None:
        link.send(kind, settings=dump_settings(worker.settings))

    def report_start(worker: Worker) -> None:
        report("ready", worker)
        worker.announce = lambda: report("settings", worker)

    with send_heartbeats(link, order):
        run = serve_runs(launch, report_start, mark=order["mark"], kept=order["settings"])
        serving = asyncio.create_task(run)
        waiting = asyncio.create_task(link.receive())  # None at the end of the parent, which sends no more
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, waiting):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


if __name__ == "__main__":
    sys.exit(main())
