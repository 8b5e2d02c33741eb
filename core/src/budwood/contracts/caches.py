"""Caches."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """
    Stores bytes by key for a limited time. All methods may be called from several threads.

    Raise failures of the store as `OSError`: the engine logs them and continues without the cache. Methods block; async
    code calls them in a thread, unless the spec sets ``inline``.
    """

    def get(self, key: str) -> bytes | None:
        """Return the value of the key, or None if there is none or it has expired."""
        ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value for `ttl` seconds, or without a limit. An existing value is replaced."""
        ...

    def close(self) -> None:
        """Release files and connections. Closing twice must not fail."""
        ...
