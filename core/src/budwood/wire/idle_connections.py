"""Connections that wait for their next request."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar


class Reusable(Protocol):
    """What a connection tells of itself."""

    def has_expired(self) -> bool:
        """Whether its time is over, or the server has closed it."""
        ...


C = TypeVar("C", bound=Reusable)


class IdleConnections(Generic[C]):
    """
    Hands out the connection that was used last, and looks at no other.

    httpcore's own pool looks at all of them for every request. Here those that are not needed grow old at the other
    end. Safe to use from several threads.

    Args:
        most: So many are kept.
    """

    __slots__ = ("_connections", "_most")

    def __init__(self, most: int) -> None:
        self._connections: deque[C] = deque()
        self._most = most

    def take(self) -> tuple[C | None, list[C]]:
        """Return one that can be used, if there is one, and those that have to be closed."""
        stale: list[C] = []
        while self._connections:
            try:
                connection = self._connections.pop()
            except IndexError:  # another thread was faster
                break
            if not connection.has_expired():
                return connection, stale
            stale.append(connection)
        return None, stale

    def give(self, connection: C) -> list[C]:
        """Take one back; return those that have to be closed."""
        if not self._connections and self._most:
            self._connections.append(connection)
            return []
        stale: list[C] = []
        self._connections.append(connection)
        while self._connections:
            try:
                oldest = self._connections.popleft()
            except IndexError:
                break
            if len(self._connections) < self._most and not oldest.has_expired():
                self._connections.appendleft(oldest)
                break
            stale.append(oldest)
        return stale

    def clear(self) -> list[C]:
        """Let go of all of them; return them, to be closed."""
        stale = list(self._connections)
        self._connections.clear()
        return stale
