from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from budwood_generation import generate, make_plan, resume, show_run
from budwood_generation.journal.encoding import CALL, ROW, TURN
from tests.chat_server import ChatServer, failure
from tests.datasets import conversation_spec, read_rows, row_spec, write_spec

PROGRAM = Path(__file__).parent / "programs" / "killed_run.py"

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


def run(act, path, point, number, settings=None) -> int:
    """Generate or resume a run in a process that is killed; return its exit code."""
    command = [sys.executable, PROGRAM, act, path, json.dumps(settings or {}), point, str(number)]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode in (0, -signal.SIGKILL), result.stderr
    return result.returncode


def committed(run_folder) -> set[tuple[object, ...]]:
    """Return the calls, turns and rows in a journal."""
    address = f"{(run_folder / 'journal.sqlite').as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        return set(connection.execute("SELECT * FROM entries WHERE kind IN (?, ?, ?)", (CALL, TURN, ROW)))


def test_twenty_kills_lose_nothing(tmp_path):
    """
    A run that is killed during or after commits resumes, and gives the same output.
    """
    complete = generate(conversation_spec(tmp_path / "complete", rows=60, concurrency=4))
    spec = conversation_spec(tmp_path / "killed", rows=60, concurrency=4)
    path, act, before = write_spec(spec), "generate", set()
    random = Random(20)

    for kill in range(20):
        point = random.choice(["commit", "commit", "entry"])
        assert run(act, path, point, random.randint(1, 4)) == -signal.SIGKILL, f"it was complete before kill {kill}"
        now = committed(spec.run_folder)
        assert before <= now
        assert show_run(spec.run_folder).state == "unfinished"
        path, act, before = spec.run_folder, "resume", now

    report = resume(spec.run_folder)

    assert report.calls + len([entry for entry in before if entry[1] == CALL]) == complete.calls
    assert report.output.read_bytes() == complete.output.read_bytes()


@pytest.mark.parametrize("concurrency", [1, 3])
def test_committed_calls_are_not_repeated(tmp_path, concurrency):
    """
    After a kill, only the calls in flight and those whose reply was being committed are repeated: two for each slot.
    """
    job = {"answerer": "local/tiny", "turns": 2}
    spec = conversation_spec(tmp_path, job=job, rows=8, concurrency=concurrency)
    path, act = write_spec(spec), "generate"
    random = Random(4)
    with ChatServer() as server:
        for _ in range(4):
            assert run(act, path, "commit", random.randint(1, 5), server.settings) == -signal.SIGKILL
            path, act = spec.run_folder, "resume"
        report = resume(spec.run_folder, settings=server.settings)

    calls = make_plan(spec, settings=server.settings).calls
    bodies = [json.dumps(body, sort_keys=True) for body in server.requests]
    assert report.complete
    assert len(set(bodies)) == calls == 32
    assert len(bodies) <= calls + 4 * 2 * concurrency


@pytest.mark.parametrize("describe", [conversation_spec, row_spec])
def test_kill_while_writing_the_output(tmp_path, describe):
    """
    There is no partial output, and resuming writes it without any call.
    """
    spec = describe(tmp_path)

    assert run("generate", write_spec(spec), "row", 3) == -signal.SIGKILL
    assert not spec.shown_output.exists()

    assert (resume(spec.run_folder).calls, len(read_rows(spec.shown_output))) == (0, 6)
    assert sorted(entry.name for entry in tmp_path.glob("*data.jsonl*")) == ["data.jsonl", "data.jsonl.run"]


def test_kill_preserves_the_old_output(tmp_path):
    """
    If the process is killed while writing, the old output stays.
    """
    spec = conversation_spec(tmp_path)
    output = generate(spec).output
    before = output.read_bytes()
    os.utime(output, (0, 0))  # so that it is written again

    assert run("resume", spec.run_folder, "row", 3) == -signal.SIGKILL

    assert spec.shown_output.read_bytes() == before


def test_run_killed_before_its_first_reply_is_replaced(tmp_path):
    """
    Another run replaces it, without any of its data.
    """
    job = {"answerer": "local/tiny", "turns": 1, "asker_options": {"retries": 0}}
    spec = conversation_spec(tmp_path, job=job, rows=2, seed=1, concurrency=1)
    with ChatServer(fault=lambda _number, _body: failure(400)) as server:
        assert run("generate", write_spec(spec), "commit", 1, server.settings) == -signal.SIGKILL
    assert show_run(spec.run_folder).failures  # a transaction may contain both

    with ChatServer() as server:
        report = generate(conversation_spec(tmp_path, job=job, rows=2, seed=2), settings=server.settings)

    assert (report.complete, report.failures) == (True, ())


def test_kills_between_the_storage_and_the_journal_double_nothing(tmp_path):
    """
    A batch that the storage has, but not the journal, is delivered again. The table has each row once, unchanged.
    """
    complete = generate(conversation_spec(tmp_path / "complete", rows=40))
    spec = conversation_spec(tmp_path / "killed", rows=40, output="data.sqlite", concurrency=2)
    path, act = write_spec(spec), "generate"
    for number in (1, 2, 1, 3, 1):
        assert run(act, path, "put", number) == -signal.SIGKILL
        assert count_rows(spec.shown_output) > 0
        path, act = spec.run_folder, "resume"

    assert resume(spec.run_folder).rows == count_rows(spec.shown_output) == 40
    with contextlib.closing(sqlite3.connect(spec.shown_output)) as connection:
        found = connection.execute("SELECT id, messages FROM data ORDER BY row_index").fetchall()
    assert [(identifier, json.loads(messages)) for identifier, messages in found] == [
        (row["id"], row["messages"]) for row in read_rows(complete.output)
    ]


def count_rows(path) -> int:
    """Return the number of rows in a table of SQLite."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM data").fetchone()[0]
