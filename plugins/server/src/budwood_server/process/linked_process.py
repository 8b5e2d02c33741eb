"""A process with a link to its parent, which kills it when it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from budwood import logs
from budwood_server.process.heartbeat import SilenceWatch, choose_interval
from budwood_server.process.link import Link, Message

START_SECONDS: Final = 300.0
"""The least seconds of silence that a process is permitted before it says ``ready``: it blocks while it imports."""


class LinkedProcess:
    """
    A running process, and the link to it.

    Args:
        process: The process.
        link: The link. Each message on it proves that the process does not hang.
        name: What the process is, for the log.
        timeout: Seconds of silence after which it is killed; 0 for never.
    """

    def __init__(self, process: asyncio.subprocess.Process, link: Link, name: str, timeout: float) -> None:
        self.process = process
        self.link = link
        self._name = name
        self._timeout = timeout
        limit = max(timeout, START_SECONDS)
        self._watch = SilenceWatch(limit, self._kill_silent) if timeout else None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        order: Mapping[str, Any],
        *,
        name: str,
        timeout: float,
        pass_fds: Sequence[int] = (),
    ) -> Self:
        """
        Start a process. Its last argument is the number of its end of the link, on which the message ``start`` waits.

        Args:
            command: The command.
            order: The fields of the message, to which ``heartbeat`` is added, the seconds between heartbeats.
            name: What the process is, for the log.
            timeout: Seconds of silence after which it is killed; 0 for never.
            pass_fds: Further files that it inherits.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *pass_fds),
            )
        link = await Link.open(ours)
        link.send("start", heartbeat=choose_interval(timeout), **order)
        return cls(process, link, name, timeout)

    async def receive(self) -> Message | None:
        """Return the next message; None if the process has closed its end."""
        message = await self.link.receive()
        if self._watch is not None:
            self._watch.hear()
            if message is not None and message["kind"] == "ready":
                self._watch.change_limit(self._timeout)
        return message

    async def wait(self) -> int:
        """Wait until the process has ended, and return its exit status."""
        status = await self.process.wait()
        self.spare()
        self.link.close()
        return status

    def spare(self) -> None:
        """Do not kill the process any more if it is silent."""
        if self._watch is not None:
            self._watch.stop()

    def kill(self) -> None:
        """Kill the process, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    def _kill_silent(self, seconds: float) -> None:
        logs.emit(
            f"{self._name} hangs and is killed",
            level="warning",
            pid=self.process.pid,
            silent_for=round(seconds, 1),
            worker_timeout=self._timeout,
        )
        self.kill()
