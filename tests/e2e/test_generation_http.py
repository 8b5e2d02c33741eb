from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from budwood_generation import generate, make_plan
from tests.chat_server import NOW, ChatServer, disconnect, failure
from tests.datasets import conversation_spec, read_rows, row_spec

JOB = {"asker": "local/asker", "answerer": "local/tiny", "turns": (1, 3)}
WITHOUT_RETRIES = {"asker_options": {"retries": 0}, "answerer_options": {"retries": 0}}
VALUE = json.dumps({"subject": "tea", "fact": "It is green."})


@pytest.fixture(scope="module")
def expected_output(tmp_path_factory):
    """
    The dataset from a server without faults.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path_factory.mktemp("expected"), job=JOB, rows=30)
        return generate(spec, settings=server.settings).output.read_bytes()


def fail_every_seventh(fault):
    """Return a fault for every seventh request."""
    return lambda number, _body: fault if number % 7 == 0 else None


def test_a_server_receives_the_requests_of_the_plan(tmp_path):
    """
    Each call is sent once, with the messages for asker or answerer, and the replies are the rows.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=30)

    with ChatServer() as server:
        plan = make_plan(spec, settings=server.settings)
        report = generate(spec, settings=server.settings)

    rows = read_rows(report.output)
    contents = {message["content"] for row in rows for message in row["messages"]}
    assert (report.complete, report.calls, len(server.requests)) == (True, plan.calls, plan.calls)
    assert (report.input_tokens, report.output_tokens) == (11 * plan.calls, 5 * plan.calls)
    assert contents == {server.say(body) for body in server.requests}
    assert Counter(body["model"] for body in server.requests) == {"asker": plan.turns, "tiny": plan.turns}
    for body in server.requests:
        assert "<passage>" in body["messages"][body["model"] == "asker"]["content"]


def test_the_answerer_sees_the_conversation_so_far(tmp_path):
    """
    The earlier turns are in the request, in order, with their roles.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path, job=JOB | {"turns": 3}, rows=1)
        row = read_rows(generate(spec, settings=server.settings).output)[0]

    last = [body for body in server.requests if body["model"] == "tiny"][-1]
    assert last["messages"][1:] == row["messages"][:-1]


def test_requests_are_sent_in_parallel(tmp_path):
    """
    As many as the specification allows, unless rows about the same passage wait for one another.
    """
    independent = {"strategy": {"plugin": "document-questions", "asked": 0}}
    barrier = threading.Barrier(5)

    def wait_for_all(number, _body):
        if number <= 5:
            barrier.wait()

    with ChatServer(fault=wait_for_all) as server:
        spec = conversation_spec(tmp_path, job=JOB | independent, rows=5, concurrency=5)
        assert generate(spec, settings=server.settings).complete


@pytest.mark.parametrize(
    "fault", [failure(500, **NOW), failure(429, **NOW), disconnect], ids=["500", "429", "disconnect"]
)
def test_transient_failures_do_not_change_the_rows(tmp_path, expected_output, fault):
    """
    Every seventh request fails and is retried. The output is byte-identical.
    """
    retry_options = {"asker_options": {"retries": 20}, "answerer_options": {"retries": 20}}
    with ChatServer(fault=fail_every_seventh(fault)) as server:
        spec = conversation_spec(tmp_path, job=JOB | retry_options, rows=30)
        report = generate(spec, settings=server.settings)

    assert report.failures == ()
    assert len(server.requests) > report.calls
    assert report.output.read_bytes() == expected_output


@pytest.mark.parametrize("fault", [failure(500), failure(429), disconnect], ids=["500", "429", "disconnect"])
def test_transient_failures_without_retries_do_not_change_the_rows(tmp_path, expected_output, fault):
    """
    The run itself sends failed calls again. No row fails, and no call is paid twice.
    """
    spec = conversation_spec(tmp_path, job=JOB | WITHOUT_RETRIES, rows=30, concurrency=8)
    with ChatServer(fault=fail_every_seventh(fault)) as server:
        report = generate(spec, settings=server.settings)

    assert report.failures == ()
    assert len(server.requests) - len(server.requests) // 7 == report.calls
    assert report.output.read_bytes() == expected_output


def test_transient_failures_do_not_change_values(tmp_path):
    """
    The same for structured rows: none is missing or duplicated.
    """
    with ChatServer(lambda _body: VALUE, fail_every_seventh(failure(500, **NOW))) as server:
        spec = row_spec(tmp_path, job={"model": "local/tiny", "options": {"retries": 20}}, rows=30)
        report = generate(spec, settings=server.settings)

    rows = read_rows(report.output)
    assert report.complete
    assert len({row["id"] for row in rows}) == 30
    assert {json.dumps(row["value"]) for row in rows} == {VALUE}
