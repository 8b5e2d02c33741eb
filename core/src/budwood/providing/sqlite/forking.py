"""
Close connections before a fork.

A child process inherits SQLite's record of the locks, but not the locks. While it has a connection of its parent, even
unused, its own connections to that file are not protected, and committed rows are lost. Connections are therefore
closed before a fork, and each process opens its own when it next needs one.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Pausable(Protocol):
    """An object with a connection."""

    def pause(self) -> None:
        """Wait until the connection is unused, close it, and prevent a new one."""
        ...

    def resume(self) -> None:
        """Allow connections again."""
        ...


_lock = threading.Lock()
_owners: WeakSet[Pausable] = WeakSet()
_paused: list[Pausable] = []


def pause_during_forks(owner: Pausable) -> None:
    """Pause an object whenever this process forks, for its lifetime."""
    with _lock:
        _owners.add(owner)


def _before() -> None:
    _lock.acquire()
    for owner in list(_owners):
        owner.pause()
        _paused.append(owner)


def _after() -> None:
    while _paused:
        _paused.pop().resume()
    _lock.release()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
