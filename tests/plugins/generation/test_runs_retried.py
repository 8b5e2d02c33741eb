from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import generate, resume, show_run
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows

SEEDS = ["red?", "green?", "blue?", "black?"]


def test_only_rows_with_one_error_are_retried(tmp_path):
    """
    The others stay failed, and are still in the journal with their errors.
    """
    refusing = {"red?": 400, "green?": 404, "blue?": 400}

    def fault(_number, body):
        status = next((status for seed, status in refusing.items() if seed in str(body)), None)
        return status and (lambda handler: handler.send(status, {"error": {"message": "No."}}))

    job = {"answerer": "local/tiny", "turns": 1, "strategy": {"plugin": "seed-list", "seeds": SEEDS}}
    spec = conversation_spec(tmp_path, job=job, documents=None, rows=4)
    with ChatServer(fault=fault) as server:
        failed = generate(spec, settings=server.settings)
        refusing.clear()
        retried = resume(failed.run_folder, only="NotFoundError", settings=server.settings)
        last = server.requests[-1]

    assert [failure.error for failure in failed.failures].count("NotFoundError") == 1
    assert (failed.rows, retried.rows, retried.calls, retried.complete) == (1, 2, 1, False)
    assert "green?" in str(last)
    assert {failure.error for failure in show_run(failed.run_folder).failures} == {"InvalidRequestError"}
    assert len(read_rows(failed.output)) == 2


def test_an_error_that_did_not_occur_is_refused(tmp_path):
    """
    The hint says what can be done instead.
    """
    report = generate(conversation_spec(tmp_path))

    with pytest.raises(ConfigurationError, match="No row failed with RateLimitError") as caught:
        resume(report.run_folder, only="RateLimitError")

    assert "budwood runs resume" in caught.value.hint


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_the_function_for_progress_raises_stops_the_run(tmp_path, caplog, error):
    """
    It is raised as it is, with a note that says how to continue. The replies in flight are kept.
    """
    spec = conversation_spec(tmp_path, job={"answerer": "local/tiny"}, rows=30)

    def fail(progress):
        if progress.calls >= 3:
            raise error("enough")

    with ChatServer() as server:
        with pytest.raises(error, match="enough") as raised:
            generate(spec, settings=server.settings, on_progress=fail)
        calls = len(server.requests)
        report = resume(spec.run_folder, settings=server.settings)

    assert "budwood runs resume" in raised.value.__notes__[-1]
    assert report.complete
    assert report.calls == report.total_calls - calls
    assert not caplog.records
