import os
import sys

import pytest

from tests.benchmarks.processes import (
    WorkerProcess,
    create_process_environment,
    pin_to_core,
    read_statistics,
    run_server,
)
from tests.benchmarks.roster import select_contenders

COMMAND = {"operation": "sync_call", "expected": "Hello.", "count": 3}


@pytest.fixture
def worker(tmp_path):
    """
    A worker with the socket contender, and the server's address.
    """
    with run_server() as address:
        worker_process = WorkerProcess(select_contenders(["socket"])[0], sys.executable, address, str(tmp_path))
        yield worker_process, address
        worker_process.close()


def test_worker_reports_the_costs_of_its_calls(worker):
    """
    The worker's number of calls is the number of requests at the server.
    """
    process, address = worker

    assert process.ask(COMMAND)["calls"] == 3
    assert read_statistics(address)["requests"] == 3


def test_hanging_worker_is_restarted(worker):
    """
    A client that hangs fails one measure, and not the run.
    """
    process, _ = worker

    assert process.ask(COMMAND | {"path": "/fixed-3600000"}, limit=0.0) == {"failed": "no answer within 0 s"}
    assert process.ask(COMMAND)["calls"] == 3


def test_crashed_worker_is_restarted(worker):
    """
    A client that crashes the interpreter fails one measure, and not the run.
    """
    process, _ = worker

    process._process.kill()
    process._process.wait()

    assert process.ask(COMMAND) == {"failed": "the process ended"}
    assert process.ask(COMMAND)["calls"] == 3


def test_worker_can_be_restarted(worker):
    """
    A restarted worker is a new process.
    """
    process, _ = worker
    before = process._process.pid

    process.restart()

    assert process._process.pid != before
    assert process.ask(COMMAND)["calls"] == 3


def test_measured_process_has_a_clean_environment(monkeypatch, tmp_path):
    """
    The user's keys, proxies, settings and caches are removed from the environment.
    """
    for name in ("OPENAI_API_KEY", "BUDWOOD_CACHE", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")

    environment = create_process_environment(str(tmp_path), {"MORE": "1"})

    assert "secret" not in environment.values()
    assert environment["HOME"] == environment["XDG_CACHE_HOME"] == str(tmp_path)
    assert environment["MORE"] == "1"


def test_affinity_is_restored():
    """
    Pinning processes does not pin the suite afterwards.
    """
    before = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None

    with pin_to_core(0):
        if before:
            assert os.sched_getaffinity(0) == {min(before)}

    assert before is None or os.sched_getaffinity(0) == before
