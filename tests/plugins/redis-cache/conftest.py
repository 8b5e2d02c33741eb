"""A Redis server, and caches that use it."""

from __future__ import annotations

import pytest

from budwood_redis_cache import RedisCacheSettings
from budwood_redis_cache.cache import build_redis_cache
from budwood_testing import plugin_context
from tests.redis_fixtures import own_server, prefix, server
from tests.servers import MAX_WAIT

__all__ = ["own_server", "prefix", "server"]


@pytest.fixture
def make_cache(prefix, clock):
    """
    Make caches with the same prefix.
    """
    created = []

    def make(url, **changes):
        settings = RedisCacheSettings(**{"url": url, "prefix": prefix, "timeout": MAX_WAIT, **changes})
        created.append(build_redis_cache(settings, plugin_context("redis", clock=clock)))
        return created[-1]

    yield make
    for cache in created:
        cache.close()


@pytest.fixture
def cache(make_cache, server):
    """
    A cache with a prefix of its own.
    """
    return make_cache(server.url)
