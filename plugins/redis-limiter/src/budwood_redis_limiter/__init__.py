"""Limits in a Redis server, for all processes that share it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from budwood.hooks import LimiterSpec, hookimpl
from budwood_redis_limiter.settings import RedisLimiterSettings

if TYPE_CHECKING:
    from budwood.contracts import PluginContext
    from budwood_redis_limiter.limiter import RedisLimiter

__all__ = ["RedisLimiterSettings", "budwood_limiters"]


def _build(settings: RedisLimiterSettings, context: PluginContext) -> RedisLimiter:
    from budwood_redis_limiter.limiter import build_redis_limiter  # it imports the client, which is slow

    return build_redis_limiter(settings, context)


@hookimpl
def budwood_limiters() -> Iterable[LimiterSpec[Any]]:
    """Describe the Redis limiter."""
    return [
        LimiterSpec(
            name="redis",
            settings=lambda: RedisLimiterSettings,
            build=_build,
            requires_api=(2, 0),
            summary="Keeps limits for all processes that share a Redis server.",
        )
    ]
