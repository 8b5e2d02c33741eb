"""Replace the connections and random numbers of clients in a forked process."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood.client.asynchronous import AsyncClient
    from budwood.client.blocking import Client
    from budwood.client.views import View
    from budwood.contracts import Transport
    from budwood.wire.loop_transports import LoopTransports

clients: weakref.WeakSet[Client | AsyncClient | View] = weakref.WeakSet()
"""All clients of this process, and their views."""

inherited: list[Transport | LoopTransports] = []
"""Transports of the parent process. They are kept alive, because closing them here would affect the parent."""


def _after_fork() -> None:
    for client in tuple(clients):
        client._after_fork()  # noqa: SLF001 - not for users


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
