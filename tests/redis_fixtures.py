"""Fixtures with a Redis server, which a ``conftest.py`` imports."""

from __future__ import annotations

import itertools

import pytest

from tests.redis_server import RedisServer

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
