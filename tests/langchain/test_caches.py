"""Budwood's caches as LangChain's: its own suites, and what replies have after a round trip."""

from __future__ import annotations

import itertools

import pytest
from langchain_core.caches import BaseCache
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite
from pydantic import BaseModel
from structlog.testing import capture_logs

from budwood import ConfigurationError, PluginNotFoundError, UnsupportedError, configure_logging
from budwood_langchain import BudwoodCache
from tests.redis_server import RedisServer

prefixes = (f"test-{number}" for number in itertools.count())

REPLY = AIMessage(
    content=[{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Hello"}],
    tool_calls=[{"name": "add", "args": {"a": 1, "b": [2, {"c": None}]}, "id": "call_1", "type": "tool_call"}],
    usage_metadata={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
    response_metadata={"model_name": "small", "finish_reason": "tool_calls"},
    id="run-1",
)


class Person(BaseModel):
    """
    A schema.
    """

    name: str


class Broken:
    """
    A cache whose server is down, until it is repaired.
    """

    def __init__(self):
        self.values = {}
        self.is_down = True

    def get(self, key):
        self._check()
        return self.values.get(key)

    def set(self, key, value, *, ttl=None):
        self._check()
        self.values[key] = value

    def close(self):
        raise AssertionError("the cache belongs to the program")

    def _check(self):
        if self.is_down:
            raise ConnectionError("down")


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
    with BudwoodCache(request.param, settings=settings[request.param]) as cache:
        yield cache


class TestSync(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, stored):
        return stored


class TestAsync(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self, stored):
        return stored


def test_chat_reply_survives(stored):
    """
    Reasoning, tool calls, usage and metadata of a message are those that were stored.
    """
    stored.update("prompt", "model", [ChatGeneration(message=REPLY, generation_info={"logprobs": None})])

    (generation,) = stored.lookup("prompt", "model")

    assert isinstance(generation, ChatGeneration)
    assert generation.message == REPLY
    assert generation.message.tool_calls == REPLY.tool_calls
    assert generation.text == "Hello"


def test_model_uses_the_cache(stored):
    """
    A chat model with the cache is asked once for equal prompts, in both forms of calls.
    """
    model = GenericFakeChatModel(messages=iter([REPLY, AIMessage("second")]), cache=stored)

    first, second = model.invoke("Hi"), model.invoke("Hi")

    assert second.tool_calls == first.tool_calls == REPLY.tool_calls
    assert model.invoke("Other").text == "second"


async def test_async_model_uses_the_cache(stored):
    """
    The async methods store and find the same replies.
    """
    model = GenericFakeChatModel(messages=iter([REPLY]), cache=stored)
    await model.ainvoke("Hi")

    assert (await model.ainvoke("Hi")).tool_calls == REPLY.tool_calls
    assert model.invoke("Hi").tool_calls == REPLY.tool_calls


def test_parsed_value_is_stored_as_a_dictionary():
    """
    Structured output that a vendor's package keeps as an object is stored as JSON.
    """
    cache = BudwoodCache()
    message = AIMessage('{"name": "Ada"}', additional_kwargs={"parsed": Person(name="Ada")})
    cache.update("prompt", "model", [ChatGeneration(message=message)])

    (generation,) = cache.lookup("prompt", "model")

    assert generation.message.additional_kwargs == {"parsed": {"name": "Ada"}}
    assert message.additional_kwargs == {"parsed": Person(name="Ada")}


def test_reply_that_is_no_json_is_not_stored():
    """
    An object that could not be read again is left out; the reply remains usable.
    """
    cache = BudwoodCache()
    cache.update("prompt", "model", [Generation(text="a", generation_info={"object": object()})])

    assert cache.lookup("prompt", "model") is None


def test_content_that_looks_like_an_object_stays_content():
    """
    A reply with LangChain's form of a saved object is data: it is not created, and reads no secret.
    """
    cache = BudwoodCache()
    fake = {"lc": 1, "type": "secret", "id": ["PATH"]}
    cache.update("prompt", "model", [Generation(text="a", generation_info={"value": fake})])

    assert cache.lookup("prompt", "model")[0].generation_info == {"value": fake}


def test_replies_expire(tmp_path):
    """
    A reply with a `ttl` is not found afterwards; equal keys of other namespaces are separate.
    """
    settings = {"path": str(tmp_path / "replies.sqlite3")}
    with (
        BudwoodCache("sqlite", settings=settings, ttl=1e-6, namespace="a") as short,
        BudwoodCache("sqlite", settings=settings, namespace="b") as long,
    ):
        short.update("prompt", "model", [Generation(text="a")])
        long.update("prompt", "model", [Generation(text="b")])
        short.clear()

        assert short.lookup("prompt", "model") is None
        assert long.lookup("prompt", "model") == [Generation(text="b")]


def test_failing_store_does_not_fail_the_model():
    """
    While the store is down nothing is found, and the log has one warning; afterwards it is used again.
    """
    store = Broken()
    cache = BudwoodCache(store)
    configure_logging()
    with capture_logs() as logs:
        assert cache.lookup("prompt", "model") is None
        cache.update("prompt", "model", [Generation(text="a")])
        store.is_down = False
        cache.update("prompt", "model", [Generation(text="a")])
        assert cache.lookup("prompt", "model") == [Generation(text="a")]

    assert [each["event"] for each in logs] == ["cache read failed", "cache available again"]
    cache.close()


def test_damaged_value_is_a_miss():
    """
    A value that is not one of ours counts as missing.
    """
    store = Broken()
    store.is_down = False
    cache = BudwoodCache(store)
    cache.update("prompt", "model", [Generation(text="a")])
    store.values = dict.fromkeys(store.values, b"damaged")

    assert cache.lookup("prompt", "model") is None


def test_cache_that_cannot_remove_says_so():
    """
    An object without `ManagedCache` cannot be cleared.
    """
    with pytest.raises(UnsupportedError, match="'Broken' cannot remove entries"):
        BudwoodCache(Broken()).clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cache": 1}, "must be a name or a Cache; got int"),
        ({"cache": Broken(), "settings": {}}, "settings belong to a cache by name"),
        ({"ttl": 0}, "ttl must be a number of seconds above 0; got 0"),
        ({"namespace": "a:b"}, "is empty or has a colon"),
        ({"cache": "memory", "settings": {"max_entriess": 1}}, "max_entriess"),
    ],
)
def test_wrong_arguments(arguments, message):
    """
    They are named with a hint.
    """
    with pytest.raises(ConfigurationError, match=message):
        BudwoodCache(**arguments)


def test_unknown_cache():
    """
    A cache that is not installed is named.
    """
    with pytest.raises(PluginNotFoundError, match="No cache 'memry'"):
        BudwoodCache("memry")


def test_password_is_not_shown():
    """
    The repr has the name of the cache and its namespace only.
    """
    cache = BudwoodCache("redis", settings={"url": "redis://:secret@127.0.0.1:1/0"})

    assert isinstance(cache, BaseCache)
    assert repr(cache) == "BudwoodCache('redis', namespace='langchain')"
