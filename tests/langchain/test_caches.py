"""The caches, behind a thin adapter, in LangChain's own suites for caches: `nox -s langchain`."""

from __future__ import annotations

import hashlib
import itertools
import json

import pytest
from langchain_core.caches import BaseCache
from langchain_core.outputs import Generation
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from budwood.hooks import CACHE
from budwood.plugins import Instances, Registry
from budwood.settings import Settings
from budwood.settings_sources import Source
from budwood_testing import FakeClock
from tests.redis_server import RedisServer

NAMESPACE = "langchain:"

prefixes = (f"test-{number}" for number in itertools.count())


class Adapter(BaseCache):
    """
    A cache for LangChain in one of ours. Generations are stored as JSON.
    """

    def __init__(self, cache):
        self.cache = cache

    def lookup(self, prompt, llm_string):
        value = self.cache.get(key_of(prompt, llm_string))
        return None if value is None else [Generation.model_validate(each) for each in json.loads(value)]

    def update(self, prompt, llm_string, return_val):
        value = json.dumps([generation.model_dump(mode="json") for generation in return_val]).encode()
        self.cache.set(key_of(prompt, llm_string), value)

    def clear(self, **kwargs):
        self.cache.clear(NAMESPACE)


def key_of(prompt, llm_string):
    """
    Return the key of a prompt and a model.
    """
    return NAMESPACE + hashlib.sha256(json.dumps([prompt, llm_string]).encode()).hexdigest()


@pytest.fixture(scope="module")
def server():
    """
    A Redis server.
    """
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["memory", "sqlite", "redis"])
def stored(request, tmp_path):
    """
    A cache, which is empty.
    """
    settings = {"memory": {}, "sqlite": {"path": str(tmp_path / "replies.sqlite3")}}
    if request.param == "redis":
        settings["redis"] = {"url": request.getfixturevalue("server").url, "prefix": next(prefixes)}
    source = Source("the test", {"caches": {request.param: settings[request.param]}})
    cache = Instances(Settings(source), Registry(), FakeClock()).build(CACHE, request.param).implementation
    yield cache
    cache.close()


class TestSync(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, stored):
        return Adapter(stored)


class TestAsync(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, stored):
        return Adapter(stored)
