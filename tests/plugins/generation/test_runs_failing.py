from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import sys
import threading

import pytest

from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    ConfigurationError,
    CredentialError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    PluginNotFoundError,
    QuotaExhaustedError,
)
from budwood.types import Instruction, Message
from budwood_generation import RunBusyError, generate, generate_async, make_plan, resume
from budwood_generation.journal import read_failures, read_totals
from budwood_generation.runs import run
from budwood_generation.storages import JSONLStorage
from tests.chat_server import ChatServer, completion, echo, failure
from tests.datasets import conversation_spec, read_rows, row_spec, write_spec

LOCAL = {"answerer": "local/tiny", "turns": 2, "answerer_options": {"retries": 0}, "asker_options": {"retries": 0}}
ONE_AT_A_TIME = {"job": LOCAL, "concurrency": 1}


def count_entries(spec):
    """Return the totals of a specification's journal."""
    return read_totals(spec.run_folder / "journal.sqlite")


def count_failures(spec):
    """Return the number of failed rows in a specification's journal."""
    return len(read_failures(spec.run_folder / "journal.sqlite"))


def fail_bridges(number, body):
    """Fail requests that mention a bridge."""
    return failure(400, "Not about bridges.") if "bridge" in json.dumps(body) else None


def test_a_failed_row_is_reported_with_its_reason(tmp_path):
    """
    The other rows are written. The report has the number and the reason of each failed row.
    """
    spec = conversation_spec(tmp_path, job=LOCAL)

    with ChatServer(fault=fail_bridges) as server:
        plan = make_plan(spec, settings=server.settings)
        report = generate(spec, settings=server.settings)

    failed_indexes = {cell.index for cell in plan.cells if cell.passage and "bridge" in cell.passage.text}
    assert 0 < len(failed_indexes) < 6
    assert (report.complete, report.rows, report.rows_requested) == (False, 6 - len(failed_indexes), 6)
    assert {failed.index for failed in report.failures} == failed_indexes
    assert all(
        failed.reason.startswith("InvalidRequestError: local: HTTP 400: Not about bridges.")
        for failed in report.failures
    )
    assert [row["id"] for row in read_rows(report.output)] == [
        cell.id for cell in plan.cells if cell.index not in failed_indexes
    ]


def test_resuming_tries_only_failed_rows(tmp_path):
    """
    No finished call is repeated, and the final rows are those of a run without failures.
    """
    spec = conversation_spec(tmp_path / "failing", job=LOCAL)
    with ChatServer(fault=fail_bridges) as server:
        first = generate(spec, settings=server.settings)
    with ChatServer() as server:
        second = resume(spec.run_folder, settings=server.settings)
        complete = generate(conversation_spec(tmp_path / "complete", job=LOCAL), settings=server.settings)

    assert (second.complete, second.failures) == (True, ())
    assert (second.rows_reused, first.calls + second.calls) == (first.rows, complete.calls)
    assert second.output.read_bytes() == complete.output.read_bytes()


