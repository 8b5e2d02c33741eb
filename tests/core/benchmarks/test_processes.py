import os
import sys

import pytest

from tests.benchmarks.processes import WorkerProcess, clean_environment, on_core, serving, statistics_of
from tests.benchmarks.roster import named

COMMAND = {"operation": "sync_call", "wanted": "Hello.", "count": 3}


@pytest.fixture
def worker(tmp_path):
    """
    A worker that asks over a socket, and the server's address.
    """
    with serving() as address:
        made = WorkerProcess(named(["socket"])[0], sys.executable, address, str(tmp_path))
        yield made, address
        made.close()


def test_a_worker_asks_the_server_and_tells_what_it_cost(worker):
    """
    The calls that it tells are those that reached the server.
    """
    process, address = worker

    assert process.ask(COMMAND)["calls"] == 3
    assert statistics_of(address)["requests"] == 3


def test_a_worker_that_hangs_is_ended_and_begins_anew(worker):
    """
    A client that waits for ever costs one measure, and not the run.
    """
    process, _ = worker

    assert process.ask(COMMAND | {"path": "/fixed-3600000"}, limit=0.0) == {"failed": "no answer within 0 s"}
    assert process.ask(COMMAND)["calls"] == 3


def test_a_worker_that_ends_is_told_and_begins_anew(worker):
    """
    A client that crashes the interpreter costs one measure, and not the run.
    """
    process, _ = worker

    process._process.kill()
    process._process.wait()

    assert process.ask(COMMAND) == {"failed": "its process ended"}
    assert process.ask(COMMAND)["calls"] == 3


def test_a_worker_can_begin_anew(worker):
    """
    Memory is watched in a process that has done nothing before.
    """
    process, _ = worker
    before = process._process.pid

    process.renew()

    assert process._process.pid != before
    assert process.ask(COMMAND)["calls"] == 3


def test_a_process_that_is_measured_sees_nothing_of_the_user(monkeypatch, tmp_path):
    """
    Keys, proxies, settings and caches of whoever runs the suite change no result.
    """
    for name in ("OPENAI_API_KEY", "BUDWOOD_CACHE", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")

    found = clean_environment(str(tmp_path), {"MORE": "1"})

    assert "secret" not in found.values()
    assert found["HOME"] == found["XDG_CACHE_HOME"] == str(tmp_path)
    assert found["MORE"] == "1"


def test_the_core_is_given_back():
    """
    What the suite does for its processes does not bind itself.
    """
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None

    with on_core(0):
        if before:
            assert os.sched_getaffinity(0) == {min(before)}

    assert before is None or os.sched_getaffinity(0) == before
