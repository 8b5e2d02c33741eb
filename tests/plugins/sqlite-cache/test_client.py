from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
import structlog

from budwood import AsyncClient, Client
from budwood.errors import ConfigurationError
from budwood_testing import chat_chunks, chat_reply, sse

SECRET = "sk-test-very-secret"


@pytest.fixture
def file(tmp_path):
    """
    The path of the cache file.
    """
    return tmp_path / "cache-files" / "replies.sqlite3"


@pytest.fixture
def open_client(scripted, clock, file):
    """
    Return a function that creates a client with the SQLite cache; its arguments are settings of the cache.
    """
    clients = []

    def open_one(**settings):
        clients.append(
            Client(
                "openai/gpt-4o",
                api_key=SECRET,
                cache="sqlite",
                settings={"caches": {"sqlite": {"path": str(file)} | settings}},
                transport=scripted,
                clock=clock,
                retries=0,
            )
        )
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
def events():
    """
    The log events.
    """
    logged = []

    def record(logger, method, event):
        logged.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[record])
    yield logged
    structlog.reset_defaults()


def test_reply_is_cached_for_the_next_client(open_client, scripted):
    """
    The second client gets the reply of the first, and sends nothing.
    """
    scripted.reply(200, chat_reply("hello"))
    with open_client() as first:
        assert not first.ask("hi").cached

    with open_client() as second:
        again = second.ask("hi")

    assert (again.text, again.cached, len(scripted.calls)) == ("hello", True, 1)


def test_cache_needs_no_settings(scripted, clock, tmp_path):
    """
    `Client(cache="sqlite")` caches replies in the user's cache folder.
    """
    scripted.reply(200, chat_reply("hello"))
    for _ in range(2):
        with Client("openai/gpt-4o", api_key=SECRET, cache="sqlite", transport=scripted, clock=clock) as client:
            assert client.ask("hi").text == "hello"

    assert len(scripted.calls) == 1
    assert [file.parent.name for file in (tmp_path / "home").rglob("replies-2.sqlite3")] == ["sqlite"]


def test_cache_is_configured_in_the_settings_file(scripted, clock, tmp_path):
    """
    A section of budwood.toml configures an instance, and `cache` selects it.
    """
    (tmp_path / "budwood.toml").write_text(
        'cache = "work"\n[options]\ncache_ttl = 60\n'
        '[caches.work]\nplugin = "sqlite"\npath = "work.sqlite3"\nmax_bytes = 2000000\n'
    )
    scripted.reply(200, chat_reply("early")).reply(200, chat_reply("late"))

    with Client("openai/gpt-4o", api_key=SECRET, transport=scripted, clock=clock) as client:
        assert [client.ask("hi").text, client.ask("hi").text] == ["early", "early"]
        clock.now += 60
        assert client.ask("hi").text == "late"

    assert (tmp_path / "work.sqlite3").exists()


def test_cache_is_configured_in_the_environment(scripted, clock, tmp_path, monkeypatch):
    """
    Environment variables configure the cache like the settings file.
    """
    monkeypatch.setenv("BUDWOOD_CACHE", "sqlite")
    monkeypatch.setenv("BUDWOOD_CACHES__SQLITE__PATH", str(tmp_path / "mine.sqlite3"))
    monkeypatch.setenv("BUDWOOD_CACHES__SQLITE__MAX_BYTES", "2000000")
    scripted.reply(200, chat_reply("hello"))

    with Client("openai/gpt-4o", api_key=SECRET, transport=scripted, clock=clock) as client:
        client.ask("hi")
        assert client.ask("hi").cached

    assert (tmp_path / "mine.sqlite3").exists()


def test_streamed_reply_is_cached(open_client, scripted):
    """
    A streamed reply is cached, and replayed as a stream.
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["hel", "lo"])))
    with open_client().stream("hi") as stream:
        assert "".join(stream.text_deltas()) == "hello"

    with open_client().stream("hi") as stream:
        assert "".join(stream.text_deltas()) == "hello"

    assert len(scripted.calls) == 1


def test_async_client_caches_replies(scripted, clock, file):
    """
    Concurrent calls of an async client read and write the cache.
    """
    count = 20
    for number in range(count):
        scripted.reply(200, chat_reply(f"reply {number}"))

    async def ask_all():
        async with AsyncClient(
            "openai/gpt-4o",
            api_key=SECRET,
            cache="sqlite",
            settings={"caches": {"sqlite": {"path": str(file)}}},
            transport=scripted.asynchronous,
            clock=clock,
        ) as client:
            return await asyncio.gather(*(client.ask(f"hi {number}") for number in range(count)))

    first, second = asyncio.run(ask_all()), asyncio.run(ask_all())

    assert [reply.text for reply in second] == [reply.text for reply in first]
    assert all(reply.cached for reply in second)


def test_key_is_not_in_the_file(open_client, scripted, file):
    """
    The file contains replies and hashes of requests, but no API keys or prompts.
    """
    scripted.reply(200, chat_reply("hello there"))
    client = open_client()
    client.ask("a question of mine", system="keep this apart")
    content = b"".join(part.read_bytes() for part in file.parent.iterdir())

    assert b"hello there" in content
    for absent in (SECRET, "very-secret", "Bearer", "a question of mine", "keep this apart"):
        assert absent.encode() not in content


@pytest.mark.parametrize("fault", ["no folder", "another database's version"])
def test_cache_error_does_not_fail_a_call(open_client, scripted, file, fault, events):
    """
    If the cache cannot be used, calls succeed without it, and the error is logged once.
    """
    if fault == "no folder":
        file.parent.write_text("a file in its place")
    else:
        store = open_client()._engine.cache.layers[0].store
        store._database.use(lambda connection: connection.execute("PRAGMA user_version=9"))
    scripted.reply(200, chat_reply("one")).reply(200, chat_reply("two"))
    client = open_client()

    assert [client.ask("hi").text, client.ask("hi").text] == ["one", "two"]

    faults = [event for event in events if event["event"].startswith("cache")]
    assert [(event["event"], event["cache"]) for event in faults] == [("cache read failed", "sqlite")]
    assert str(file.parent) in faults[0]["reason"]


def test_damaged_file_does_not_fail_a_call(open_client, scripted, file, events):
    """
    A damaged file is renamed and logged with the name of the instance, and the reply is cached.
    """
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    scripted.reply(200, chat_reply("hello"))
    client = open_client()
    client.ask("hi")

    assert client.ask("hi").cached
    [damaged] = [event for event in events if event["event"] == "cache file damaged"]
    assert damaged["instance"] == "sqlite"


def test_invalid_settings_are_reported_early(open_client, tmp_path):
    """
    An unknown setting or a folder as the path raises ConfigurationError when the client is created.
    """
    with pytest.raises(ConfigurationError, match=r"\[caches.sqlite\].*'pth'"):
        open_client(pth="x")
    with pytest.raises(ConfigurationError, match="is a folder"):
        open_client(path=str(tmp_path))


PROGRAM = """
import sys
import budwood

settings = {"caches": {"sqlite": {"path": sys.argv[1]}}}
client = budwood.Client("offline/extractive", cache="sqlite", settings=settings)
for _ in range(3):
    client.ask("What gives the fruit? <passage>The shoot gives the fruit.</passage>")
"""


def test_counts_of_a_program_that_does_not_close_its_client_are_stored(file, open_client):
    """
    They are stored before the file is closed at exit.
    """
    subprocess.run([sys.executable, "-c", PROGRAM, str(file)], check=True)

    counts = open_client()._engine.cache.layers[0].store.counts()
    assert (counts["default"].hits, counts["default"].misses) == (2, 1)
