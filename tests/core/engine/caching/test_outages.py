"""An outage of a cache is reported once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import structlog
from structlog.testing import capture_logs

from budwood import logs
from budwood.caching import MemoryCache, MemoryCacheSettings
from budwood.engine.caching.outages import REMINDER_SECONDS, Outage
from budwood_testing import chat_reply

THREADS = 16


class FailingCache(MemoryCache):
    """
    A cache whose methods fail as long as they are in `failing`.
    """

    def __init__(self, clock):
        super().__init__(MemoryCacheSettings(), clock)
        self.failing = set()

    def fail(self, method):
        if method in self.failing:
            raise ConnectionError(f"{method} failed")

    def get(self, key):
        self.fail("get")
        return super().get(key)

    def set(self, key, value, *, ttl=None):
        self.fail("set")
        super().set(key, value, ttl=ttl)

    def add_counts(self, counts):
        self.fail("add_counts")
        super().add_counts(counts)


@pytest.fixture
def log():
    """
    The lines of the log.
    """
    logs.configure_logging()
    with capture_logs() as lines:
        yield lines
    structlog.reset_defaults()


@pytest.fixture
def ask(make_client, scripted, clock):
    """
    Return a function that asks a new question, with a cache whose methods fail.
    """
    cache = FailingCache(clock)
    client = make_client(cache=cache)
    numbers = iter(range(1000))

    def ask(*failing):
        cache.failing = set(failing)
        scripted.reply(body=chat_reply("Hi"))
        client.ask(f"Hello {next(numbers)}")
        clock.advance(2)

    return ask


def warnings(log):
    """
    Return the events and reasons of the warnings.
    """
    return [(line["event"], line["reason"]) for line in log if line["log_level"] == "warning"]


def test_lost_cache_is_reported_once(ask, log):
    """
    There is one warning for all methods and calls, until the cache works again; the next outage has another one.
    """
    for _ in range(5):
        ask("get", "set", "add_counts")
    assert warnings(log) == [("cache read failed", "get failed")]

    ask()
    assert [line["event"] for line in log if "again" in line["event"]] == ["cache available again"]
    ask("get", "set", "add_counts")
    assert warnings(log) == [("cache read failed", "get failed")] * 2


def test_report_names_the_cache(make_client, scripted, clock, log):
    """
    Of several caches, the log says which one failed, and which one works again.
    """
    cache = FailingCache(clock)
    client = make_client(cache=["memory", cache])
    for failing in ({"get"}, set()):
        cache.failing = failing
        scripted.reply(body=chat_reply("Hi"))
        client.ask(f"Hello {failing}")

    lines = [(line["event"], line["cache"]) for line in log if "cache" in line["event"]]
    assert lines == [("cache read failed", "FailingCache"), ("cache available again", "FailingCache")]


def test_damaged_entry_is_reported_with_a_reason(make_client, scripted, clock, log):
    """
    It counts as missing. The report says what is wrong, and which cache has the entry.
    """
    cache = FailingCache(clock)
    client = make_client(cache=cache)
    for _ in range(2):
        scripted.reply(body=chat_reply("Hi"))
        assert not client.ask("Hello").cached
        for item in cache.items():
            cache.set(item.key, b"damaged")

    assert set(warnings(log)) == {("cache read failed", "The entry is damaged, or has another format")}
    assert {line["cache"] for line in log if line["log_level"] == "warning"} == {"FailingCache"}


def test_cache_that_can_only_be_read_is_reported_once(ask, log):
    """
    Reads that work do not end an outage of writes.
    """
    for _ in range(5):
        ask("set")

    assert warnings(log) == [("cache write failed", "set failed")]


def test_each_failing_method_is_reported_after_a_recovery(ask, log):
    """
    If the cache can be read again but not written, that is another warning.
    """
    ask("get", "set")
    ask("set")
    ask("set")

    assert warnings(log) == [("cache read failed", "get failed"), ("cache write failed", "set failed")]


def test_long_pause_begins_another_outage():
    """
    A method that failed and was never called again does not hide a later outage.
    """
    outage = Outage()

    assert outage.note_fault("set", 0)
    assert not outage.note_fault("get", REMINDER_SECONDS - 1)
    assert outage.note_fault("get", 2 * REMINDER_SECONDS)


def test_threads_report_an_outage_together():
    """
    Only one of the calls that fail at the same time reports it.
    """
    outage, barrier = Outage(), Barrier(THREADS)

    def fail(number):
        barrier.wait()
        return outage.note_fault("get", 1)

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(fail, range(THREADS))) == 1
