"""Clients that share a Redis cache, and lose its server."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from structlog.testing import capture_logs

from budwood import AsyncClient, Client, logs
from budwood_redis_cache.cache import RETRY_SECONDS
from budwood_testing import ScriptedTransport, chat_chunks, chat_reply, sse

pytestmark = pytest.mark.real_server


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
def make_client(prefix, scripted, clock):
    """
    Make clients that share a Redis cache.
    """
    clients = []

    def make(server, transport=None, **options):
        settings = {"caches": {"redis": {"url": server.url, "prefix": prefix, "timeout": 60}}}
        options = {"cache": "redis", "settings": settings, "api_key": "sk-test", "clock": clock, **options}
        clients.append(Client("openai/gpt-4o", transport=transport or scripted, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def warnings(log):
    """
    Return the events of the warnings.
    """
    return [line["event"] for line in log if line["log_level"] == "warning"]


def test_clients_share_replies(make_client, server, scripted):
    """
    A reply of one client is found by another one, plain and streamed, until it expires.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hel", "lo"])))
    with make_client(server).stream("Hi") as stream:
        assert "".join(stream.text_deltas()) == "Hello"

    assert make_client(server).ask("Hi").cached
    with make_client(server).stream("Hi") as stream:
        assert "".join(stream.text_deltas()) == "Hello"
    assert len(scripted.calls) == 1


def test_async_client_uses_the_cache(make_client, server, scripted, clock, prefix):
    """
    Tasks read and write it side by side.
    """
    settings = {"caches": {"redis": {"url": server.url, "prefix": prefix, "timeout": 60}}}
    for number in range(20):
        scripted.reply(body=chat_reply(f"Reply {number}"))

    async def ask():
        async with AsyncClient(
            "openai/gpt-4o",
            api_key="sk-test",
            cache="redis",
            settings=settings,
            transport=scripted.asynchronous,
            clock=clock,
        ) as client:
            return await asyncio.gather(*(client.ask(f"Hi {number}") for number in range(20)))

    first, second = asyncio.run(ask()), asyncio.run(ask())

    assert [reply.text for reply in second] == [reply.text for reply in first]
    assert all(reply.cached for reply in second)


def test_memory_is_filled_from_redis(make_client, own_server, scripted):
    """
    With a list of caches, a reply of another process is then served without the server.
    """
    scripted.reply(body=chat_reply("Hello"))
    make_client(own_server).ask("Hi")
    client = make_client(own_server, cache=["memory", "redis"])
    assert client.ask("Hi").cached
    own_server.kill()

    assert client.ask("Hi").cached
    own_server.start()


def test_calls_survive_the_loss_of_the_server(make_client, own_server, scripted, clock, log):
    """
    While the server is stopped, calls are sent, with one warning for all of them. Then it is used again.
    """
    client = make_client(own_server)
    for _ in range(12):
        scripted.reply(body=chat_reply("Hello"))
    client.ask("Hi")
    assert client.ask("Hi").cached
    own_server.kill()
    for number in range(10):
        assert not client.ask(f"Hi {number % 2}").cached
        clock.advance(RETRY_SECONDS / 2)
    assert warnings(log) == ["cache read failed"]

    own_server.start()
    clock.advance(RETRY_SECONDS)
    assert not client.ask("Hi").cached
    assert client.ask("Hi").cached
    assert warnings(log) == ["cache read failed"]


def test_server_is_restarted_among_calls(make_client, own_server, clock):
    """
    Threads that ask while the server is stopped and started get the right replies, all of them.
    """
    transport = ScriptedTransport()
    texts = [f"Reply {number}" for number in range(20)]
    for _ in range(2000):
        transport.reply(body=chat_reply("Hello"))
    client = make_client(own_server, transport)

    def ask(thread):
        return [client.ask(text).text for _ in range(5) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        running = [pool.submit(ask, thread) for thread in range(8)]
        own_server.kill()
        clock.advance(RETRY_SECONDS)
        own_server.start()
        clock.advance(RETRY_SECONDS)
        assert all(future.result() == ["Hello"] * 100 for future in running)
    clock.advance(RETRY_SECONDS)
    client.ask(texts[0])
    assert client.ask(texts[0]).cached