def test_a_finished_question_is_not_repeated(tmp_path):
    """
    If only the answer failed, resuming requests only the answer.
    """
    spec = conversation_spec(tmp_path, job=LOCAL | {"turns": 1, "asker": "local/asker"}, rows=3)

    def no_answers(number, body):
        return failure(400) if body["model"] == "tiny" else None

    with ChatServer(fault=no_answers) as server:
        assert generate(spec, settings=server.settings).rows == 0
    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 3

    assert {body["model"] for body in server.requests} == {"tiny"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (failure(401), AuthenticationError),
        (failure(403), PermissionDeniedError),
        (lambda handler: handler.send(429, {"error": {"code": "insufficient_quota"}}), QuotaExhaustedError),
    ],
)
def test_fatal_errors_stop_the_run(tmp_path, fault, error):
    """
    A rejected key, a forbidden model, an exhausted quota: finished work is saved, and a note says how to resume.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)

    with (
        ChatServer(fault=lambda number, _body: fault if number > 5 else None) as server,
        pytest.raises(error) as raised,
    ):
        generate(spec, settings=server.settings)

    assert len(server.requests) == 6
    assert f"Finished work is saved. To continue: budwood runs resume {spec.run_folder.name}" in raised.value.__notes__
    assert (count_entries(spec).calls, count_failures(spec)) == (5, 0)
    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).complete
    assert len(server.requests) == 24 - 5


def truncate(_number, body):
    """Truncate every reply at its token limit."""
    reply = completion(body["model"], "This is cut")
    reply["choices"][0]["finish_reason"] = "length"
    return lambda handler: handler.send(200, reply)


def test_a_truncated_reply_fails_its_row(tmp_path):
    """
    Truncated answers teach a model to stop in the middle of a sentence. The error says what to do.
    """
    with ChatServer(fault=truncate) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=2), settings=server.settings)

    assert report.rows == 0
    assert all("reached its token limit" in failed.reason for failed in report.failures)
    assert all("keep_truncated" in failed.reason for failed in report.failures)


def test_truncated_replies_can_be_accepted(tmp_path):
    """
    With keep_truncated they are used. The option is not sent to the vendor.
    """
    options = {"retries": 0, "keep_truncated": True}
    job = LOCAL | {"answerer_options": options, "asker_options": options}

    with ChatServer(fault=truncate) as server:
        report = generate(conversation_spec(tmp_path, job=job, rows=2), settings=server.settings)

    assert report.complete
    assert not any("keep_truncated" in body for body in server.requests)


def test_a_missing_key_stops_the_run(tmp_path):
    """
    It is a configuration error, not a failure of a row.
    """
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        generate(conversation_spec(tmp_path, job={"answerer": "openai/gpt-5.1"}))


GOOD = {"asker": "local/asker", "answerer": "local/tiny", "turns": 1}


@pytest.mark.parametrize(
    ("changes", "error", "expected"),
    [
        ({"answerer": "nobody/tiny"}, PluginNotFoundError, "nobody"),
        ({"answerer": "openai/gpt-5.1"}, CredentialError, r"conversation\.answerer: openai: no API key"),
        ({"answerer": "plain"}, ConfigurationError, r"conversation\.answerer: Invalid model 'plain'"),
        ({"answerer_options": {"temperature": -1}}, ConfigurationError, r"conversation\.answerer_options: temperature"),
        ({"answerer_options": {"reasoning_effort": "foo"}}, ConfigurationError, "reasoning_effort"),
        ({"answerer_options": {"retries": -5}}, ConfigurationError, "retries"),
    ],
)
def test_models_are_checked_before_the_first_call(tmp_path, changes, error, expected):
    """
    An error of the answerer is found while planning, before the asker is called. No run is started.
    """
    spec = conversation_spec(tmp_path, job=GOOD | changes)

    with ChatServer() as server:
        for act in (make_plan, generate):
            with pytest.raises(error, match=expected):
                act(spec, settings=server.settings)

    assert server.requests == []
    assert not spec.run_folder.exists()


def test_the_model_of_values_is_checked(tmp_path):
    """
    The error names the key in the specification.
    """
    with pytest.raises(ConfigurationError, match=r"row\.options: top_p"):
        make_plan(row_spec(tmp_path, job={"options": {"top_p": 2}}))


def test_an_unknown_model_of_the_offline_provider_stops_the_run(tmp_path):
    """
    The same without a server.
    """
    with pytest.raises(NotFoundError, match="extractive"):
        generate(conversation_spec(tmp_path, job={"answerer": "offline/llama"}))


@pytest.mark.parametrize(("status", "error"), [(400, InvalidRequestError), (404, NotFoundError)])
@pytest.mark.parametrize(("concurrency", "maximum"), [(1, 10), (20, 40)])
def test_a_model_that_rejects_its_first_calls_stops_the_run(tmp_path, concurrency, maximum, status, error):
    """
    Ten calls, or one for each slot, show that the others would end so too.
    """
    spec = conversation_spec(tmp_path, job=LOCAL, rows=100, concurrency=concurrency)

    with ChatServer(fault=lambda _number, _body: failure(status)) as server, pytest.raises(error) as raised:
        generate(spec, settings=server.settings)

    assert max(10, concurrency) <= len(server.requests) <= maximum
    assert max(10, concurrency) <= count_failures(spec) <= maximum
    assert "local/tiny gave no usable reply" in raised.value.__notes__.pop()  # no finished work to resume


def test_an_unknown_model_stops_a_small_run(tmp_path):
    """
    A run with fewer rows ends when all have failed, with the error instead of a report.
    """
    spec = conversation_spec(tmp_path, job=LOCAL, rows=3)

    with ChatServer(fault=lambda _number, _body: failure(404)) as server, pytest.raises(NotFoundError):
        generate(spec, settings=server.settings)


def test_a_model_whose_replies_are_all_rejected_stops_the_run(tmp_path):
    """
    Ten rows that failed after all attempts show that the next ones would fail too.
    """
    spec = conversation_spec(tmp_path, job=LOCAL, rows=100, concurrency=1)

    with ChatServer(lambda _body: "") as server, pytest.raises(BadResponseError, match="has no text"):
        generate(spec, settings=server.settings)

    assert count_failures(spec) == 10
    assert count_entries(spec).rejected in (30, 31, 32)  # while a reply is committed, another row requests one


def test_a_success_between_failures_continues_the_run(tmp_path):
    """
    Many failures do not stop a run if some rows succeed.
    """
    spec = row_spec(tmp_path, job={"model": "local/tiny", "options": {"retries": 0}}, rows=40, concurrency=1)
    value = json.dumps({"subject": "a", "fact": "b"})

    with ChatServer(lambda _body: value, lambda number, _body: failure(400) if number % 10 else None) as server:
        report = generate(spec, settings=server.settings)

    assert (report.rows, len(report.failures)) == (4, 36)


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_empty_reply_fails_its_row(tmp_path, text):
    """
    Also if it has only white space.
    """
    with ChatServer(lambda _body: text) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=2), settings=server.settings)

    assert report.rows == 0
    assert "has no text (finish reason: stop)" in report.failures[0].reason


def test_a_filtered_reply_fails_its_row(tmp_path):
    """
    Its text is not used.
    """

    def filtered(handler):
        body = completion("tiny", "I cannot")
        body["choices"][0]["finish_reason"] = "content_filter"
        handler.send(200, body)

    with ChatServer(fault=lambda _number, _body: filtered) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=1), settings=server.settings)

    assert report.failures[0].reason.startswith("ContentFilterError")


def test_an_invalid_value_fails_its_row(tmp_path):
    """
    After the repairs, the reason says what is wrong.
    """
    with ChatServer(lambda _body: '{"subject": 3}') as server:
        report = generate(row_spec(tmp_path, job={"model": "local/tiny"}, rows=1), settings=server.settings)

    assert report.rows == 0
    assert report.failures[0].reason.startswith("StructuredOutputError")
    assert "subject" in report.failures[0].reason


class Ending:
    """A strategy that asks one question and then ends the conversation."""

    def __init__(self, questions: int) -> None:
        self._questions = questions

    def instruct(self, cell, turns, random):
        if len(turns) >= self._questions:
            return Instruction()
        return Instruction(ask=(Message.user(f"Ask something. {cell.index} {len(turns)}"),))


def run_with_strategy(spec, strategy, settings):
    """Run a plan with another strategy."""
    plan = make_plan(spec, settings=settings)
    plan = dataclasses.replace(plan, plugins=dataclasses.replace(plan.plugins, strategy=strategy))
    return run._run(lambda _interrupts: run._run_plan(plan, run.Environment(run.Settings.load(settings)), None))


def test_a_strategy_can_end_a_conversation_early(tmp_path):
    """
    The row has the finished turns.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path, job=LOCAL | {"turns": 3}, rows=2)
        report = run_with_strategy(spec, Ending(1), server.settings)

    assert report.complete
    assert [len(row["messages"]) for row in read_rows(report.output)] == [2, 2]


