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
    ConfigurationError,
    CredentialError,
    NotFoundError,
    PluginNotFoundError,
    QuotaExhaustedError,
    ServerError,
)
from budwood.types import Instruction, Message
from budwood_generation import RunBusyError, generate, generate_async, make_plan, resume
from budwood_generation.journal import read_counts
from budwood_generation.runs import run
from tests.chat_server import ChatServer, completion, echo, failure
from tests.datasets import conversation_spec, read_rows, row_spec, write_spec

LOCAL = {"answerer": "local/tiny", "turns": 2, "answerer_options": {"retries": 0}, "asker_options": {"retries": 0}}
ONE_AT_A_TIME = {"job": LOCAL, "concurrency": 1}


def counted(spec):
    """Count what the journal of a specification holds."""
    return read_counts(spec.run_folder / "journal.sqlite")


def about_bridges(number, body):
    """Fail whatever mentions a bridge."""
    return failure(400, "Not about bridges.") if "bridge" in json.dumps(body) else None


def test_a_row_that_fails_is_a_shortfall_that_says_why(tmp_path):
    """
    The others are written; the report holds number and reason of each that is missing.
    """
    spec = conversation_spec(tmp_path, job=LOCAL)

    with ChatServer(fault=about_bridges) as server:
        plan = make_plan(spec, settings=server.settings)
        report = generate(spec, settings=server.settings)

    bad = {cell.index for cell in plan.cells if cell.passage and "bridge" in cell.passage.text}
    assert 0 < len(bad) < 6
    assert (report.complete, report.rows, report.rows_requested) == (False, 6 - len(bad), 6)
    assert {failed.index for failed in report.failures} == bad
    assert all(
        failed.reason.startswith("InvalidRequestError: local: HTTP 400: Not about bridges.")
        for failed in report.failures
    )
    assert [row["id"] for row in read_rows(report.output)] == [cell.id for cell in plan.cells if cell.index not in bad]


def test_resuming_tries_only_what_failed(tmp_path):
    """
    Nothing that is done is asked again, and in the end the rows are those of a run without failures.
    """
    spec = conversation_spec(tmp_path / "failing", job=LOCAL)
    with ChatServer(fault=about_bridges) as server:
        first = generate(spec, settings=server.settings)
    with ChatServer() as server:
        second = resume(spec.run_folder, settings=server.settings)
        whole = generate(conversation_spec(tmp_path / "whole", job=LOCAL), settings=server.settings)

    assert (second.complete, second.failures) == (True, ())
    assert (second.rows_reused, first.calls + second.calls) == (first.rows, whole.calls)
    assert second.output.read_bytes() == whole.output.read_bytes()


