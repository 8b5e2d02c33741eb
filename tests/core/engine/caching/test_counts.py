"""What counts as a hit, and what as a miss."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest

from budwood import ConnectionFailedError
from budwood.caching import MemoryCache, MemoryCacheSettings
from budwood.types import CacheCounts
from budwood_testing import chat_reply
from tests.core.engine.caching.test_modes import joining_new_threads


class CountingCache(MemoryCache):
    """
    A memory cache that keeps counts.
    """

    def __init__(self, clock):
        super().__init__(MemoryCacheSettings(), clock)
        self.totals = {}
        self.additions = 0

    def add_counts(self, counts):
        self.additions += 1
        for namespace, new in counts.items():
            hits, misses, saved = self.totals.get(namespace, (0, 0, Decimal(0)))
            self.totals[namespace] = (hits + new.hits, misses + new.misses, saved + new.saved)

    def counts(self):
        return {namespace: CacheCounts(*total) for namespace, total in self.totals.items()}


@pytest.fixture
def counting(clock):
    """
    A cache that keeps counts.
    """
    return CountingCache(clock)


def test_hits_misses_and_savings_are_counted_by_namespace(make_client, scripted, counting):
    """
    They are stored at the latest when the client closes.
    """
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Ho"))
    with make_client(cache=counting) as client:
        first = client.ask("Hello")
        client.ask("Hello")
        client.ask("Hello")
        client.ask("Hello", cache_namespace="other")

    assert counting.totals == {"default": (2, 1, 2 * first.cost), "other": (0, 1, Decimal(0))}
    assert counting.additions == 1


def test_counts_are_stored_at_most_once_a_second(make_client, scripted, counting, clock):
    """
    Those of a second are stored together.
    """
    scripted.reply(body=chat_reply("Hi"))
    with make_client(cache=counting) as client:
        for _ in range(5):
            client.ask("Hello")
        clock.now += 1
        client.ask("Hello")

        assert (counting.additions, counting.totals["default"][:2]) == (1, (5, 1))


def test_requests_that_are_not_looked_up_are_not_counted(make_client, scripted, counting, clock):
    """
    Neither one that replaces the stored reply, nor one in the background that requests a stale one again.
    """
    for _ in range(3):
        scripted.reply(body=chat_reply("Hi"))
    with make_client(cache=counting, cache_ttl=60, cache_stale=600) as client:
        client.ask("Hello")
        client.ask("Hello", cache="refresh")
        clock.now += 61
        with joining_new_threads():
            client.ask("Hello")

    assert counting.totals["default"][:2] == (1, 1)


def test_an_error_is_a_miss(make_client, scripted, counting):
    """
    The request was looked up, and not found.
    """
    scripted.fail()
    with make_client(cache=counting, retries=0) as client, pytest.raises(ConnectionFailedError):
        client.ask("Hello")

    assert counting.totals["default"][:2] == (0, 1)


PROGRAM = """
import budwood

class Cache(dict):
    def set(self, key, value, *, ttl=None):
        self[key] = value

    def close(self):
        pass

    def counts(self):
        return {}

    def add_counts(self, counts):
        print(counts["default"].hits, counts["default"].misses)

client = budwood.Client("offline/extractive", cache=Cache())
for _ in range(3):
    client.ask("What gives the fruit? <passage>The shoot gives the fruit.</passage>")
"""


def test_a_program_that_does_not_close_its_client_stores_the_counts(tmp_path):
    """
    It stores them when it exits.
    """
    result = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert (result.stdout, result.stderr) == ("2 1\n", "")
