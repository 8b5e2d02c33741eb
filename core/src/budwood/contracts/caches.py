"""Caches, and what a cache may be able to do besides storing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from budwood.types import CacheCounts, CachedItem, LeaseState


class Cache(Protocol):
    """
    Stores bytes by key for a limited time. All methods may be called from several threads.

    Raise failures of the store as `OSError`: the engine logs them and continues without the cache. Methods block; async
    code calls them in a thread, unless the spec sets ``inline``.

    A cache may also implement `BatchCache`, `ManagedCache`, `CountingCache` and `LeasingCache`.
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


@runtime_checkable
class BatchCache(Protocol):
    """A cache that reads several values faster at once than one by one."""

    def get_many(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """Return the values of the keys, in their order; None for each that is missing or has expired."""
        ...


@runtime_checkable
class ManagedCache(Protocol):
    """
    A cache whose content can be listed and removed, for ``budwood cache``.

    A key begins with its namespace and a colon, so that a prefix selects the entries of a namespace.
    """

    def items(self, prefix: str = "") -> Iterator[CachedItem]:
        """Yield the entries whose key starts with the prefix, in any order. Entries may change in the meantime."""
        ...

    def delete(self, key: str) -> bool:
        """Remove an entry. Return whether there was one."""
        ...

    def clear(self, prefix: str = "") -> int:
        """Remove the entries whose key starts with the prefix. Return their number."""
        ...

    def prune(self) -> int:
        """Remove expired entries, and release the space that removed ones took. Return the number of entries."""
        ...


@runtime_checkable
class CountingCache(Protocol):
    """A cache that keeps the counts of hits and misses, so that they outlive the process."""

    def add_counts(self, counts: Mapping[str, CacheCounts]) -> None:
        """Add to the counts of namespaces."""
        ...

    def counts(self) -> Mapping[str, CacheCounts]:
        """Return the counts of all namespaces since the cache was created."""
        ...


@runtime_checkable
class LeasingCache(Protocol):
    """
    A cache that lets one of several processes request what all of them wait for.

    Times are by the clock of the store, since the clocks of processes may differ.
    """

    def acquire(self, key: str, owner: str, seconds: float) -> LeaseState:
        """
        Take the lease of a key for some seconds, or renew it.

        Args:
            key: The key.
            owner: Identifies the flight that asks.
            seconds: The time after which the lease ends unless it is renewed.

        Returns:
            ``"acquired"`` if the owner holds the lease now. ``"held"`` if another owner does. ``"not kept"`` if an
            owner has released it within the last seconds without storing a value.
        """
        ...

    def release(self, key: str, owner: str, *, kept: bool, seconds: float) -> None:
        """
        End the lease of a key, if the owner still holds it.

        Args:
            key: The key.
            owner: As in `acquire`.
            kept: Whether the owner has stored a value, or another one may try at once. False if none can be stored.
            seconds: If not, the time for which `acquire` returns ``"not kept"``.
        """
        ...
