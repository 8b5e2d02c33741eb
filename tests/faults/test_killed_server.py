"""Two servers in processes of their own, a primary and a backup. The primary is killed under load, and comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from budwood import AsyncClient, Client
from budwood.engine.reliability.health import FIRST_REST, JITTER
from budwood.errors import StreamInterruptedError
from budwood.types import TextDelta

PROGRAM = Path(__file__).parent / "programs" / "held_server.py"

BEFORE_HEAD, BEFORE_CONTENT, AFTER_CONTENT = "before the head", "before content", "after content"
CALLS = [(False, BEFORE_HEAD), (True, BEFORE_HEAD), (True, BEFORE_CONTENT), (True, AFTER_CONTENT)] * 16
"""64 calls: whether each is streamed, and where the primary holds its reply."""

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


class ServerProcess:
    """
    A server in a process, which is killed at the end.
    """

    def __init__(self, name, mode, port=0):
        command = [sys.executable, str(PROGRAM), name, str(port), mode]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def wait_for_calls(self, number):
        """
        Wait until the server holds a number of replies; return how many of each kind.
        """
        return Counter(self._process.stdout.readline().strip() for _ in range(number))

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def start(monkeypatch):
    """
    Start servers, without the proxies of the environment.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    processes = []

    def start_server(*arguments):
        processes.append(ServerProcess(*arguments))
        return processes[-1]

    yield start_server
    for process in processes:
        process.kill()


@pytest.fixture
def primary(start):
    """
    The primary server, which holds all replies.
    """
    return start("primary", "hold")


@pytest.fixture
def settings(primary, start):
    """
    The settings of both servers.
    """
    local = {"plugin": "openai-compatible", "base_url": primary.url}
    return {"providers": {"local": {**local, "backups": [{"base_url": start("backup", "answer").url}]}}}


def check_results(results):
    """
    Check the results of `CALLS` after the primary was killed.
    """
    for (_, place), (texts, reply, error) in zip(CALLS, results, strict=True):
        if place == AFTER_CONTENT:
            assert isinstance(error, StreamInterruptedError), error
            assert (texts, error.response.text, error.response.partial) == (["primary"], "primary", True)
            assert [attempt.endpoint for attempt in error.attempts] == ["local"]
        else:
            assert (texts, error) == (["backup"], None)
            assert [attempt.endpoint for attempt in reply.attempts if not attempt.skipped] == ["local", "local#2"]
            assert reply.attempts[0].error in ("ConnectionFailedError", "StreamInterruptedError")


def check_rest(states):
    """
    Check that the primary rests, and the backup is used.
    """
    primary, backup = states
    assert (primary.name, primary.state, primary.failures, primary.in_flight) == ("local", "open", 64, 0)
    assert primary.next_probe <= FIRST_REST * (1 + JITTER)
    assert (backup.name, backup.state, backup.calls, backup.failures) == ("local#2", "closed", 48, 0)


def test_threads_survive_the_death_of_a_server(start, primary, settings):
    """
    With 64 calls in flight no plain call and no stream before its first content fails.

    Later streams raise StreamInterruptedError with what arrived. When the server is back, the first call after its rest
    uses it again.
    """
    has_content = threading.Semaphore(0)

    def call(arguments):
        is_streamed, prompt = arguments
        if not is_streamed:
            reply = client.ask(prompt)
            return [reply.text], reply, None
        texts = []
        try:
            with client.stream(prompt) as stream:
                for event in stream:
                    if isinstance(event, TextDelta):
                        texts.append(event.text)
                        has_content.release()
        except StreamInterruptedError as error:
            return texts, None, error
        return texts, stream.response, None

    with Client("local/tiny", settings=settings) as client, ThreadPoolExecutor(len(CALLS)) as threads:
        results = threads.map(call, CALLS)
        held = primary.wait_for_calls(64)
        for _ in range(16):
            has_content.acquire()
        primary.kill()
        assert held == Counter(place for _, place in CALLS)
        check_results(list(results))
        check_rest(client.endpoints())
        assert client.ask("now").text == "backup"

        start("primary", "answer", primary.port)
        while client.endpoints()[0].next_probe:
            threading.Event().wait(0.01)

        assert client.ask("again").text == "primary"
        assert client.endpoints()[0].state == "closed"


def test_tasks_survive_the_death_of_a_server(start, primary, settings):
    """
    The same holds for 64 tasks of an event loop.
    """

    async def call(client, has_content, is_streamed, prompt):
        if not is_streamed:
            reply = await client.ask(prompt)
            return [reply.text], reply, None
        texts = []
        try:
            async with client.stream(prompt) as stream:
                async for event in stream:
                    if isinstance(event, TextDelta):
                        texts.append(event.text)
                        has_content.release()
        except StreamInterruptedError as error:
            return texts, None, error
        return texts, stream.response, None

    async def run():
        has_content = asyncio.Semaphore(0)
        async with AsyncClient("local/tiny", settings=settings) as client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(call(client, has_content, *arguments)) for arguments in CALLS]
            held = await asyncio.to_thread(primary.wait_for_calls, 64)
            for _ in range(16):
                await has_content.acquire()
            primary.kill()
            assert held == Counter(place for _, place in CALLS)
            check_results(await asyncio.gather(*tasks))
            check_rest(client.endpoints())
            assert (await client.ask("now")).text == "backup"

            start("primary", "answer", primary.port)
            while client.endpoints()[0].next_probe:  # noqa: ASYNC110 - nothing reports that it is time
                await asyncio.sleep(0.01)

            assert (await client.ask("again")).text == "primary"
            assert client.endpoints()[0].state == "closed"

    asyncio.run(run())
