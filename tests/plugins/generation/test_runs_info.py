from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path

import pytest
from filelock import FileLock

from budwood.errors import ConfigurationError
from budwood_generation import (
    JournalFormatError,
    OtherRunError,
    count_finished_rows,
    generate,
    list_runs,
    make_plan,
    remove_run,
    resume,
    show_run,
)
from budwood_generation.journal.database import set_version
from tests.chat_server import ChatServer, failure
from tests.datasets import OFFLINE, calls_of, conversation_spec, read_rows

LOCAL = {"answerer": "local/tiny", "asker": "local/asker", "turns": 1, "answerer_options": {"retries": 0}}


def create_half_failed_run(folder):
    """Create a run in which half of the rows failed, and return its folder."""
    answers = iter(range(100))

    def every_other(number, body):
        return failure(400) if body["model"] == "tiny" and next(answers) % 2 else None

    with ChatServer(fault=every_other) as server:
        return generate(conversation_spec(folder, job=LOCAL, concurrency=1), settings=server.settings).run_folder


def test_a_finished_run_is_complete(tmp_path):
    """
    Its numbers match the rows. It can be named by its folder and by its output.
    """
    report = generate(conversation_spec(tmp_path))

    info = show_run(report.run_folder)

    calls = calls_of(read_rows(report.output))
    assert info == show_run(report.output)
    assert (info.state, info.run_folder, info.output) == ("complete", report.run_folder, report.output)
    assert (info.rows_done, info.rows, info.turns_done, info.turns) == (6, 6, calls / 2, calls / 2)
    assert (info.calls, info.failures, info.models, info.problem) == (calls, (), (OFFLINE,), None)


def test_a_run_without_some_rows_is_unfinished(tmp_path):
    """
    It shows the progress, and the failed rows with their reasons.
    """
    info = show_run(create_half_failed_run(tmp_path))

    assert (info.state, info.rows_done, info.rows) == ("unfinished", 3, 6)
    assert [failure.index for failure in info.failures] == [1, 3, 5]
    assert all(failure.reason.startswith("InvalidRequestError: ") for failure in info.failures)
    assert (info.turns_done, info.turns, info.calls) == (3, 6, 9)
    assert info.models == ("local/asker", "local/tiny")


def test_a_run_without_its_output_is_unfinished(tmp_path):
    """
    Resuming writes the output again.
    """
    report = generate(conversation_spec(tmp_path))
    report.output.unlink()

    assert show_run(report.run_folder).state == "unfinished"


def test_an_active_run_is_running(tmp_path):
    """
    Reading its state does not disturb it.
    """
    spec = conversation_spec(tmp_path, concurrency=1)
    states = []

    report = generate(spec, on_progress=lambda _: states.append(show_run(spec.run_folder)))

    assert {info.state for info in states} == {"running"}
    assert [info.calls for info in states] == sorted(info.calls for info in states)
    assert states[-1].calls == report.calls
    assert show_run(spec.run_folder).state == "complete"


def test_reading_creates_no_files(tmp_path):
    """
    A run that was copied without its lock gets none.
    """
    folder = generate(conversation_spec(tmp_path)).run_folder
    (folder / "lock").unlink(missing_ok=True)

    assert show_run(folder).state == "complete"
    assert not (folder / "lock").exists()


def test_reading_does_not_prevent_a_start(tmp_path, monkeypatch):
    """
    The short lock of a reader does not count as another process.
    """
    spec = conversation_spec(tmp_path)
    generate(spec)
    reader_lock = FileLock(spec.run_folder / "lock")
    reader_lock.acquire()
    monkeypatch.setattr(time, "sleep", lambda _seconds: reader_lock.release())

    assert generate(spec).complete


def test_a_damaged_run_has_a_problem(tmp_path):
    """
    The other runs are listed too.
    """
    for name in ("a", "b", "c"):
        generate(conversation_spec(tmp_path, output=f"{name}.jsonl"))
    (tmp_path / "b.jsonl.run" / "journal.sqlite").write_bytes(b"garbage" * 1000)

    good, damaged, other = list_runs(tmp_path)

    assert (good.state, other.state) == ("complete", "complete")
    assert (damaged.state, damaged.rows, damaged.output) == ("damaged", 0, tmp_path / "b.jsonl")
    assert damaged.problem is not None
    assert "Resume the run: what can be read is kept" in damaged.problem


def test_runs_of_a_folder_are_sorted_by_name(tmp_path):
    """
    Runs in subfolders and other files are not listed.
    """
    for name in ("z", "a", "deeper/m"):
        generate(conversation_spec(tmp_path, output=f"{name}.jsonl", rows=1))
    (tmp_path / "empty.run").mkdir()

    assert [info.output.name for info in list_runs(tmp_path)] == ["a.jsonl", "z.jsonl"]


