"""A Redis server, and limiters that use it."""

from __future__ import annotations

import pytest

from budwood_redis_limiter import RedisLimiterSettings
from budwood_redis_limiter.limiter import build_redis_limiter
from budwood_testing import plugin_context
from tests.redis_fixtures import own_server, prefix, server
from tests.servers import MAX_WAIT

__all__ = ["own_server", "prefix", "server"]


@pytest.fixture
def make_limiter(server, prefix):
    """
    Make limiters that share their limits.
    """
    created = []

    def make(**changes):
        settings = RedisLimiterSettings(**{"url": server.url, "prefix": prefix, "timeout": MAX_WAIT, **changes})
        created.append(build_redis_limiter(settings, plugin_context("redis")))
        return created[-1]

    yield make
    for limiter in created:
        limiter.close()
