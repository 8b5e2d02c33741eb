"""
No connection outlives a fork.

A child inherits what SQLite remembers of the locks, but not the locks: while it holds a connection of its parent, even
unused, its own connections to that file are unprotected, and committed entries are lost. So connections are closed
before the fork, and each process opens its own when it next needs one.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Pausable(Protocol):
    """What holds a connection."""

    def pause(self) -> None:
        """Wait until nobody uses the connection, close it, and let nobody open one."""
        ...

    def resume(self) -> None:
        """Let connections be opened again."""
        ...


_lock = threading.Lock()
_watched: WeakSet[Pausable] = WeakSet()
_paused: list[Pausable] = []


def pause_for_forks(holder: Pausable) -> None:
    """Pause the holder whenever this process forks, as long as it lives."""
    with _lock:
        _watched.add(holder)


def _before() -> None:
    _lock.acquire()
    for holder in list(_watched):
        holder.pause()
        _paused.append(holder)


def _after() -> None:
    while _paused:
        _paused.pop().resume()
    _lock.release()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after)