@pytest.mark.parametrize("read", [list_runs, show_run])
def test_a_missing_path_is_an_error(tmp_path, read):
    """
    It is not an empty result.
    """
    with pytest.raises(ConfigurationError, match=r"There is no|does not exist"):
        read(tmp_path / "absent")


def test_a_repaired_run_says_what_was_lost(tmp_path):
    """
    The note is part of the report and of the information about the run, and stays.
    """
    spec = conversation_spec(tmp_path)
    report = generate(spec)
    with (report.run_folder / "journal.sqlite").open("rb+") as file:
        file.write(bytes(4096))

    assert show_run(report.run_folder).state == "damaged"
    (note,) = resume(report.run_folder).notes

    assert note.startswith("The journal was damaged: 6 rows and ")
    assert "The old file is journal.damaged-1.sqlite." in note
    assert show_run(report.run_folder).notes == generate(spec).notes == (note,)


def test_run_json_describes_the_run(tmp_path):
    """
    It has the specification, what determines the prompts, and the stages, and is current after an addition.
    """
    generate(conversation_spec(tmp_path))
    folder = generate(conversation_spec(tmp_path, rows=9)).run_folder

    content = json.loads((folder / "run.json").read_bytes())

    assert content["header"]["spec"]["rows"] == 9
    assert content["header"]["identity"]["conversation.answerer"] == OFFLINE
    assert [(stage["first"], stage["rows"]) for stage in content["stages"]] == [(0, 6), (6, 3)]


def test_a_journal_of_another_version_is_not_resumed(tmp_path):
    """
    The error says what to do, and does not advise to resume.
    """
    spec = conversation_spec(tmp_path)
    folder = generate(spec).run_folder
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as connection:
        set_version(connection, 1)

    for act, argument in ((generate, spec), (resume, folder)):
        with pytest.raises(JournalFormatError, match="format version 1, but version 2 is expected") as raised:
            act(argument)
        assert not getattr(raised.value, "__notes__", [])
    assert show_run(folder).state == "incompatible"


@pytest.mark.parametrize("name", [".", "../data.jsonl.run", "../data.jsonl"])
def test_a_run_is_found_from_within_its_folder(tmp_path, monkeypatch, name):
    """
    The current folder and the parent folder are paths like others.
    """
    report = generate(conversation_spec(tmp_path, rows=1))
    monkeypatch.chdir(report.run_folder)

    info = show_run(name)

    assert (info.run_folder, info.output) == (report.run_folder, report.output)


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_a_folder_without_a_run_is_an_error(tmp_path, monkeypatch, name):
    """
    Also one without a name.
    """
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError, match="There is no run at"):
        show_run(name)


def test_runs_are_listed_of_a_folder(tmp_path):
    """
    A file is not one.
    """
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="is not a folder"):
        list_runs(tmp_path / "file")


def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch):
    """
    A variable of a shell that is not set must not remove the run of the current folder.
    """
    monkeypatch.chdir(generate(conversation_spec(tmp_path, rows=1)).run_folder)

    with pytest.raises(ConfigurationError, match="an empty text"):
        remove_run("")


def test_a_run_of_a_url_is_found_through_a_link(tmp_path, monkeypatch):
    """
    Also through the parent of the current folder: its place is compared with that of the specification.
    """
    pytest.importorskip("budwood_sql_storage")
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    report = generate(conversation_spec(tmp_path / "real", output="sqlite:///rows.sqlite#talks", rows=1))
    monkeypatch.chdir(tmp_path / "real" / "inner")

    for folder in (tmp_path / "link", Path("..")):
        assert resume(folder / report.run_folder.name).rows == 1


def test_a_plan_knows_what_an_earlier_run_finished(tmp_path):
    """
    Rows that were added are not finished. Nothing is created by looking.
    """
    spec = conversation_spec(tmp_path, rows=2)
    before = count_finished_rows(make_plan(spec))
    created = spec.run_folder.exists()

    generate(spec)

    assert (before, created) == (0, False)
    assert count_finished_rows(make_plan(conversation_spec(tmp_path, rows=3))) == 2


def test_a_plan_that_would_be_refused_says_so(tmp_path):
    """
    As generate would, and without a change of the run.
    """
    spec = conversation_spec(tmp_path, rows=2)
    generate(spec)
    (tmp_path / "mine.jsonl").touch()

    with pytest.raises(OtherRunError, match="seed"):
        count_finished_rows(make_plan(conversation_spec(tmp_path, rows=2, seed=8)))
    with pytest.raises(OtherRunError, match=r"mine\.jsonl exists"):
        count_finished_rows(make_plan(conversation_spec(tmp_path, output="mine.jsonl")))

    assert show_run(spec.run_folder).state == "complete"
