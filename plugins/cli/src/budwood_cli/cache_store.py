"""The cache of the settings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from budwood.errors import BudwoodError, ConfigurationError
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budwood.contracts import Cache, ManagedCache
    from budwood.providing.cached_values import CachedValue
    from budwood.types import CacheCounts


class CacheConnectionError(BudwoodError):
    """The server of a cache cannot be reached."""


class OpenCache(NamedTuple):
    """A cache and its name."""

    name: str
    store: Cache

    def managed(self) -> ManagedCache:
        """
        Return the cache if its entries can be listed and removed.

        Raises:
            ArgumentError: They cannot.
        """
        from budwood.contracts import ManagedCache

        if isinstance(self.store, ManagedCache):
            return self.store
        raise ArgumentError(f"The entries of the cache {self.name!r} cannot be listed or removed.")

    def counts(self) -> Mapping[str, CacheCounts]:
        """Return hits, misses and savings by namespace; nothing if the cache does not keep them."""
        from budwood.contracts import CountingCache

        return self.store.counts() if isinstance(self.store, CountingCache) else {}


@contextlib.contextmanager
def open_cache(name: str | None) -> Iterator[OpenCache]:
    """
    Open a cache: the one of the name, or the last one of the settings, which lasts longest.

    Raises:
        ConfigurationError: The settings have no cache.
        PluginError: It cannot be used.
        CacheConnectionError: Its server cannot be reached.
    """
    from budwood.hooks import CACHE
    from budwood.plugins import Instances
    from budwood.settings import Settings

    settings = Settings.load()
    chosen = name or (settings.cache if isinstance(settings.cache, str) else (settings.cache or (None,))[-1])
    if chosen is None:
        raise ConfigurationError(
            "The settings have no cache.", hint='Pass --cache NAME, or set cache = "sqlite" in budwood.toml.'
        )
    if chosen == "memory":
        raise ArgumentError(
            "The cache 'memory' is empty: it lasts only as long as its client.", hint="Pass --cache NAME."
        )
    store: Cache = Instances(settings).build(CACHE, chosen).implementation
    try:
        yield OpenCache(chosen, store)
    except ConnectionError as error:
        if isinstance(error, BrokenPipeError):  # that is standard output
            raise
        reason = str(error.strerror or error).rstrip(".")
        raise CacheConnectionError(
            f"The cache {chosen!r} cannot be reached: {reason}.",
            hint=f"Check [caches.{chosen}] in the settings, or pass --cache NAME.",
        ) from error
    finally:
        store.close()


def read_value(store: Cache, key: str) -> CachedValue | None:
    """Return the value of a key; None if it has expired or is damaged."""
    from budwood.providing.cached_values import open_value

    try:
        value = store.get(key)
        return None if value is None else open_value(value)
    except ValueError:
        return None
