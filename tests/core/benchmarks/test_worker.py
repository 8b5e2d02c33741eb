import asyncio
import json
import sys
from types import ModuleType

import pytest

from tests.benchmarks import worker as module
from tests.benchmarks.asking import Unavailable
from tests.benchmarks.worker import Command, Worker, answers


class Sample:
    """A contender that asks nobody."""

    made = 0
    closed = 0
    most = 0

    def __init__(self, base_url):
        type(self).made += 1
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

    def wanting(self):
        raise Unavailable("it needs more")

    def close(self):
        type(self).closed += 1

    async def aclose(self):
        pass


@pytest.fixture
def sample(monkeypatch):
    """
    The contender, as the module that a worker imports.
    """
    made = type("Client", (Sample,), {})
    found = ModuleType("tests.benchmarks.contenders.sample")
    found.Client = made
    monkeypatch.setitem(sys.modules, found.__name__, found)
    monkeypatch.setattr(module, "forget_peak", lambda: None)  # it is the peak of whoever runs the tests
    return made


def answer(**command):
    """Have one command done."""
    worker = Worker("sample", "http://here")
    try:
        return next(answers(worker, [json.dumps(command)]))
    finally:
        worker.runner.close()


URL = "http://here/fixed-1/v1"


@pytest.mark.parametrize(
    ("operation", "wanted"), [("sync_call", URL), ("async_call", URL), ("sync_stream", "ab"), ("async_stream", "ab")]
)
def test_an_operation_is_run_as_often_as_was_said(sample, operation, wanted):
    """
    Each kind of operation is called so often, checked each time, and its costs told.
    """
    found = answer(operation=operation, wanted=wanted, path="/fixed-1", in_flight=3, count=7)

    assert found["calls"] == 7
    assert found["cpu_us"] >= 0
    assert found["p99_ms"] >= found["p50_ms"] >= 0
    assert ("first_token_ms" in found) is operation.endswith("stream")


def test_calls_are_in_flight_at_once(sample):
    """
    There are as many lanes as was said.
    """
    answer(operation="async_call", wanted=URL, path="/fixed-1", in_flight=5, count=20)

    assert sample.most == 5


def test_every_lane_has_a_call_though_the_time_is_over(sample):
    """
    With many lanes and little time, each still takes its turn.
    """
    assert answer(operation="async_call", wanted=URL, path="/fixed-1", in_flight=9, seconds=1e-9)["calls"] == 9


def test_operations_that_make_many_calls_are_told_how_many(sample):
    """
    What one call of many costs is a share of the whole.
    """
    assert answer(operation="async_many", wanted="x", in_flight=2, count=50)["calls"] == 50


def test_a_wrong_reply_fails(sample):
    """
    A client that is fast and wrong is no contender.
    """
    assert "AssertionError" in answer(operation="sync_call", wanted="something else", count=1)["failed"]


@pytest.mark.parametrize(("operation", "reason"), [("wanting", "it needs more"), ("unknown", "")])
def test_what_cannot_be_done_is_told(sample, operation, reason):
    """
    A contender without an operation is no failure.
    """
    assert answer(operation=operation, wanted="", count=1) == {"unavailable": reason}


def test_a_client_is_made_for_each_command_unless_it_is_kept(sample):
    """
    A measure does not inherit what another left in a pool, but for that of memory, which goes on.
    """
    worker = Worker("sample", "http://here")
    for keep in (False, True, False):
        worker.perform(Command("sync_call", "http://here/v1", count=1, keep=keep))
    worker.runner.close()

    assert (sample.made, sample.closed) == (2, 2)


def test_a_warm_up_counts_for_nothing(sample):
    """
    Its calls are made, and not told.
    """
    assert answer(operation="sync_call", wanted="http://here/v1", count=2, warm_up=30)["calls"] == 2
