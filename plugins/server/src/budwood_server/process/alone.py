"""The server as one process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from budwood import logs
from budwood.errors import BudwoodError
from budwood_server.otlp import start_export
from budwood_server.process.file_watch import watch_files
from budwood_server.process.kept_settings import load_kept_settings
from budwood_server.process.server import GatewayServer, serve_worker
from budwood_server.process.signals import handle_signals
from budwood_server.worker import Worker

if TYPE_CHECKING:
    from budwood_server.process.launch import Launch


def create_worker(
    launch: Launch, kept: str | None = None, *, name: str = "server", sends_webhooks: bool | None = None
) -> Worker:
    """
    Create the state of a process from its settings.

    Args:
        launch: Where they are.
        kept: Those that the process before used; see `budwood_server.process.kept_settings`. The worker starts with
            them, because the present ones may not be valid. `keep_reloading` then loads the present ones.
        name: What the process is, for the log.
        sends_webhooks: Whether it sends events to webhooks; by default the settings tell.

    Raises:
        BudwoodError: They are not valid.
    """
    first = launch.load_settings() if kept is None else load_kept_settings(kept)
    start_export(first)
    loads = chain([first], iter(launch.load_settings, None))
    options: dict[str, Any] = {"access_log": launch.access_log, "name": name, "sends_webhooks": sends_webhooks}
    return Worker(lambda: next(loads), launch.overrides, **options)


async def serve_alone(launch: Launch, sockets: Sequence[socket.socket], started: Callable[[Worker], None]) -> None:
    """
    Serve requests in this process until a signal stops it.

    Args:
        launch: How it is started.
        sockets: Where it listens.
        started: Called when connections are accepted.

    Raises:
        BudwoodError: The settings are not valid, or the database cannot be used.
    """
    worker = create_worker(launch)
    server = GatewayServer(worker, lambda: started(worker))
    with keep_reloading(worker, launch) as reload, handle_signals(server.stop_or_interrupt, reload):
        await serve_worker(server, worker, sockets)


@contextlib.contextmanager
def keep_reloading(worker: Worker, launch: Launch, *, now: bool = False) -> Iterator[Callable[[], None]]:
    """
    Load the settings again when a file changes, and when the function that it yields is called.

    Args:
        worker: The state of the process.
        launch: Where the settings are.
        now: Whether they are also loaded again at once, or when the worker has started.
    """
    tasks: set[asyncio.Task[None]] = set()

    def start(action: Awaitable[None]) -> None:
        task = asyncio.ensure_future(action)
        tasks.add(task)  # the loop keeps only weak references
        task.add_done_callback(tasks.discard)

    start(watch_files(launch.list_files(), lambda: try_reload(worker, if_changed=True)))
    if now:
        start(try_reload(worker, if_changed=True))
    try:
        yield lambda: start(try_reload(worker))
    finally:
        for task in tasks:
            task.cancel()


async def try_reload(worker: Worker, *, if_changed: bool = False) -> None:
    """Load the settings again. If they are not valid, the worker logs it and reports it."""
    try:
        await worker.reload(if_changed=if_changed)
    except BudwoodError:
        pass  # the worker has logged it
    except Exception as error:  # noqa: BLE001 - a fault of a plugin must not end the server
        logs.emit("settings rejected", level="warning", process=worker.name, reason=f"{type(error).__name__}: {error}")
