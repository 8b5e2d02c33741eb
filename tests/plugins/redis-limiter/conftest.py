"""A Redis server, and limiters that use it."""

from __future__ import annotations

import itertools

import pytest

from budwood_redis_limiter import RedisLimiterSettings
from budwood_redis_limiter.limiter import build_redis_limiter
from budwood_testing import plugin_context
from tests.redis_server import RedisServer
from tests.servers import MAX_WAIT

prefixes = (f"test-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server():
    """
    A server for the tests of a module.
    """
    with RedisServer() as server:
        yield server


@pytest.fixture
def own_server():
    """
    A server that the test may kill.
    """
    with RedisServer() as server:
        yield server


@pytest.fixture
def prefix():
    """
    A prefix that no other test has.
    """
    return next(prefixes)


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
