"""Datasets whose calls are sent in batches."""

from __future__ import annotations

import contextlib
import json
import subprocess

import pytest

from budwood.errors import UnsupportedError
from budwood_generation import generate, make_plan, resume
from budwood_generation.errors import JournalError
from tests.batch_server import BatchServer, expire, succeed
from tests.datasets import calls_of, conversation_spec, read_rows, row_spec, write_spec

MODEL = "openai/gpt-4.1-mini"


@pytest.fixture
def server():
    """
    Return a vendor whose batches complete at the first poll.
    """
    with BatchServer(states=("validating", "completed")) as running:
        yield running


def settings_of(server):
    """
    Return the settings for the vendor.
    """
    return {"providers": {"openai": {"api_key": "sk-test", "base_url": server.url}}, "options": {"retries": 0}}


def make_spec(folder, lane="batch", **changes):
    """
    Return a specification of conversations of two turns.
    """
    return conversation_spec(folder, job={"answerer": MODEL, "turns": (2, 2), "lane": lane}, rows=4, **changes)


def kill_once_submitted(process, folder):
    """
    Kill a run as soon as its first batch is stored.
    """
    while not list(folder.rglob("batches/*.json")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the run ended: {process.wait(timeout=0.05)}")
    process.kill()
    process.wait()


def test_conversations_need_a_batch_for_each_round(server, tmp_path):
    """
    All questions and answers of a round are one batch, and the batches are deleted with the end of the run.
    """
    report = generate(make_spec(tmp_path), settings=settings_of(server))

    rows = read_rows(report.output)
    assert report.complete
    assert report.calls == calls_of(rows)
    assert count_lines(server) == report.calls
    assert server.count("POST /chat/completions") == 0
    assert server.count("POST /batches") == report.calls // len(rows)
    assert not (report.run_folder / "batches").exists()


def test_values_are_one_batch(server, tmp_path):
    """
    Structured rows are created by one batch, at the prices of batches.
    """
    server.handle = _with_fact
    spec = row_spec(tmp_path, job={"model": MODEL, "lane": "auto"}, rows=3)

    report = generate(spec, settings=settings_of(server))

    assert (report.rows, server.count("POST /batches")) == (3, 1)
    live = make_plan(row_spec(tmp_path, job={"model": MODEL}, rows=3), settings=settings_of(server))
    plan = make_plan(spec, settings=settings_of(server))
    assert (plan.lane, live.lane) == ("batch", "live")
    assert plan.estimate.cost < live.estimate.cost


def test_expired_calls_are_sent_again(server, tmp_path):
    """
    A call that its batch did not answer is in a further one.
    """
    expired = iter([True])
    server.handle = lambda line: expire(line) if next(expired, False) else succeed(line)

    report = generate(make_spec(tmp_path), settings=settings_of(server))

    assert report.complete
    assert report.calls == calls_of(read_rows(report.output))


def test_run_continues_with_its_batches(server, tmp_path, start):
    """
    A killed run takes up the batch that it has submitted: no call is submitted twice.
    """
    server.states = ("in_progress",)
    path = write_spec(make_spec(tmp_path))
    process = start("generate", path, settings_of(server))
    kill_once_submitted(process, tmp_path)
    server.states = ("in_progress", "completed")

    report = resume(make_spec(tmp_path).run_folder, settings=settings_of(server))

    assert report.complete
    prompts = [json.dumps(line["body"]) for number in range(len(server.batches)) for line in server.lines(number)]
    assert len(prompts) == report.total_calls
    assert server.count("POST /batches") == report.total_calls // report.rows


def test_batch_that_the_vendor_has_lost_is_sent_again_once_its_file_is_deleted(server, tmp_path, start):
    """
    The run stops and names the file, so that a wrong key does not pay twice; no row fails. Then the run continues.
    """
    server.states = ("in_progress",)
    process = start("generate", write_spec(make_spec(tmp_path)), settings_of(server))
    kill_once_submitted(process, tmp_path)
    server.states = ("in_progress", "completed")
    server.batches.clear()
    (stored,) = tmp_path.rglob("batches/*.json")

    for _ in range(2):
        with pytest.raises(JournalError, match=f"batch_1 .*{stored.name}") as caught:
            resume(make_spec(tmp_path).run_folder, settings=settings_of(server))
        assert "delete the file" in caught.value.hint
    stored.unlink()
    report = resume(make_spec(tmp_path).run_folder, settings=settings_of(server))

    assert report.complete
    assert count_lines(server) == report.total_calls


def test_batch_that_is_lost_during_the_run_stops_it(server, tmp_path):
    """
    Its calls are not failures of their rows, and the run continues once the file of the batch is deleted.
    """
    server.faults["/batches/batch_1"] = [404]

    with pytest.raises(JournalError, match="does not have the batch batch_1"):
        generate(make_spec(tmp_path), settings=settings_of(server))
    for path in tmp_path.rglob("batches/*.json"):
        path.unlink()
    report = resume(make_spec(tmp_path).run_folder, settings=settings_of(server))

    assert report.complete


@pytest.mark.parametrize("line", ["POST /files", "POST /batches"])
def test_run_that_is_killed_before_its_batch_exists_submits_it_again(server, tmp_path, start, line):
    """
    The upload is repeated. A creation that the vendor may have carried out is not, until its file is deleted.
    """
    spec, processes = make_spec(tmp_path), []

    def kill(received, *, is_done):
        if received == line and processes:
            processes.pop().kill()
            return True
        return False

    server.hook = kill
    processes.append(start("generate", write_spec(spec), settings_of(server)))
    processes[0].wait()
    marks = list(tmp_path.rglob("*.creating"))
    if line == "POST /batches":
        with pytest.raises(JournalError, match="may have created a batch"):
            resume(spec.run_folder, settings=settings_of(server))
        marks[0].unlink()

    report = resume(spec.run_folder, settings=settings_of(server))

    assert len(marks) == (line == "POST /batches")
    assert report.complete
    assert count_lines(server) == report.total_calls


@pytest.mark.parametrize("is_killed", [True, False])
def test_creation_whose_reply_is_lost_is_not_repeated(server, tmp_path, start, is_killed):
    """
    The vendor may have the batch, but neither a reply nor its list has its id: the run stops, and says how to continue.
    """
    spec, processes = make_spec(tmp_path), []

    def lose(received, *, is_done):
        is_lost = server.lose_batches(received, is_done=is_done)
        while is_lost and processes:
            processes.pop().kill()
        return is_lost

    server.hook = lose
    if is_killed:
        process = start("generate", write_spec(spec), settings_of(server))
        processes.append(process)
        process.wait()
    for _ in range(2):
        with pytest.raises(JournalError, match="may have created a batch"):
            generate(spec, settings=settings_of(server))

    assert server.count("POST /batches") == 1


def test_run_that_is_killed_in_the_download_continues(server, tmp_path, start):
    """
    The results are downloaded again, and no batch is submitted again.
    """
    spec, processes = make_spec(tmp_path), []

    def kill(received, *, is_done):
        if is_done and received.endswith("/content") and processes:
            processes.pop().kill()
            return True
        return False

    server.hook = kill
    processes.append(start("generate", write_spec(spec), settings_of(server)))
    processes[0].wait()

    report = resume(spec.run_folder, settings=settings_of(server))

    assert report.complete
    assert count_lines(server) == report.total_calls


def test_run_that_continues_with_ordinary_calls_uses_its_batches(server, tmp_path, start):
    """
    The lane may change; what was submitted is waited for.
    """
    server.states = ("in_progress",)
    process = start("generate", write_spec(make_spec(tmp_path)), settings_of(server))
    kill_once_submitted(process, tmp_path)
    server.states = ("in_progress", "completed")

    report = generate(make_spec(tmp_path, "live"), settings=settings_of(server))

    assert report.complete
    assert len(server.lines(0)) + server.count("POST /chat/completions") == report.calls


def test_model_without_batches_is_refused_before_the_run(tmp_path):
    """
    The lane "batch" needs a vendor with batches; "auto" makes ordinary calls.
    """
    with pytest.raises(UnsupportedError, match="lane"):
        make_plan(conversation_spec(tmp_path, job={"lane": "batch"}))

    assert make_plan(conversation_spec(tmp_path, job={"lane": "auto"})).lane == "live"


def count_lines(server):
    """
    Return the number of requests in all batches.
    """
    return sum(len(server.lines(number)) for number in range(len(server.batches)))


def _with_fact(line):
    kind, row = succeed(line)
    message = row["response"]["body"]["choices"][0]["message"]
    schema = line["body"]["response_format"]["json_schema"]["schema"]
    message["content"] = json.dumps(dict.fromkeys(schema["properties"], "a"))
    return kind, row
