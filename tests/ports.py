"""Ports for servers that cannot listen on any free one, such as those that are started again at the same port."""

from __future__ import annotations

import os
import random
import socket
from typing import Final

FIRST: Final = 20_000
WORKERS: Final = 16
PORTS: Final = 750
"""The ports of each process of a test run. They are below those that systems give to sockets which name no port."""


def find_port() -> int:
    """
    Return a port of loopback that no socket has.

    No other test gets it between this call and the start of the server, or while the server is not running.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    for port in random.SystemRandom().sample(range(FIRST + worker * PORTS, FIRST + (worker + 1) * PORTS), PORTS):
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("all ports for tests are in use")
