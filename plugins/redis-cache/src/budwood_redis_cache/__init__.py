"""A cache in a Redis server, for all processes that share it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import CacheSpec, hookimpl
from budwood_redis_cache.settings import RedisCacheSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_redis_cache.cache import RedisCache

__all__ = ["RedisCacheSettings", "budwood_caches"]


def _build(settings: RedisCacheSettings, context: PluginContext) -> RedisCache:
    from budwood_redis_cache.cache import build_redis_cache  # it imports the client, which is slow

    return build_redis_cache(settings, context)


@hookimpl
def budwood_caches() -> Iterable[CacheSpec[Any]]:
    """Describe the Redis cache."""
    return [
        CacheSpec(
            name="redis",
            settings=lambda: RedisCacheSettings,
            build=_build,
            requires_api=(2, 0),
            summary="Caches replies for all processes that share a Redis server.",
        )
    ]
