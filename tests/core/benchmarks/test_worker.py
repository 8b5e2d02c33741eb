import asyncio
import json
import sys
from types import ModuleType

import pytest

from tests.benchmarks import worker as module
from tests.benchmarks.asking import Unavailable
from tests.benchmarks.worker import Command, Worker, run_commands


class Sample:
    """A contender that sends no requests."""

    created = 0
    closed = 0
    most = 0

    def __init__(self, base_url):
        type(self).created += 1
        self.base_url = base_url
        self.flying = 0

    def sync_call(self):
        return self.base_url

    async def async_call(self):
        self.flying += 1
        type(self).most = max(self.most, self.flying)
        await asyncio.sleep(0)
        self.flying -= 1
        return self.base_url

    def sync_stream(self):
        yield from ("a", "b")

    async def async_stream(self):
        for text in ("a", "b"):
            yield text

    async def async_many(self, count, in_flight):
        return ["x"] * count

    def incomplete(self):
        raise Unavailable("it needs more")

    def close(self):
        type(self).closed += 1

    async def aclose(self):
        pass


@pytest.fixture
def sample(monkeypatch):
    """
    The contender as a module that a worker can import.
    """
    client_class = type("Client", (Sample,), {})
    contender = ModuleType("tests.benchmarks.contenders.sample")
    contender.Client = client_class
    monkeypatch.setitem(sys.modules, contender.__name__, contender)
    monkeypatch.setattr(module, "reset_peak", lambda: None)  # it would reset the peak of the test process
    return client_class


def answer(**command):
    """Run one command."""
    worker = Worker("sample", "http://here")
    try:
        return next(run_commands(worker, [json.dumps(command)]))
    finally:
        worker.runner.close()


URL = "http://here/fixed-1/v1"


@pytest.mark.parametrize(
    ("operation", "expected"), [("sync_call", URL), ("async_call", URL), ("sync_stream", "ab"), ("async_stream", "ab")]
)
def test_operation_runs_as_often_as_requested(sample, operation, expected):
    """
    Each kind of operation is called `count` times, and its costs are reported.
    """
    costs = answer(operation=operation, expected=expected, path="/fixed-1", in_flight=3, count=7)

    assert costs["calls"] == 7
    assert costs["cpu_us"] >= 0
    assert costs["p99_ms"] >= costs["p50_ms"] >= 0
    assert ("first_token_ms" in costs) is operation.endswith("stream")


def test_calls_are_concurrent(sample):
    """
    As many calls run concurrently as requested.
    """
    answer(operation="async_call", expected=URL, path="/fixed-1", in_flight=5, count=20)

    assert sample.most == 5


def test_every_lane_makes_at_least_one_call(sample):
    """
    Each lane makes a call even if the time is over.
    """
    assert answer(operation="async_call", expected=URL, path="/fixed-1", in_flight=9, seconds=1e-9)["calls"] == 9


def test_bulk_operation_gets_the_number_of_calls(sample):
    """
    The costs per call are a share of the total.
    """
    assert answer(operation="async_many", expected="x", in_flight=2, count=50)["calls"] == 50


def test_wrong_reply_is_a_failure(sample):
    """
    A wrong reply fails the command.
    """
    assert "AssertionError" in answer(operation="sync_call", expected="something else", count=1)["failed"]


@pytest.mark.parametrize(("operation", "reason"), [("incomplete", "it needs more"), ("unknown", "")])
def test_missing_operation_is_unavailable(sample, operation, reason):
    """
    A missing operation is reported as unavailable.
    """
    assert answer(operation=operation, expected="", count=1) == {"unavailable": reason}


def test_each_command_has_a_new_client_unless_left_open(sample):
    """
    A new client is created for each command, unless the previous one was left open.
    """
    worker = Worker("sample", "http://here")
    for keep in (False, True, False):
        worker.perform(Command("sync_call", "http://here/v1", count=1, keep=keep))
    worker.runner.close()

    assert (sample.created, sample.closed) == (2, 2)


def test_warm_up_is_not_counted(sample):
    """
    Calls of the warm-up are not in the results.
    """
    assert answer(operation="sync_call", expected="http://here/v1", count=2, warm_up=30)["calls"] == 2
