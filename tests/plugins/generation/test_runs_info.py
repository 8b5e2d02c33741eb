from __future__ import annotations

import time

import pytest
from filelock import FileLock

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
    assert (info.calls, info.failures, info.models, info.problem) == (calls, (), (OFFLINE,), None)


def test_a_run_that_lacks_rows_is_unfinished(tmp_path):
    """
    It tells how much is done, which rows failed, and why.
    """
    info = show_run(half_done(tmp_path))

    assert (info.state, info.rows_done, info.rows) == ("unfinished", 3, 6)
    assert [failure.index for failure in info.failures] == [1, 3, 5]
    assert all(failure.reason.startswith("InvalidRequestError: ") for failure in info.failures)
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


def test_looking_leaves_nothing_behind(tmp_path):
    """
    A run that was copied without its lock gets none from being looked at.
    """
    folder = generate(conversation_spec(tmp_path)).run_folder
    (folder / "lock").unlink(missing_ok=True)

    assert show_run(folder).state == "complete"
    assert not (folder / "lock").exists()


def test_who_only_looks_keeps_no_run_from_beginning(tmp_path, monkeypatch):
    """
    The lock that looking takes for a moment is waited for; it is no other process at work.
    """
    spec = conversation_spec(tmp_path)
    generate(spec)
    looking = FileLock(spec.run_folder / "lock")
    looking.acquire()
    monkeypatch.setattr(time, "sleep", lambda _seconds: looking.release())

    assert generate(spec).complete


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
    assert "from a backup, or start a new run" in damaged.problem


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
    with pytest.raises(ConfigurationError, match=r"There is no|does not exist"):
        look(tmp_path / "absent")
