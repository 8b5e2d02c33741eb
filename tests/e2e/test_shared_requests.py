"""
Equal calls at the same time cause one request: of tasks, of threads, of streams, and of processes.

``nox -s single_flight`` makes 10,000 and 1,000 of them; otherwise there are fewer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.held_server import HeldServer
from tests.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 4
KINDS = ["tasks", "threads", "task-streams", "thread-streams"]


@pytest.fixture
def count(request):
    """
    The number of calls of a kind in each process.
    """
    sizes = (10_000, 1000) if request.config.getoption("--proof") == "deep" else (200, 50)
    return lambda kind: sizes[kind.startswith("thread")]


@pytest.fixture
def server():
    """
    A server that holds its replies.
    """
    with HeldServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def shared(request, server, tmp_path):
    """
    The name of a cache that processes share, and the settings.
    """
    settings = {**server.settings, "options": {"cache_lease": 120}}
    if request.param == "sqlite":
        yield "sqlite", {**settings, "caches": {"sqlite": {"path": str(tmp_path / "replies.sqlite3")}}}
        return
    with RedisServer() as redis:
        yield "redis", {**settings, "caches": {"redis": {"url": redis.url, "timeout": 60}}}


class Process:
    """
    A process that makes calls.
    """

    def __init__(self, kind, count, cache, settings, *options):
        command = [sys.executable, "-m", "tests.e2e.programs.shared_calls", kind, str(count), cache]
        self._process = subprocess.Popen(
            [*command, json.dumps(settings), *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )

    def wait_until_ready(self):
        """
        Wait until its calls share a request.
        """
        assert self._process.stdout.readline() == "ready\n"

    def result(self):
        """
        Return the texts of its replies, with their numbers, and how many of them are not cached.
        """
        with self._process:
            return json.loads(self._process.stdout.read())

    def kill(self):
        """
        End it without warning.
        """
        with self._process:
            self._process.kill()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_calls_in_one_process_send_one_request(server, count, kind):
    """
    All get its reply, and one is charged.
    """
    process = Process(kind, count(kind), "memory", server.settings)
    process.wait_until_ready()
    server.opened.set()
    result = process.result()

    assert sum(result["texts"].values()) == count(kind)
    assert (len(server.requests), len(result["texts"]), result["charged"]) == (1, 1, 1)


@pytest.mark.parametrize("kind", ["tasks", "task-streams", "thread-streams"])
def test_the_request_goes_on_without_the_call_that_sent_it(server, count, kind):
    """
    Another one is charged.
    """
    process = Process(kind, count(kind), "memory", server.settings, "--leave")
    process.wait_until_ready()
    server.opened.set()
    result = process.result()

    assert sum(result["texts"].values()) == count(kind) - 1
    assert (len(server.requests), len(result["texts"]), result["charged"]) == (1, 1, 1)


@pytest.mark.parametrize("kind", ["threads", "task-streams"])
def test_equal_calls_in_several_processes_send_one_request(server, shared, count, kind):
    """
    The others wait for its reply in the cache.
    """
    number = count(kind) // PROCESSES
    processes = [Process(kind, number, *shared) for _ in range(PROCESSES)]
    for process in processes:
        process.wait_until_ready()
    server.opened.set()
    results = [process.result() for process in processes]

    assert len(server.requests) == 1
    assert len({text for result in results for text in result["texts"]}) == 1
    assert sum(sum(result["texts"].values()) for result in results) == number * PROCESSES
    assert sum(result["charged"] for result in results) == 1


@pytest.mark.parametrize("kind", ["tasks", "thread-streams"])
def test_a_killed_process_costs_one_more_request(server, shared, count, kind):
    """
    One of the others takes over when the lease has expired.
    """
    number = count(kind) // PROCESSES
    name, settings = shared
    shared = name, {**settings, "options": {"cache_lease": 5}}
    first = Process(kind, number, *shared)
    server.arrived.acquire()
    first.wait_until_ready()
    others = [Process(kind, number, *shared) for _ in range(PROCESSES - 1)]
    for process in others:
        process.wait_until_ready()
    first.kill()
    server.arrived.acquire()
    server.opened.set()
    results = [process.result() for process in others]

    assert len(server.requests) == 2
    assert sum(sum(result["texts"].values()) for result in results) == number * (PROCESSES - 1)
    assert sum(result["charged"] for result in results) == 1
