"""Outputs of runs: files and URLs, finished and changed ones."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading

import pytest

from budwood.errors import BudwoodError, ConfigurationError
from budwood_generation import generate, generate_async, list_runs, resume, show_run
from budwood_generation.guards import GuardedStorage
from budwood_generation.storages import JSONLStorage
from tests.datasets import conversation_spec, read_rows

SECRET = "open-sesame"


def count_finishes(monkeypatch):
    """
    Record the calls of `finish`.
    """
    calls, finish = [], JSONLStorage.finish

    def record(storage, rows):
        calls.append(storage)
        return finish(storage, rows)

    monkeypatch.setattr(JSONLStorage, "finish", record)
    return calls


def read_table(path):
    """Return the ids in a table of SQLite."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return [identifier for (identifier,) in connection.execute("SELECT id FROM rows ORDER BY row_index")]


def files_of(folder):
    """Return the content of all files in a folder and its folders."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_output_that_has_not_changed_is_not_written_again(tmp_path, monkeypatch):
    """
    Resuming a complete run does no work.
    """
    finishes = count_finishes(monkeypatch)
    report = generate(conversation_spec(tmp_path))

    assert (resume(report.output).rows, len(finishes)) == (6, 1)


@pytest.mark.parametrize("change", [lambda path: path.write_text("{}\n"), lambda path: path.unlink()])
def test_a_changed_output_is_written_again(tmp_path, monkeypatch, change):
    """
    The journal has all rows.
    """
    report = generate(conversation_spec(tmp_path))
    before = report.output.read_bytes()
    finishes = count_finishes(monkeypatch)
    change(report.output)

    resume(report.run_folder)

    assert (report.output.read_bytes(), len(finishes)) == (before, 1)


def test_a_damaged_receipt_does_not_matter(tmp_path, monkeypatch):
    """
    The output is written again.
    """
    report = generate(conversation_spec(tmp_path))
    finishes = count_finishes(monkeypatch)
    (report.run_folder / "output.json").write_text("{")

    assert (resume(report.run_folder).rows, len(finishes)) == (6, 1)


def test_compressed_outputs_are_chosen_by_their_name(tmp_path):
    """
    No storage is named in the specification.
    """
    report = generate(conversation_spec(tmp_path, output="data.jsonl.gz"))

    assert report.output.read_bytes()[:2] == b"\x1f\x8b"


def test_the_run_of_a_url_is_next_to_the_specification(tmp_path, monkeypatch):
    """
    No local folder is made for the URL. It is found by the URL, by its folder, and in lists.
    """
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{(tmp_path / 'store' / 'rows.sqlite').as_posix()}"
    (tmp_path / "store").mkdir()

    report = generate(conversation_spec(tmp_path, output=url))

    assert report.output == url
    assert report.run_folder.parent == tmp_path
    assert report.run_folder.name.startswith("rows-")
    assert {path.name for path in tmp_path.iterdir()} - {"home"} == {"docs", "store", report.run_folder.name}
    assert len(read_table(tmp_path / "store" / "rows.sqlite")) == 6
    assert show_run(url) == show_run(report.run_folder) == list_runs(tmp_path)[0]
    assert (show_run(url).output, show_run(url).state) == (url, "complete")


def test_a_run_is_complete_when_its_output_is_finished(tmp_path, monkeypatch):
    """
    Until then it is unfinished, also if all rows are in the journal.
    """
    monkeypatch.setattr(GuardedStorage, "finish", fail)
    with pytest.raises(ConfigurationError, match="the table was removed"):
        generate(spec := conversation_spec(tmp_path, output="rows.sqlite"))
    unfinished = show_run(spec.run_folder)
    monkeypatch.undo()
    resume(spec.run_folder)

    assert (unfinished.state, unfinished.rows_done) == ("unfinished", 6)
    assert show_run(spec.run_folder).state == "complete"


def fail(*_args):
    """Raise the error of a storage."""
    raise ConfigurationError("the table was removed")


def test_a_lost_table_is_stored_again(tmp_path, monkeypatch):
    """
    Rows that were delivered in an earlier session are in the journal.
    """
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rows.sqlite"
    url = f"sqlite:///{path.as_posix()}"
    generate(conversation_spec(tmp_path, output=url))
    before = read_table(path)
    path.unlink()

    report = resume(url)

    assert (report.calls, report.rows, read_table(path)) == (0, 6, before)


def test_a_url_without_a_run_is_an_error(tmp_path, monkeypatch):
    """
    The error has no credentials.
    """
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"no run of postgresql://alice@host/rows") as raised:
        resume(f"postgresql://alice:{SECRET}@host/rows")

    assert SECRET not in str(raised.value)


def test_a_renamed_run_of_a_url_is_an_error(tmp_path):
    """
    The error says what it must be called.
    """
    url = f"sqlite:///{(tmp_path / 'rows.sqlite').as_posix()}"
    report = generate(conversation_spec(tmp_path, output=url))
    renamed = report.run_folder.rename(tmp_path / "other.run")

    with pytest.raises(ConfigurationError, match=report.run_folder.name):
        resume(renamed)


def test_credentials_are_saved_and_shown_nowhere(tmp_path, caplog):
    """
    Neither in the journal nor in errors, notes, logs and representations.
    """
    spec = conversation_spec(tmp_path, output=f"postgresql://alice:{SECRET}@127.0.0.1:1/rows?connect_timeout=1")
    with pytest.raises(BudwoodError) as raised:
        generate(spec)

    shown = f"{raised.value} {getattr(raised.value, '__notes__', '')} {spec!r} {spec} {caplog.text}"
    assert SECRET not in shown
    assert SECRET.encode() not in files_of(spec.run_folder)
    assert show_run(spec.run_folder).output == "postgresql://alice@127.0.0.1:1/rows?connect_timeout=1"


def test_a_storage_that_cannot_begin_ends_the_run_before_any_call(tmp_path):
    """
    Nothing is paid for rows that cannot be stored.
    """
    (tmp_path / "store").write_text("not a folder")
    url = f"sqlite:///{(tmp_path / 'store' / 'rows.sqlite').as_posix()}"
    spec = conversation_spec(tmp_path, output=url)

    with pytest.raises(BudwoodError):
        generate(spec)

    assert show_run(spec.run_folder).calls == 0


def test_a_failing_storage_is_shown_in_the_progress(tmp_path, monkeypatch):
    """
    The run continues; the problem is gone when the storage works again.
    """
    problems, failures = [], [OSError(28, "No space left on device")]

    def put(_storage, _rows):
        if failures:
            raise failures.pop()

    monkeypatch.setattr(JSONLStorage, "put", put)
    monkeypatch.setattr("budwood_generation.runs.sink.DELIVERY_SECONDS", 0.001)
    monkeypatch.setattr("budwood_generation.runs.sink.FIRST_DELAY", 0.001)
    spec = conversation_spec(tmp_path, rows=60, concurrency=1)

    report = asyncio.run(generate_async(spec, on_progress=lambda progress: problems.append(progress.storage_problem)))

    assert report.complete
    assert len(read_rows(report.output)) == 60
    assert any("No space left" in problem for problem in problems if problem)
    assert problems[-1] is None


def test_a_storage_that_hangs_stops_no_call(tmp_path, monkeypatch):
    """
    All rows are created while the first batch is being stored.
    """
    may_put, sizes = threading.Event(), []

    def put(_storage, rows):
        sizes.append(len(rows))
        may_put.wait()

    def release(progress):
        if progress.rows_done == progress.rows:
            may_put.set()

    monkeypatch.setattr(JSONLStorage, "put", put)
    monkeypatch.setattr("budwood_generation.runs.sink.DELIVERY_SECONDS", 0.001)

    report = generate(conversation_spec(tmp_path, rows=60), on_progress=release)

    assert report.complete
    assert sum(sizes) == 60
    assert len(read_rows(report.output)) == 60


def test_touching_an_output_writes_it_again(tmp_path, monkeypatch):
    """
    Its size and time say whether it is as it was left.
    """
    report = generate(conversation_spec(tmp_path))
    finishes = count_finishes(monkeypatch)
    os.utime(report.output, (0, 0))

    assert (resume(report.run_folder).rows, len(finishes)) == (6, 1)
