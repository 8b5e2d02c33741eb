"""The watchdog of systemd, which restarts a server that hangs."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Final

from budwood_server.process.heartbeat import call_regularly

PARTS: Final = 3
"""Notifications in the time of the watchdog. systemd recommends at least two: sd_watchdog_enabled(3)."""


@contextlib.contextmanager
def notify_watchdog() -> Iterator[None]:
    """Tell systemd regularly that the running event loop is not blocked, if the unit has ``WatchdogSec=``."""
    address, microseconds = os.environ.get("NOTIFY_SOCKET", ""), os.environ.get("WATCHDOG_USEC", "")
    is_meant = os.environ.get("WATCHDOG_PID") in (None, str(os.getpid()))
    if not address or not microseconds.isdecimal() or not is_meant:
        yield
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
        notifier.setblocking(False)  # noqa: FBT003 - a method of the standard library
        target = f"\0{address[1:]}" if address.startswith("@") else address  # an abstract socket of Linux

        def notify() -> None:
            with contextlib.suppress(OSError):  # systemd is being restarted
                notifier.sendto(b"WATCHDOG=1", target)

        with call_regularly(int(microseconds) / 1e6 / PARTS, notify):
            yield
