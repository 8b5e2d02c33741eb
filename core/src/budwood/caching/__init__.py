"""The built-in cache plugin. It is registered like any other plugin."""

from collections.abc import Iterable
from typing import Any

from budwood.caching.memory import MemoryCache, MemoryCacheSettings, build_memory_cache
from budwood.hooks import CacheSpec, hookimpl

__all__ = ["MemoryCache", "MemoryCacheSettings", "budwood_caches"]


@hookimpl
def budwood_caches() -> Iterable[CacheSpec[Any]]:
    """Return the spec of the memory cache."""
    return [
        CacheSpec(
            name="memory",
            settings=lambda: MemoryCacheSettings,
            build=build_memory_cache,
            requires_api=(2, 0),
            summary="In the memory of the process.",
            inline=True,
            compressed=False,
        )
    ]
