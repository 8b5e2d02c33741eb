"""Servers of ``/metrics``, which the observers of a process share."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from budwood.errors import ConfigurationError
from budwood_prometheus.multiprocess import is_active

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer


@dataclass
class _Running:
    """
    A server, and how many observers use it.

    Attributes:
        server: The server; None if another process serves the metrics of this one.
        registry: The metrics.
        users: How many observers use it.
        process: The process whose thread serves. A forked process has no such thread, and cannot stop it.
    """

    server: WSGIServer | None
    registry: CollectorRegistry
    users: int = 0
    process: int = field(default_factory=os.getpid)

    def stop(self) -> None:
        """Stop serving, and free the port."""
        if self.server is None:
            return
        if self.process == os.getpid():
            self.server.shutdown()
        self.server.server_close()


_HINTS: Final[Mapping[int, str]] = {
    errno.EADDRINUSE: "Set another port, or set multiprocess_folder if several processes of the program use this one.",
    errno.EACCES: "Set a port from 1024 on, which needs no privilege.",
}
"""What helps against errors of the system. Others are about the address."""

_running: Final[dict[tuple[str, int], _Running]] = {}
_lock: Final = threading.Lock()


class Endpoint:
    """
    Serves a registry at ``http://ADDRESS:PORT/metrics``, until `close`.

    If the metrics of several processes are in one folder, the first process serves those of all.

    Args:
        address: The address to listen on.
        port: The port.
        registry: The metrics.

    Raises:
        ConfigurationError: The port cannot be used, or another registry is served there.
    """

    def __init__(self, address: str, port: int, registry: CollectorRegistry) -> None:
        self._place = (address, port)
        self._is_open = True
        with _lock:
            running = _running.get(self._place)
            if running is None:
                running = _running[self._place] = _Running(_start(address, port, registry), registry)
            elif running.registry is not registry:
                raise ConfigurationError(
                    f"Port {port} of {address} serves the metrics of another registry.", hint="Choose another port."
                )
            running.users += 1

    def close(self) -> None:
        """Stop serving, when the last observer has closed it."""
        with _lock:
            running = _running.get(self._place)
            if not self._is_open or running is None:
                return
            self._is_open = False
            running.users -= 1
            if running.users:
                return
            del _running[self._place]
        running.stop()


def _start(address: str, port: int, registry: CollectorRegistry) -> WSGIServer | None:
    served = registry
    if is_active():
        served = CollectorRegistry()
        MultiProcessCollector(served)  # type: ignore[no-untyped-call]  # it has no annotations
    try:
        server, _ = start_http_server(port, address, served)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and is_active():
            return None
        raise ConfigurationError(
            f"Cannot serve metrics on port {port} of {address}: {error.strerror}.",
            hint=_HINTS.get(error.errno or 0, "Set address to one of this machine, such as 127.0.0.1."),
        ) from error
    return server
