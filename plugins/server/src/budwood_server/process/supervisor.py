"""The parent of several workers: starts them, starts those again that die or hang, and passes on signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.errors import BudwoodError, ConfigurationError
from budwood_server.metrics import forget_process
from budwood_server.process.linked_process import LinkedProcess
from budwood_server.process.signals import handle_signals

if TYPE_CHECKING:
    from budwood_server.process.launch import Launch

COMMAND: Final = (sys.executable, "-P", "-m", "budwood_server.process.child")
FIRST_DELAY: Final = 0.5
MAX_DELAY: Final = 30.0
"""Seconds before a worker that died is started again: the first after the second death, doubled up to the last."""

STABLE_SECONDS: Final = 60.0
"""The time after which a worker is regarded as sound, so that its death has no delay."""

KILL_SECONDS: Final = 10.0
"""The time beyond that for requests under way after which a worker that has not ended is killed."""


class WorkerStartError(ConfigurationError):
    """A worker of the server cannot start."""


class _Child(LinkedProcess):
    """A worker process."""

    is_ready = False
    failure: BudwoodError | None = None


class Supervisor:
    """
    Runs several workers.

    Args:
        launch: How they are started.
        sockets: Where they listen.
        count: Their number.
        started: Called when all of them accept connections for the first time.
        drain: Seconds that their requests get to finish when the server stops.
        timeout: Seconds without a heartbeat after which a worker is killed; 0 for never.
    """

    def __init__(
        self,
        launch: Launch,
        sockets: Sequence[socket.socket],
        count: int,
        started: Callable[[], None],
        *,
        drain: float,
        timeout: float,
    ) -> None:
        self._launch = launch
        self._sockets = sockets
        self._count = count
        self._drain = drain
        self._timeout = timeout
        self._started = started
        self._children: dict[int, _Child] = {}
        self._states: dict[int, dict[str, Any]] = {}
        self._settings: str | None = None
        self._has_started = False
        self._stopping = asyncio.Event()
        self._failure: BudwoodError | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether a signal has stopped it."""
        return self._stopping.is_set()

    async def run(self) -> None:
        """
        Run the workers until a signal stops them.

        Raises:
            BudwoodError: A worker could not start.
        """
        with handle_signals(self._stop_or_interrupt, lambda: self._send("reload")):
            async with asyncio.TaskGroup() as group:
                for slot in range(self._count):
                    group.create_task(self._keep(slot))
        if self._failure is not None:
            raise self._failure

    async def _keep(self, slot: int) -> None:
        """Run one worker, and another one when it has died."""
        loop = asyncio.get_running_loop()
        delay = 0.0
        while not self._stopping.is_set():
            began = loop.time()
            child = await self._start()
            self._children[slot] = child
            status = await self._watch(child)
            del self._children[slot]
            if self._stopping.is_set():
                return
            if not self._has_started:
                self._failure = child.failure or _describe(status)
                self._stop()
                return
            logs.emit("worker died", level="warning", pid=child.process.pid, status=status, restart_in=delay)
            if loop.time() - began > STABLE_SECONDS:
                delay = 0.0
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            delay = min(max(delay * 2, FIRST_DELAY), MAX_DELAY)

    async def _start(self) -> _Child:
        listeners = [listener.fileno() for listener in self._sockets]
        order = {"launch": self._launch.to_json(), "sockets": listeners, "settings": self._settings}
        return await _Child.start(COMMAND, order, name="worker", timeout=self._timeout, pass_fds=listeners)

    async def _watch(self, child: _Child) -> int:
        """Receive the messages of a worker until it has ended, and return its exit status."""
        if self._stopping.is_set():  # it was just being started
            child.spare()
            child.link.send("stop")
        while (message := await child.receive()) is not None:
            self._handle(child, message)
            if not (self._has_started or self._stopping.is_set()) and self._is_complete():
                self._has_started = True
                self._started()
        status = await child.wait()
        forget_process(child.process.pid)
        if self._states.pop(child.process.pid, None) is not None:
            self._send_states()
        return status

    def _handle(self, child: _Child, message: dict[str, Any]) -> None:
        match message["kind"]:
            case "ready" | "state":
                child.is_ready = child.is_ready or message["kind"] == "ready"
                self._states[child.process.pid] = message["state"]
                self._settings = message["settings"]
                self._send_states()
            case "failed":
                child.failure = WorkerStartError(message["message"], hint=message["hint"])
                if self._has_started:
                    logs.emit("worker cannot start", level="warning", pid=child.process.pid, reason=message["message"])
            case _:
                pass

    def _is_complete(self) -> bool:
        """Tell whether all workers accept connections."""
        return self._count == sum(child.is_ready for child in self._children.values())

    def _send(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        for child in self._children.values():
            child.link.send(kind, **fields)

    def _send_states(self) -> None:
        self._send("states", states=list(self._states.values()))

    def _stop_or_interrupt(self) -> None:
        """Stop at the first signal, and end at once at the second."""
        if self._stopping.is_set():
            self._send("interrupt")
            self._kill_after(KILL_SECONDS)
        else:
            self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        for listener in self._sockets:
            listener.close()
        for child in self._children.values():
            child.spare()
        self._send("stop")
        self._kill_after(self._drain + KILL_SECONDS)

    def _kill_after(self, seconds: float) -> None:
        def kill() -> None:
            for child in self._children.values():
                child.kill()

        asyncio.get_running_loop().call_later(seconds, kill)


def _describe(status: int) -> WorkerStartError:
    return WorkerStartError(
        f"A worker ended before it was ready, with status {status}.", hint="What it has printed says why."
    )
