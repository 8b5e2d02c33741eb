"""A worker of several: ``python -m budwood_server.process.child NUMBER``, which the supervisor starts."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable
from typing import Final

from budwood.errors import BudwoodError
from budwood_server.process.alone import create_worker, keep_reloading
from budwood_server.process.kept_settings import dump_settings
from budwood_server.process.launch import Launch
from budwood_server.process.link import Link, send_heartbeats
from budwood_server.process.server import GatewayServer, run, serve_worker
from budwood_server.process.signals import handle_signals
from budwood_server.worker import Worker, WorkerState

FAILED: Final = 3
"""The exit status of a worker that could not start, and has told the supervisor why."""


def main() -> int:
    """Work until the supervisor says stop, and return the exit status. The argument is the socket to the supervisor."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all processes; the supervisor decides
    return run(_work(socket.socket(fileno=int(sys.argv[1]))))


async def _work(end: socket.socket) -> int:
    link = await Link.open(end)
    order = await link.receive()  # how to start
    if order is None:
        return FAILED
    launch = Launch(**order["launch"])
    launch.configure_logging()
    try:
        with send_heartbeats(link, order):
            await _serve(link, launch, order["settings"], [socket.socket(fileno=number) for number in order["sockets"]])
    except BudwoodError as error:
        link.send("failed", message=error.message, hint=error.hint)
        await link.flush()
        return FAILED
    finally:
        link.close()
    return 0


async def _serve(link: Link, launch: Launch, kept: str | None, sockets: list[socket.socket]) -> None:
    worker = create_worker(launch, kept)

    def report(kind: str) -> None:
        link.send(kind, state=worker.state.to_json(), settings=dump_settings(worker.settings))

    def report_start() -> None:
        report("ready")
        worker.announce = lambda: report("state")  # before its start, it has no state

    server = GatewayServer(worker, report_start)
    with keep_reloading(worker, launch, now=kept is not None) as reload, handle_signals(server.stop, reload):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        listening = asyncio.create_task(_obey(link, worker, server, reload))
        try:
            await serve_worker(server, worker, sockets)
        finally:
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening


async def _obey(link: Link, worker: Worker, server: GatewayServer, reload: Callable[[], None]) -> None:
    """Do what the supervisor says, until it has ended; then stop."""
    while (message := await link.receive()) is not None:
        match message["kind"]:
            case "states":
                states = [WorkerState(**state) for state in message["states"]]
                worker.others = lambda states=states: [state for state in states if state.pid != worker.state.pid]  # type: ignore[misc]
            case "reload":
                reload()
            case "stop":
                server.stop()
            case "interrupt":
                server.interrupt()
            case _:
                pass
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
