"""What is specific to the Redis cache: its settings, its keys, and what the server may do to it."""

from __future__ import annotations

import os
from decimal import Decimal

import pytest

from budwood.errors import ConfigurationError
from budwood.types import CacheCounts
from budwood_redis_cache import RedisCacheSettings
from budwood_redis_cache.cache import RETRY_SECONDS, build_redis_cache
from budwood_testing import plugin_context
from tests.redis_server import LosingProxy, RedisServer

SECRET = "p4ssw0rd-that-never-shows"


def make(url):
    """
    Make a cache for a URL.
    """
    return build_redis_cache(RedisCacheSettings(url=url), plugin_context("redis"))


# Settings.


def test_wrong_url_is_a_configuration_error_without_its_text():
    """
    The message names the setting.
    """
    with pytest.raises(ConfigurationError, match=r"\[caches.redis\] url: it is not a valid address") as caught:
        make(f"redis://:{SECRET}@host:port")

    assert SECRET not in f"{caught.value!r} {caught.value.hint} {caught.value.__context__!r}"


def test_password_shows_nowhere():
    """
    Not in the settings, nor in the cache, nor in an error of the connection.
    """
    cache = make(f"redis://user:{SECRET}@127.0.0.1:1/0")
    with pytest.raises(OSError, match="Redis") as caught:
        cache.get("key")

    assert SECRET not in f"{caught.value!r} {caught.value.__context__!r} {cache!r}"
    assert SECRET not in repr(RedisCacheSettings(url=f"redis://:{SECRET}@host"))
    cache.close()


# Keys.


@pytest.mark.real_server
def test_prefixes_are_separate(make_cache, server, prefix):
    """
    Caches with different prefixes share nothing, also if one has the characters of a pattern.
    """
    here, there = make_cache(server.url), make_cache(server.url, prefix=f"{prefix[:-1]}*")
    here.set("key", b"here")
    here.add_counts({"n": CacheCounts(hits=1)})

    assert there.get("key") is None
    assert (list(there.items()), there.clear(), there.counts()) == ([], 0, {})
    assert there.acquire("key", "there", 60) == here.acquire("key", "here", 60) == "acquired"


@pytest.mark.real_server
def test_server_removes_what_has_expired(cache):
    """
    Entries and leases have their ttl in the server, so that they do not fill it.
    """
    cache.set("key", b"value", ttl=60)
    cache.acquire("first", "owner", 60)
    cache.acquire("second", "owner", 60)
    cache.release("second", "owner", kept=False, seconds=60)
    names = cache._client.keys(f"{cache._prefix}:*")

    assert len(names) == 3
    assert all(0 < cache._client.pttl(name) <= 60_000 for name in names)


@pytest.mark.real_server
@pytest.mark.parametrize("ttl", [1e-9, 0.0004, 1e18, 1e300])
def test_any_ttl_is_valid(cache, ttl):
    """
    The server accepts at least a millisecond, and at most what fits into its integers.
    """
    cache.set("key", b"value", ttl=ttl)

    assert cache.get("key") in ({b"value"} if ttl > 1 else {b"value", None})


@pytest.mark.real_server
def test_money_of_many_hits_is_exact(cache):
    """
    The server adds integers.
    """
    for _ in range(50):
        cache.add_counts({"n": CacheCounts(1, 0, Decimal("0.000123456789"))})

    assert cache.counts() == {"n": CacheCounts(50, 0, Decimal("0.00617283945"))}


@pytest.mark.real_server
def test_counts_whose_answer_is_lost_are_added_once(make_cache, own_server):
    """
    The client sends them again, since it does not know whether the server had received them.
    """
    direct = make_cache(own_server.url)
    direct.add_counts({"n": CacheCounts(1)})  # the server has the script
    with LosingProxy(own_server.port, b":hits:") as proxy:
        cache = make_cache(f"redis://127.0.0.1:{proxy.port}/0")
        cache.add_counts({"n": CacheCounts(3, 2)})
        cache.close()

    assert proxy.lost.is_set()
    assert direct.counts() == {"n": CacheCounts(4, 2)}


# Threads and processes.


@pytest.mark.real_server
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_process_has_connections_of_its_own(cache):
    """
    Parent and child use the server at the same time.
    """
    cache.set("key", b"before")
    child = os.fork()
    if child == 0:
        try:
            answers = [cache.get("key") for _ in range(100)]
            cache.set("child", b"value")
            os._exit(0 if answers == [b"before"] * 100 else 1)
        finally:
            os._exit(2)
    answers = [cache.get("key") for _ in range(100)]

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert answers == [b"before"] * 100
    assert cache.get("child") == b"value"


# Loss of the server.


@pytest.mark.real_server
def test_restarted_server_is_used_without_an_error(make_cache, own_server):
    """
    The scripts and the connections of before are replaced. The data is lost.
    """
    cache = make_cache(own_server.url)
    cache.set("key", b"value")
    assert cache.acquire("key", "a", 60) == "acquired"
    own_server.kill()
    own_server.start()

    assert cache.get("key") is None
    assert cache.acquire("key", "b", 60) == "acquired"


@pytest.mark.real_server
def test_lost_server_is_not_asked_for_some_seconds(make_cache, own_server, clock):
    """
    Calls do not wait for a server that does not answer; after that time it is used again.
    """
    cache = make_cache(own_server.url)
    cache.set("key", b"value")
    own_server.kill()
    with pytest.raises(ConnectionError, match="Redis"):
        cache.get("key")
    own_server.start()
    for use in (lambda: cache.get("key"), lambda: cache.set("key", b"value"), lambda: list(cache.items())):
        with pytest.raises(ConnectionError, match="could not be reached a few seconds ago"):
            use()

    clock.advance(RETRY_SECONDS)
    assert cache.get("key") is None


@pytest.mark.real_server
def test_lease_is_released_shortly_after_a_fault(make_cache, own_server):
    """
    Others would wait for it until it expires.
    """
    cache = make_cache(own_server.url, timeout=2)
    assert cache.acquire("key", "first", 60) == "acquired"
    with own_server.paused(), pytest.raises(ConnectionError, match="Redis"):
        cache.get("key")
    cache.release("key", "first", kept=True, seconds=60)

    assert make_cache(own_server.url).acquire("key", "second", 60) == "acquired"


@pytest.mark.real_server
def test_lease_is_released_whose_answer_was_lost(make_cache, own_server):
    """
    The server may have given it. A lease that it was not asked for is not worth the wait.
    """
    cache = make_cache(own_server.url, timeout=2)
    with own_server.paused(), pytest.raises(ConnectionError, match="Redis"):
        cache.acquire("key", "first", 60)
    with pytest.raises(ConnectionError, match="a few seconds ago"):
        cache.acquire("other", "first", 60)
    with pytest.raises(ConnectionError, match="a few seconds ago"):
        cache.release("other", "first", kept=True, seconds=60)
    cache.release("key", "first", kept=True, seconds=60)

    assert make_cache(own_server.url).acquire("key", "second", 60) == "acquired"


@pytest.mark.real_server
def test_server_without_memory_is_an_os_error(make_cache):
    """
    `set` fails, entries can be read, and the server is asked again at once.
    """
    with RedisServer("--maxmemory", "2mb") as server:
        cache = make_cache(server.url)
        cache.set("key", b"value")
        with pytest.raises(OSError, match="memory") as caught:
            fill(cache)

        assert not isinstance(caught.value, ConnectionError)
        assert cache.get("key") == b"value"


def fill(cache):
    """
    Store values until that fails.
    """
    for number in range(1000):
        cache.set(f"large {number}", bytes(100_000))
