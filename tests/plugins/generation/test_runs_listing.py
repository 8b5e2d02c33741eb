from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import generate, list_runs, show_run
from tests.chat_server import ChatServer, failure
from tests.datasets import OFFLINE, calls_of, conversation_spec, read_rows

LOCAL = {"answerer": "local/tiny", "asker": "local/asker", "turns": 1, "answerer_options": {"retries": 0}}


def half_done(folder):
    """Make a run of which half the rows failed; return its folder."""
    answers = iter(range(100))

    def every_other(number, body):
        return failure(400) if body["model"] == "tiny" and next(answers) % 2 else None

    with ChatServer(fault=every_other) as server:
        return generate(conversation_spec(folder, job=LOCAL, concurrency=1), settings=server.settings).run_folder


def test_a_finished_run_is_complete(tmp_path):
    """
    Its numbers are those of its rows; it is found by its folder and by its output.
    """
    report = generate(conversation_spec(tmp_path))

    info = show_run(report.run_folder)

    calls = calls_of(read_rows(report.output))
    assert info == show_run(report.output)
    assert (info.state, info.run_folder, info.output) == ("complete", report.run_folder, report.output)
    assert (info.rows_done, info.rows, info.turns_done, info.turns) == (6, 6, calls / 2, calls / 2)
    assert (info.calls, info.failures, info.models, info.problem) == (calls, 0, (OFFLINE,), None)


def test_a_run_that_lacks_rows_is_unfinished(tmp_path):
    """
    It tells how much is done and how many rows failed.
    """
    info = show_run(half_done(tmp_path))

    assert (info.state, info.rows_done, info.rows, info.failures) == ("unfinished", 3, 6, 3)
    assert (info.turns_done, info.turns, info.calls) == (3, 6, 9)
    assert info.models == ("local/asker", "local/tiny")


def test_a_run_without_its_output_is_unfinished(tmp_path):
    """
    Resuming it writes the output again.
    """
    report = generate(conversation_spec(tmp_path))
    report.output.unlink()

    assert show_run(report.run_folder).state == "unfinished"


def test_a_run_at_work_is_running(tmp_path):
    """
    Looking at it does not disturb it.
    """
    spec = conversation_spec(tmp_path, concurrency=1)
    states = []

    report = generate(spec, on_progress=lambda _: states.append(show_run(spec.run_folder)))

    assert {info.state for info in states} == {"running"}
    assert [info.calls for info in states] == list(range(1, report.calls + 1))
    assert show_run(spec.run_folder).state == "complete"


def test_a_damaged_run_says_so(tmp_path):
    """
    Its problem is told, and the other runs are listed beside it.
    """
    for name in ("a", "b", "c"):
        generate(conversation_spec(tmp_path, output=f"{name}.jsonl"))
    (tmp_path / "b.jsonl.run" / "journal.sqlite").write_bytes(b"garbage" * 1000)

    good, damaged, other = list_runs(tmp_path)

    assert (good.state, other.state) == ("complete", "complete")
    assert (damaged.state, damaged.rows, damaged.output) == ("damaged", 0, tmp_path / "b.jsonl")
    assert damaged.problem is not None
    assert "delete the folder b.jsonl.run" in damaged.problem


def test_a_folder_lists_its_own_runs_by_name(tmp_path):
    """
    Not those of folders below, and nothing that is no run.
    """
    for name in ("z", "a", "deeper/m"):
        generate(conversation_spec(tmp_path, output=f"{name}.jsonl", rows=1))
    (tmp_path / "empty.run").mkdir()

    assert [info.output.name for info in list_runs(tmp_path)] == ["a.jsonl", "z.jsonl"]


@pytest.mark.parametrize("look", [list_runs, show_run])
def test_there_has_to_be_something(tmp_path, look):
    """
    A path where nothing is makes an error, not an empty answer.
    """
    with pytest.raises(ConfigurationError, match="There is no"):
        look(tmp_path / "absent")
