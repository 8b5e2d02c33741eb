"""A pool of idle connections."""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar


class Reusable(Protocol):
    """A connection that can be reused."""

    def has_expired(self) -> bool:
        """Tell whether it is too old, or was closed by the server."""
        ...


C = TypeVar("C", bound=Reusable)


class IdleConnections(Generic[C]):
    """
    Returns the connection that was used last, and checks no other.

    httpcore's own pool checks all of them for every request. Here those that are not needed expire at the other end.
    Safe to use from several threads.

    Args:
        max_size: The most connections in the pool.
    """

    __slots__ = ("_connections", "_max_size")

    def __init__(self, max_size: int) -> None:
        self._connections: deque[C] = deque()
        self._max_size = max_size

    def take(self) -> tuple[C | None, list[C]]:
        """Return a usable connection, if any, and the expired ones that the caller must close."""
        stale: list[C] = []
        while self._connections:
            try:
                connection = self._connections.pop()
            except IndexError:  # another thread took it
                break
            if not connection.has_expired():
                return connection, stale
            stale.append(connection)
        return None, stale

    def give(self, connection: C) -> list[C]:
        """Add a connection; return those that the caller must close."""
        if not self._connections and self._max_size:
            self._connections.append(connection)
            return []
        stale: list[C] = []
        self._connections.append(connection)
        while self._connections:
            try:
                oldest = self._connections.popleft()
            except IndexError:
                break
            if len(self._connections) < self._max_size and not oldest.has_expired():
                self._connections.appendleft(oldest)
                break
            stale.append(oldest)
        return stale

    def clear(self) -> list[C]:
        """Remove all connections, and return them for the caller to close."""
        stale = list(self._connections)
        self._connections.clear()
        return stale
