"""Caches."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """
    Keeps bytes under keys for a time. All methods may be called from several threads.

    Whatever goes wrong with the store is raised as an `OSError`: the engine notes it in the log and goes on without.
    The blocking form is the contract; the engine calls it in a thread from async code unless its spec says ``inline``.
    """

    def get(self, key: str) -> bytes | None:
        """Return what is kept under the key, or None where there is nothing or its time is over."""
        ...

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Keep the value for ``ttl`` seconds, or without an end; replaces what was there."""
        ...

    def close(self) -> None:
        """Release what is held. Closing twice is no error."""
        ...