def test_a_question_that_was_paid_for_is_not_asked_again(tmp_path):
    """
    Where only the answer failed, resuming asks for the answer alone.
    """
    spec = conversation_spec(tmp_path, job=LOCAL | {"turns": 1, "asker": "local/asker"}, rows=3)

    def no_answers(number, body):
        return failure(500) if body["model"] == "tiny" else None

    with ChatServer(fault=no_answers) as server:
        assert generate(spec, settings=server.settings).rows == 0
    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 3

    assert {body["model"] for body in server.requests} == {"tiny"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (failure(401), AuthenticationError),
        (failure(404, "No such model."), NotFoundError),
        (lambda handler: handler.send(429, {"error": {"code": "insufficient_quota"}}), QuotaExhaustedError),
    ],
)
def test_what_would_fail_every_row_stops_the_run_at_once(tmp_path, fault, error):
    """
    A refused key, an unknown model, a spent quota: what was finished is kept, and a note says how the run goes on.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)

    with (
        ChatServer(fault=lambda number, _body: fault if number > 5 else None) as server,
        pytest.raises(error) as raised,
    ):
        generate(spec, settings=server.settings)

    assert len(server.requests) == 6
    assert raised.value.__notes__ == [f"Finished work is saved. To continue: budwood runs resume {spec.run_folder}"]
    assert (counted(spec).rows, counted(spec).calls, counted(spec).failures) == (1, 5, {})
    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).complete
    assert len(server.requests) == 24 - 5


def cut_off(_number, body):
    """Stop every reply at its limit of tokens."""
    reply = completion(body["model"], "This is cut")
    reply["choices"][0]["finish_reason"] = "length"
    return lambda handler: handler.send(200, reply)


def test_a_reply_that_was_cut_off_fails_its_row(tmp_path):
    """
    Half an answer teaches a model to stop in mid-sentence; the cure is told.
    """
    with ChatServer(fault=cut_off) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=2), settings=server.settings)

    assert report.rows == 0
    assert all("reached its token limit" in failed.reason for failed in report.failures)
    assert all("keep_truncated" in failed.reason for failed in report.failures)


def test_replies_that_were_cut_off_are_kept_where_they_are_wanted(tmp_path):
    """
    With keep_truncated they count, and the vendor is told nothing of it.
    """
    options = {"retries": 0, "keep_truncated": True}
    job = LOCAL | {"answerer_options": options, "asker_options": options}

    with ChatServer(fault=cut_off) as server:
        report = generate(conversation_spec(tmp_path, job=job, rows=2), settings=server.settings)

    assert report.complete
    assert not any("keep_truncated" in body for body in server.requests)


def test_a_missing_key_stops_the_run(tmp_path):
    """
    It is the settings' fault, not the row's.
    """
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        generate(conversation_spec(tmp_path, job={"answerer": "openai/gpt-5.1"}))


GOOD = {"asker": "local/asker", "answerer": "local/tiny", "turns": 1}


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"answerer": "nobody/tiny"}, PluginNotFoundError, "nobody"),
        ({"answerer": "openai/gpt-5.1"}, CredentialError, r"conversation\.answerer: openai: no API key"),
        ({"answerer": "plain"}, ConfigurationError, r"conversation\.answerer: Invalid model 'plain'"),
        ({"answerer_options": {"temperature": -1}}, ConfigurationError, r"conversation\.answerer: temperature"),
        ({"answerer_options": {"reasoning_effort": "foo"}}, ConfigurationError, "reasoning_effort"),
        ({"answerer_options": {"retries": -5}}, ConfigurationError, "retries"),
    ],
)
def test_nothing_is_spent_before_all_models_can_be_asked(tmp_path, wrong, error, said):
    """
    What is wrong with the answerer is found by the plan, not after the asker was paid; no run is begun.
    """
    spec = conversation_spec(tmp_path, job=GOOD | wrong)

    with ChatServer() as server:
        for act in (make_plan, generate):
            with pytest.raises(error, match=said):
                act(spec, settings=server.settings)

    assert server.requests == []
    assert not spec.run_folder.exists()


def test_the_model_of_values_is_checked_as_well(tmp_path):
    """
    The error says where in the specification it stands.
    """
    with pytest.raises(ConfigurationError, match=r"row\.model: top_p"):
        make_plan(row_spec(tmp_path, job={"options": {"top_p": 2}}))


def test_an_unknown_model_of_the_offline_provider_stops_the_run(tmp_path):
    """
    The same without a server.
    """
    with pytest.raises(NotFoundError, match="extractive"):
        generate(conversation_spec(tmp_path, job={"answerer": "offline/llama"}))


@pytest.mark.parametrize(("concurrency", "most"), [(1, 10), (20, 39)])
def test_ten_failures_in_a_row_stop_the_run(tmp_path, concurrency, most):
    """
    Where nothing succeeds any more, not everything is tried: ten, or as many as are worked on at once.
    """
    spec = conversation_spec(tmp_path, job=LOCAL, rows=100, concurrency=concurrency)

    with ChatServer(fault=lambda _number, _body: failure(500)) as server, pytest.raises(ServerError) as raised:
        generate(spec, settings=server.settings)

    assert max(10, concurrency) <= len(server.requests) <= most
    assert max(10, concurrency) <= len(counted(spec).failures) <= most
    assert not hasattr(raised.value, "__notes__")  # there is nothing to keep


def test_a_success_between_failures_lets_the_run_go_on(tmp_path):
    """
    Many failures are a shortfall, as long as something succeeds now and then.
    """
    spec = row_spec(tmp_path, job={"model": "local/tiny", "options": {"retries": 0}}, rows=40, concurrency=1)
    value = json.dumps({"subject": "a", "fact": "b"})

    with ChatServer(lambda _body: value, lambda number, _body: failure(400) if number % 10 else None) as server:
        report = generate(spec, settings=server.settings)

    assert (report.rows, len(report.failures)) == (4, 36)


@pytest.mark.parametrize("text", ["", " \n "])
def test_silence_is_no_row(tmp_path, text):
    """
    A reply of no text, or of white space alone, is a failure.
    """
    with ChatServer(lambda _body: text) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=2), settings=server.settings)

    assert report.rows == 0
    assert "has no text (finish reason: stop)" in report.failures[0].reason


def test_what_the_model_declines_is_no_row(tmp_path):
    """
    A filtered reply would spoil the dataset, whatever text came with it.
    """

    def filtered(handler):
        body = completion("tiny", "I cannot")
        body["choices"][0]["finish_reason"] = "content_filter"
        handler.send(200, body)

    with ChatServer(fault=lambda _number, _body: filtered) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=1), settings=server.settings)

    assert report.failures[0].reason.startswith("ContentFilterError")


def test_a_value_that_does_not_satisfy_the_schema_is_no_row(tmp_path):
    """
    After the repairs the row has failed, and says what was wrong.
    """
    with ChatServer(lambda _body: '{"subject": 3}') as server:
        report = generate(row_spec(tmp_path, job={"model": "local/tiny"}, rows=1), settings=server.settings)

    assert report.rows == 0
    assert report.failures[0].reason.startswith("StructuredOutputError")
    assert "subject" in report.failures[0].reason


class Ending:
    """A strategy that asks one question and then has nothing more to say."""

    def __init__(self, questions: int) -> None:
        self._questions = questions

    def instruct(self, cell, turns, random):
        if len(turns) >= self._questions:
            return Instruction()
        return Instruction(ask=(Message.user(f"Ask something. {cell.index} {len(turns)}"),))


def with_strategy(spec, strategy, settings):
    """Perform a plan with a strategy that no distribution brings."""
    plan = make_plan(spec, settings=settings)
    plan = dataclasses.replace(plan, plugins=dataclasses.replace(plan.plugins, strategy=strategy))
    return run._run(lambda: run._run_plan(plan, run.Settings.load(settings), None))


def test_a_strategy_may_end_a_conversation_early(tmp_path):
    """
    The row is whole with the turns that there are.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path, job=LOCAL | {"turns": 3}, rows=2)
        report = with_strategy(spec, Ending(1), server.settings)

    assert report.complete
    assert [len(row["messages"]) for row in read_rows(report.output)] == [2, 2]


