"""One client used by many threads, many tasks, and forked processes."""

from __future__ import annotations

import asyncio
import json
import os
import threading

import pytest

from budwood import AsyncClient, Client
from tests.chat_server import completion
from tests.forking import run_in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
every_transport = pytest.mark.parametrize("transport", ["default", "aiohttp", "httptools"])


class Connection(asyncio.Protocol):
    """
    Echoes prompts after a short delay.
    """

    def __init__(self, server):
        self.server = server
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport
        self.server.transports.add(transport)
        self.server.open += 1
        self.server.most_open = max(self.server.most_open, self.server.open)

    def connection_lost(self, _):
        self.server.transports.discard(self.transport)
        self.server.open -= 1

    def data_received(self, data):
        self.received += data
        head, ended, body = self.received.partition(b"\r\n\r\n")
        if not ended:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        assert len(body) == length, "a second request came before the reply to the first"
        self.received = b""
        self.server.asked += 1
        prompt = json.loads(body)["messages"][-1]["content"]
        asyncio.get_running_loop().call_later(0.002, self.answer, prompt)

    def answer(self, prompt):
        body = json.dumps(completion("tiny", prompt)).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        self.transport.write(b"content-length: %d\r\n\r\n" % len(body) + body)


class EchoServer:
    """
    A server in a thread, for thousands of connections.
    """

    def __init__(self):
        self.open = self.most_open = self.asked = 0
        self.port = None
        self.transports = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._started.wait()

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await self._loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=2048)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopping.wait()
        server.close()
        for transport in self.transports:
            transport.abort()
        await asyncio.sleep(0)

    def close(self):
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def settings(self, **transport):
        """
        Return the settings of a client for this server.
        """
        provider = {"plugin": "openai-compatible", "base_url": f"http://127.0.0.1:{self.port}", "api_key": "k"}
        return {
            "providers": {"local": provider},
            "transports": {"default": transport, "aiohttp": transport, "httptools": transport} if transport else {},
        }


@pytest.fixture
def server(loopback_server):
    """
    A server that sends back requests. The second fixture is not used, but removes proxies.
    """
    echo_server = EchoServer()
    yield echo_server
    echo_server.close()


def ask_in_threads(client, threads: int, rounds: int, then=lambda: None) -> list[object]:
    """
    Ask in parallel threads, do something meanwhile, and return the wrong replies.
    """
    wrong: list[object] = []

    def work(name: int) -> None:
        for turn in range(rounds):
            prompt = f"{name}/{turn}"
            try:
                if (text := client.ask(prompt).text) != prompt:
                    wrong.append((prompt, text))
            except Exception as error:  # noqa: BLE001 - an error in a thread would be lost
                wrong.append(error)

    started = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
    for thread in started:
        thread.start()
    then()
    for thread in started:
        thread.join()
    return wrong


def test_64_threads_share_a_client(server):
    """
    Each thread gets the reply to its own request.
    """
    with Client("local/tiny", settings=server.settings(), transport="default") as client:
        assert ask_in_threads(client, 64, 10) == []

    assert server.asked == 640
    assert server.most_open <= 64


def test_64_threads_wait_for_a_connection(server):
    """
    No more than `max_connections` requests are in flight.
    """
    settings = server.settings(max_connections=5)
    with Client("local/tiny", settings=settings, transport="default") as client:
        assert ask_in_threads(client, 64, 5) == []

    assert server.most_open == 5


async def ask_in_tasks(client, tasks: int) -> list[object]:
    """
    Ask in parallel tasks, and return the wrong replies.
    """
    prompts = [f"task {number}" for number in range(tasks)]
    replies = await asyncio.gather(*(client.ask(each) for each in prompts))
    return [(each, reply.text) for each, reply in zip(prompts, replies, strict=True) if reply.text != each]


@every_transport
@pytest.mark.parametrize(("limits", "most"), [({}, 1000), ({"max_connections": 50}, 50)])
def test_1000_tasks_share_a_client(server, transport, limits, most):
    """
    Each task gets the reply to its own request, with up to the maximum of requests in flight.
    """

    async def ask() -> list[object]:
        async with AsyncClient("local/tiny", settings=server.settings(**limits), transport=transport) as client:
            return [*await ask_in_tasks(client, 1000), *await ask_in_tasks(client, 1000)]

    assert asyncio.run(ask()) == []
    assert server.asked == 2000
    assert server.most_open <= most


@every_transport
def test_cancelled_tasks_do_not_affect_others(server, transport):
    """
    If many of the tasks that share a few connections are cancelled, the others still get their replies.
    """

    async def ask() -> list[object]:
        settings = server.settings(max_connections=10)
        async with AsyncClient("local/tiny", settings=settings, transport=transport) as client:
            stopping_threads = [asyncio.create_task(client.ask(f"leaver {number}")) for number in range(200)]
            staying = asyncio.create_task(ask_in_tasks(client, 300))
            for number, stopping_thread in enumerate(stopping_threads):
                if number % 7 == 0:
                    await client.ask("now and then")
                stopping_thread.cancel()
            await asyncio.wait(stopping_threads)
            return await staying

    assert asyncio.run(ask()) == []
    assert server.most_open <= 20  # a server notices a closed connection after a short delay


@forking
def test_process_forked_from_threads_has_its_own_connections(server):
    """
    A process that is forked while threads send requests works independently; the parent is not affected.
    """
    with Client("local/tiny", settings=server.settings(), transport="default") as client:
        results: list[str] = []

        def run_in_children() -> None:
            results.extend(run_in_child(lambda: ask_in_turn(client, "child")) for _ in range(5))

        assert ask_in_threads(client, 16, 40, run_in_children) == []
        assert results == ["right"] * 5


def ask_in_turn(client, name: str) -> str:
    """
    Ask several times, one after the other.
    """
    wrong = [turn for turn in range(10) if client.ask(f"{name}/{turn}").text != f"{name}/{turn}"]
    return f"wrong: {wrong}" if wrong else "right"


@forking
@every_transport
def test_process_forked_from_tasks_has_its_own_connections(server, transport):
    """
    A process that is forked while tasks send requests uses its own loop; the tasks of the parent are not affected.
    """
    results: list[str] = []

    async def ask() -> list[object]:
        async with AsyncClient("local/tiny", settings=server.settings(), transport=transport) as client:
            staying = asyncio.create_task(ask_in_tasks(client, 300))
            for _ in range(3):
                await client.ask("now and then")
                results.append(run_in_child(lambda: run_in_thread(lambda: str(asyncio.run(ask_in_tasks(client, 50))))))
            return await staying

    assert asyncio.run(ask()) == []
    assert results == ["[]"] * 3


def run_in_thread(work):
    """Return the result of a function in a thread without an event loop."""
    results = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    thread.join()
    return results[0]
