from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path
from random import Random

import pytest

from budwood.errors import AuthenticationError
from budwood_generation import generate, list_runs, resume, show_run
from tests.chat_server import ChatServer, echo, failure
from tests.datasets import conversation_spec, write_spec

MAKE = Path(__file__).parents[1] / "plugins" / "generation" / "programs" / "make.py"
JOB = {"answerer": "local/tiny", "turns": (1, 3), "answerer_options": {"retries": 0}, "asker_options": {"retries": 0}}
OPTIONS = {"job": JOB, "rows": 40, "provenance": "none"}
"""Without provenance, which lacks the hashes of prompts whose calls were lost."""
PAGE = 4096

pytestmark = [
    pytest.mark.one_python,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """
    The dataset of a run that nothing disturbs, and its number of calls.
    """
    with ChatServer() as server:
        spec = conversation_spec(tmp_path_factory.mktemp("complete"), **OPTIONS)
        report = generate(spec, settings=server.settings)
    return report.output.read_bytes(), report.calls


def run_and_kill(spec, act, path, lines) -> int:
    """
    Generate or resume a run in a process, and kill it after a number of commits; return the number of requests.

    After a few more replies the server holds all requests, so that the run cannot end before it is killed.
    """
    replies, release = lines + 2 * spec.concurrency, threading.Event()

    def hold(handler):
        release.wait()
        handler.close_connection = True

    with ChatServer(fault=lambda number, _body: hold if number > replies else None) as server:
        command = [sys.executable, MAKE, act, path, json.dumps(server.settings)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(lines):
                process.stdout.readline()
            process.kill()
        release.set()
    assert process.returncode == -signal.SIGKILL
    return len(server.requests)


@pytest.fixture
def killed(tmp_path):
    """
    A specification whose run was killed in the middle, with entries in the write-ahead log.
    """
    spec = conversation_spec(tmp_path, **OPTIONS)
    run_and_kill(spec, "generate", write_spec(spec), 70)
    return spec


def damage_middle_page(folder, log):
    """Zero a page in the middle of the journal."""
    journal = move_log(folder)
    overwrite(journal, journal.stat().st_size // PAGE // 2 * PAGE)


def damage_first_page(folder, log):
    """Zero the first page, without which SQLite reads nothing."""
    overwrite(move_log(folder), 0)


def tear_file(folder, log):
    """Cut the journal off in the middle of a page."""
    journal = move_log(folder)
    os.truncate(journal, journal.stat().st_size // 2 + 777)


def tear_log(folder, log):
    """Cut off the write-ahead log in the middle of a page."""
    assert log.stat().st_size > 10 * PAGE
    os.truncate(log, log.stat().st_size // 2 + 777)


def damage_log(folder, log):
    """Zero a page in the middle of the write-ahead log."""
    overwrite(log, log.stat().st_size // 2)


def lose_log(folder, log):
    """Remove the write-ahead log."""
    log.unlink()


def empty_file(folder, log):
    """Lose all of the journal, but not its log."""
    os.truncate(folder / "journal.sqlite", 0)


def move_log(folder) -> Path:
    """Move the write-ahead log into the journal, as SQLite does when it has 1,000 pages; return its path."""
    journal = folder / "journal.sqlite"
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert journal.stat().st_size > 10 * PAGE
    return journal


def overwrite(path, place) -> None:
    """Zero a page of a file."""
    with path.open("rb+") as file:
        file.seek(place)
        file.write(bytes(PAGE))


@pytest.mark.parametrize(
    "damage", [damage_middle_page, damage_first_page, tear_file, tear_log, damage_log, lose_log, empty_file]
)
def test_a_damaged_journal_is_resumed(killed, complete, damage, record_property):
    """
    The run resumes from what can be read, and gives the same rows as a run that nothing disturbs.
    """
    output, calls = complete
    paid = show_run(killed.run_folder).calls
    damage(killed.run_folder, killed.run_folder / "journal.sqlite-wal")

    with ChatServer() as server:
        report = resume(killed.run_folder, settings=server.settings)

    assert report.output.read_bytes() == output
    assert len(server.requests) <= calls
    assert show_run(killed.run_folder).state == "complete"
    assert [info.run_folder for info in list_runs(killed.run_folder.parent)] == [killed.run_folder]
    again = len(server.requests) - (calls - paid)
    record_property(f"Journal: {damage.__doc__.rstrip('.')}", f"{again} of {paid} calls sent again")


def test_a_zeroed_page_costs_only_what_was_on_it(killed, complete):
    """
    All other calls are reused.
    """
    _, calls = complete
    paid = show_run(killed.run_folder).calls
    damage_middle_page(killed.run_folder, None)

    with ChatServer() as server:
        resume(killed.run_folder, settings=server.settings)

    assert len(server.requests) <= calls - paid + 12


@pytest.mark.deep
def test_any_page_may_be_zeroed(killed, complete, tmp_path, record_property):
    """
    Each page in turn, in a copy of the run: the rows are the same.
    """
    output, calls = complete
    paid = show_run(killed.run_folder).calls
    pages = move_log(killed.run_folder).stat().st_size // PAGE
    again = []
    for page in range(pages):
        copy = shutil.copytree(killed.run_folder, tmp_path / str(page) / killed.run_folder.name)
        shutil.copytree(tmp_path / "docs", tmp_path / str(page) / "docs")
        overwrite(copy / "journal.sqlite", page * PAGE)
        with ChatServer() as server:
            assert resume(copy, settings=server.settings).output.read_bytes() == output
        again.append(len(server.requests) - (calls - paid))
    record_property(f"Journal: Zero each of {pages} pages in turn", f"at most {max(again)} of {paid} calls sent again")


def test_a_finished_run_with_a_zeroed_page_is_completed(tmp_path, complete):
    """
    The output is written again with the same rows.
    """
    output, _ = complete
    spec = conversation_spec(tmp_path, **OPTIONS)
    with ChatServer() as server:
        generate(spec, settings=server.settings)
        damage_middle_page(spec.run_folder, None)
        report = resume(spec.run_folder, settings=server.settings)

    assert report.complete
    assert report.output.read_bytes() == output


def test_kills_at_random_moments_lose_nothing(tmp_path, request, record_property):
    """
    Whenever the process is killed, the rows are the same at the end.

    Only the calls in flight and those whose reply was being committed are paid again: two for each slot.
    """
    kills = 100 if request.config.getoption("--proof") == "deep" else 8
    with ChatServer() as server:
        spec = conversation_spec(tmp_path / "complete", **OPTIONS | {"rows": 6 * kills})
        complete = generate(spec, settings=server.settings)
    spec = conversation_spec(tmp_path / "killed", **OPTIONS | {"rows": 6 * kills}, concurrency=4)
    path, act, random, requests = write_spec(spec), "generate", Random(3), 0
    for _ in range(kills):
        requests += run_and_kill(spec, act, path, random.randint(0, 12))
        if (spec.run_folder / "journal.sqlite").exists():
            path, act = spec.run_folder, "resume"
    with ChatServer() as server:
        report = generate(spec, settings=server.settings)

    assert report.output.read_bytes() == complete.output.read_bytes()
    again = requests + len(server.requests) - complete.calls
    assert 0 <= again <= kills * 2 * spec.concurrency
    record_property(
        f"SIGKILL at {kills} random moments",
        f"{report.rows:,} rows and {complete.calls:,} calls; {again} calls sent again, with {spec.concurrency} slots",
    )


def test_of_two_processes_one_runs(tmp_path, complete, record_property):
    """
    If two start at once, one is rejected, and the other creates all rows.
    """
    output, _ = complete
    spec = conversation_spec(tmp_path, **OPTIONS)
    path, ended, release = write_spec(spec), queue.SimpleQueue(), threading.Event()

    def say(body):
        release.wait()
        return echo(body)

    with ChatServer(say) as server:
        command = [sys.executable, MAKE, "generate", path, json.dumps(server.settings)]
        processes = [
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)
        ]
        for process in processes:
            threading.Thread(target=lambda process=process: ended.put((process, *process.communicate()))).start()
        loser, _, error = ended.get()
        release.set()
        winner, _, _ = ended.get()

    assert (loser.returncode, winner.returncode) == (1, 0)
    assert "RunBusyError: Another process is running data.jsonl.run" in error
    assert Path(spec.location).read_bytes() == output
    record_property("Two processes start the same run", "one is rejected, the other creates all rows")


def test_a_clock_that_is_set_back_changes_nothing(tmp_path, monkeypatch, complete, record_property):
    """
    Neither within a session nor between two of them.
    """
    output, calls = complete
    spec = conversation_spec(tmp_path, **OPTIONS)
    day, steps = 86400.0, count(1)
    monkeypatch.setattr(time, "time", lambda: 1_900_000_000 - day * next(steps))

    with (
        ChatServer(fault=lambda number, _body: failure(401) if number > 50 else None) as server,
        pytest.raises(AuthenticationError),
    ):
        generate(spec, settings=server.settings)
    with ChatServer() as second:
        report = resume(spec.run_folder, settings=second.settings)

    assert report.output.read_bytes() == output
    assert len(second.requests) <= calls - 50 + spec.concurrency
    record_property("The clock goes back a day whenever it is read", f"{len(second.requests)} calls after the resume")