def test_a_strategy_without_a_question_fails_the_row(tmp_path):
    """
    The reason names the strategy.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path, job=LOCAL, rows=1)
        report = run_with_strategy(spec, Ending(0), server.settings)

    assert report.failures[0].reason.startswith(
        "BadResponseError: The strategy 'document-questions' returned no question."
    )


class BlockedRequests:
    """Passes the first requests, and blocks the others until the end of the test."""

    def __init__(self, free: int) -> None:
        self._free = free
        self.reached = threading.Event()
        self.release = threading.Event()

    def __call__(self, number, body):
        if number <= self._free:
            return None
        self.reached.set()
        return self._hold

    def _hold(self, handler):
        self.release.wait()
        handler.close_connection = True


@pytest.fixture
def blocked():
    """
    A fault that blocks requests after the fifth.
    """
    fault = BlockedRequests(5)
    yield fault
    fault.release.set()


def test_a_cancelled_task_saves_finished_work(tmp_path, blocked):
    """
    The run can be resumed at once in the same program.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)

    async def cancel(settings):
        task = asyncio.create_task(generate_async(spec, settings=settings))
        task.add_done_callback(lambda _: blocked.reached.set())
        await asyncio.to_thread(blocked.reached.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value

    with ChatServer(fault=blocked) as server:
        error = asyncio.run(cancel(server.settings))
        blocked.release.set()
    assert "budwood runs resume" in error.__notes__[0]
    assert count_entries(spec).calls == 5

    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 24 - 5


def test_a_task_cancelled_during_the_output_waits_for_it(tmp_path, monkeypatch):
    """
    The journal stays open, and the run locked, until the storage has ended. The output stays as it was.
    """
    spec = conversation_spec(tmp_path)
    started, proceed = threading.Event(), threading.Event()
    finish = JSONLStorage.finish

    def slow_finish(storage, rows):
        started.set()
        proceed.wait()
        return finish(storage, rows)

    monkeypatch.setattr(JSONLStorage, "finish", slow_finish)

    async def cancel():
        task = asyncio.create_task(generate_async(spec))
        task.add_done_callback(lambda _: started.set())
        await asyncio.to_thread(started.wait)
        task.cancel()
        await asyncio.sleep(0)
        with pytest.raises(RunBusyError):
            await generate_async(spec)
        proceed.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert not spec.shown_output.exists()
    assert (resume(spec.run_folder).calls, len(read_rows(spec.shown_output))) == (0, 6)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_save_finished_work(tmp_path, blocked, start, number):
    """
    The process waits for the call in flight. All finished work is in the journal, and the run can be resumed.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)
    path = write_spec(spec)

    with ChatServer(fault=blocked) as server:
        process = start("generate", path, server.settings)
        assert [process.stdout.readline() for _ in range(5)] == ["1\n", "2\n", "3\n", "4\n", "5\n"]
        blocked.reached.wait()
        process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        blocked.release.set()
        process.communicate()

    assert process.returncode == 128 + number
    assert count_entries(spec).calls == 5
    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 24 - 5


def test_a_second_process_is_rejected(tmp_path, blocked, start):
    """
    It raises an error, and the first continues.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)
    path = write_spec(spec)

    with ChatServer(fault=blocked) as server:
        process = start("generate", path, server.settings)
        assert [process.stdout.readline() for _ in range(5)] == ["1\n", "2\n", "3\n", "4\n", "5\n"]
        for act, argument in ((generate, spec), (resume, spec.run_folder)):
            with pytest.raises(RunBusyError, match=r"Another process is running data\.jsonl\.run"):
                act(argument, settings=server.settings)
        process.kill()
        process.wait()
        blocked.release.set()

    with ChatServer(echo) as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 24 - 5


def test_a_prompt_that_is_too_long_fails_its_row(tmp_path):
    """
    No request is sent, and the report has the reason.
    """
    spec = conversation_spec(tmp_path, job=LOCAL)

    with ChatServer() as server:
        settings = server.settings | {"models": {"local/tiny": {"context_window": 5}}}
        report = generate(spec, settings=settings)
        asked = len(server.requests)

    assert (report.rows, len(report.failures), asked) == (0, 6, 0)
    assert all(failed.reason.startswith("ContextLengthError: local: The request has at") for failed in report.failures)
    assert "context_window" in report.failures[0].reason