def test_a_strategy_that_asks_nothing_makes_no_row(tmp_path):
    """
    The failure names the strategy.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path, job=LOCAL, rows=1)
        report = with_strategy(spec, Ending(0), server.settings)

    assert report.failures[0].reason.startswith(
        "BadResponseError: The strategy 'document-questions' returned no question."
    )


class Held:
    """Lets the first requests through, and holds the others until the test is over."""

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
def held():
    """
    A fault that holds requests after the fifth.
    """
    fault = Held(5)
    yield fault
    fault.release.set()


def test_a_cancelled_task_keeps_what_was_finished(tmp_path, held):
    """
    The run can be resumed at once in the same program, since nothing holds it any more.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)

    async def cancel(settings):
        task = asyncio.create_task(generate_async(spec, settings=settings))
        task.add_done_callback(lambda _: held.reached.set())
        await asyncio.to_thread(held.reached.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value

    with ChatServer(fault=held) as server:
        error = asyncio.run(cancel(server.settings))
        held.release.set()
    assert "budwood runs resume" in error.__notes__[0]
    assert counted(spec).calls == 5

    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 24 - 5


def test_a_task_cancelled_while_the_output_is_written_waits_for_it(tmp_path, monkeypatch):
    """
    The journal is not closed, and the run not free, before the thread that writes has come to its end.
    """
    spec = conversation_spec(tmp_path)
    begun, go_on = threading.Event(), threading.Event()
    write = run._write_output

    def slow_write(plan, journal):
        begun.set()
        go_on.wait()
        return write(plan, journal)

    monkeypatch.setattr(run, "_write_output", slow_write)

    async def cancel():
        task = asyncio.create_task(generate_async(spec))
        task.add_done_callback(lambda _: begun.set())
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.sleep(0)
        with pytest.raises(RunBusyError):
            await generate_async(spec)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert len(read_rows(spec.output_path)) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")
def test_control_c_keeps_what_was_finished(tmp_path, held, start):
    """
    The process ends, all that it told of is in the journal, and the run goes on from there.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)
    path = write_spec(spec)

    with ChatServer(fault=held) as server:
        process = start("generate", path, server.settings)
        assert [process.stdout.readline() for _ in range(5)] == ["1\n", "2\n", "3\n", "4\n", "5\n"]
        held.reached.wait()
        process.send_signal(signal.SIGINT)
        process.communicate()
        held.release.set()

    assert process.returncode == 130
    assert counted(spec).calls == 5
    with ChatServer() as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 24 - 5


def test_a_second_process_is_kept_out(tmp_path, held, start):
    """
    While one is at work, another is told so, and the first goes on undisturbed.
    """
    spec = conversation_spec(tmp_path, **ONE_AT_A_TIME)
    path = write_spec(spec)

    with ChatServer(fault=held) as server:
        process = start("generate", path, server.settings)
        assert [process.stdout.readline() for _ in range(5)] == ["1\n", "2\n", "3\n", "4\n", "5\n"]
        for act, argument in ((generate, spec), (resume, spec.run_folder)):
            with pytest.raises(RunBusyError, match=r"Another process is running data\.jsonl\.run"):
                act(argument, settings=server.settings)
        process.kill()
        process.wait()
        held.release.set()

    with ChatServer(echo) as server:
        assert resume(spec.run_folder, settings=server.settings).calls == 24 - 5


def test_a_row_that_is_too_long_for_its_model_fails_with_the_reason(tmp_path):
    """
    What cannot fit is not sent; the report says so of each row, and the server was asked nothing.
    """
    spec = conversation_spec(tmp_path, job=LOCAL)

    with ChatServer() as server:
        settings = server.settings | {"models": {"local/tiny": {"context_window": 5}}}
        report = generate(spec, settings=settings)
        asked = len(server.requests)

    assert (report.rows, len(report.failures), asked) == (0, 6, 0)
    assert all(failed.reason.startswith("ContextLengthError: local: The request has at") for failed in report.failures)
    assert "context_window" in report.failures[0].reason
