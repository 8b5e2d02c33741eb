"""Caches."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """
    Keeps bytes under keys for a time. All methods may be called from several threads.

    A failure of the store is raised as an `OSError`: the engine logs it and continues without the cache.
    The blocking form is the contract; the engine calls it in a thread from async code unless its spec says ``inline``.
    """

    def get(self, key: str) -> bytes | None:
        """Return the value of the key, or None if there is none or it has expired."""
        ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store the value for ``ttl`` seconds, or without a limit; replace an existing one."""
        ...

    def close(self) -> None:
        """Release files and connections. Closing twice is no error."""
        ...
