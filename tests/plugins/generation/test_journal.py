from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import Row, Turn
from budwood_generation import JournalError
from budwood_generation.journal import (
    CallDone,
    Delivered,
    RowDone,
    RowFailed,
    SQLiteJournal,
    Stage,
    Totals,
    TurnDone,
    read_failures,
    read_header,
    read_rows,
    read_stages,
    read_totals,
    sqlite,
    writer,
)
from budwood_generation.journal.writer import Writer
from tests.journals import HEADER, STAGES, call, open_journal, row

PROGRAM = Path(__file__).parent / "programs" / "write_journal.py"
TEXT = st.text(max_size=20)
COUNT = st.none() | st.integers(0, 2**63 - 1)
NUMBER = st.integers(0, 5)
ROW = st.builds(lambda index, data: Row(id=f"r{index}", index=index, data=data), NUMBER, st.dictionaries(TEXT, TEXT))
ENTRIES = st.one_of(
    st.builds(
        CallDone,
        index=NUMBER,
        turn=NUMBER,
        attempt=NUMBER,
        purpose=st.sampled_from(["ask", "answer"]),
        digest=st.sampled_from(["one", "two"]),
        model=TEXT,
        text=TEXT,
        value=st.none() | st.integers() | st.dictionaries(TEXT, st.floats(allow_nan=False)),
        reasoning=st.none() | TEXT,
        rejected=st.none() | TEXT,
        input_tokens=COUNT,
        output_tokens=COUNT,
        cost=st.none() | st.decimals(0, 10, allow_nan=False, places=8),
        started=st.floats(0, 2e9),
        seconds=st.floats(0, 600),
    ),
    st.builds(TurnDone, index=NUMBER, number=NUMBER, turn=st.builds(Turn, question=TEXT, answer=TEXT)),
    st.builds(RowDone, ROW),
    st.builds(RowFailed, index=NUMBER, reason=TEXT, error=TEXT, transient=st.booleans()),
)


@pytest.fixture
def path(tmp_path) -> Path:
    """
    The path of a journal.
    """
    folder = tmp_path / "data.jsonl.run"
    folder.mkdir()
    return folder / "journal.sqlite"


def expected(entries) -> tuple[list, dict, dict, dict]:
    """Return the expected content of a journal: calls, turns, rows, failures."""
    calls, turns, rows, failures = [], {}, {}, {}
    for entry in entries:
        match entry:
            case CallDone():
                calls.append(entry)
            case TurnDone():
                turns.setdefault((entry.index, entry.number), entry.turn)
            case RowDone(row):
                rows.setdefault(row.index, row)
            case RowFailed():
                failures[entry.index] = entry
    return calls, turns, rows, {index: failures[index] for index in sorted(failures) if index not in rows}


def total(numbers):
    """Return the sum of known values, or None if all are unknown."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def check(journal: SQLiteJournal, entries) -> None:
    """Compare a journal with the entries that were written."""
    calls, turns, rows, failures = expected(entries)
    for index in range(6):
        assert journal.turns(index) == tuple(turns[key] for key in sorted(turns) if key[0] == index)
        assert journal.calls(index) == [done for done in calls if done.index == index]
        for turn, purpose in product(range(6), ("ask", "answer")):
            same = [done for done in calls if (done.index, done.turn, done.purpose) == (index, turn, purpose)]
            accepted = [done for done in same if done.rejected is None and done.digest == "one"]
            assert journal.call(index, turn, purpose, "one") == (accepted[0] if accepted else None)
            assert journal.attempts(index, turn, purpose) == sum(done.rejected is not None for done in same)
    assert list(journal.rows()) == [rows[index] for index in sorted(rows)]
    assert list(journal.rows(after=2)) == [rows[index] for index in sorted(rows) if index > 2]
    assert list(journal.finished()) == sorted(rows)
    assert list(journal.failures().items()) == list(failures.items())
    assert journal.totals() == Totals(
        rows=len(rows),
        turns=len(turns),
        calls=len(calls),
        rejected=sum(done.rejected is not None for done in calls),
        input_tokens=total(done.input_tokens for done in calls),
        output_tokens=total(done.output_tokens for done in calls),
        cost=total(done.cost for done in calls),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(ENTRIES, max_size=4), max_size=8))
def test_committed_entries_are_read(tmp_path, groups):
    """
    Entries in any order are read as written, at once and after reopening the file.
    """
    path = tmp_path / "journal.sqlite"
    path.unlink(missing_ok=True)
    entries = [entry for group in groups for entry in group]
    with open_journal(path) as journal:
        for group in groups:
            journal.commit(*group).result()
        check(journal, entries)
    with open_journal(path) as journal:
        check(journal, entries)


def test_the_header_is_read(path):
    """
    Also with entries, and without opening the journal for writing.
    """
    with open_journal(path) as journal:
        journal.commit(call()).result()

    assert read_header(path) == HEADER
    assert read_stages(path) == STAGES


def test_waiting_entries_are_committed_together(path, monkeypatch):
    """
    Entries that arrive during a transaction go into the next one.
    """
    batches = []
    first_started, may_continue = threading.Event(), threading.Event()
    commit = Writer._commit

    def slow_commit(writer, batch):
        first_started.set()
        may_continue.wait()
        batches.append(len(batch))
        commit(writer, batch)

    monkeypatch.setattr(Writer, "_commit", slow_commit)
    with open_journal(path) as journal:
        futures = [journal.commit(call(99))]
        first_started.wait()
        futures += [journal.commit(call(number)) for number in range(40)]
        may_continue.set()
        for future in futures:
            future.result()

    assert batches == [1, 40]
    assert read_totals(path).calls == 41


def test_many_threads_can_commit(path):
    """
    No entry is lost.
    """
    with open_journal(path) as journal:

        def write(name):
            for number in range(50):
                journal.commit(call(name, number)).result()

        threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert journal.totals().calls == 400


def test_closing_commits_pending_entries(path):
    """
    No entry is lost on close. Closing twice is allowed.
    """
    journal = SQLiteJournal(path, HEADER, STAGES)
    futures = [journal.commit(call(turn=number)) for number in range(300)]

    journal.close()
    journal.close()

    assert all(future.done() for future in futures)
    assert read_totals(path).calls == 300


def test_a_commit_is_atomic(path):
    """
    If one entry cannot be stored, none is; the future has the error, and the next commit succeeds.
    """
    with open_journal(path) as journal:
        with pytest.raises(JournalError, match="A CallDone cannot be stored"):
            journal.commit(call(1), call(2**63)).result()
        with pytest.raises(JournalError, match="A CallDone cannot be stored"):
            journal.commit(call(1), call(2, text="\ud800")).result()
        journal.commit(call(3)).result()

        assert journal.totals().calls == 1
        assert journal.call(3, 0, "ask", "d") == call(3)


def test_nothing_is_written_after_a_failed_transaction(path, monkeypatch):
    """
    After a full disk all commits fail until the journal is opened again; earlier entries stay.
    """

    def fail(*_):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with open_journal(path) as journal:
        journal.commit(call(1)).result()
        with monkeypatch.context() as patched:
            patched.setattr(writer, "update_totals", fail)
            with pytest.raises(JournalError, match="Free disk space"):
                journal.commit(call(2)).result()
        with pytest.raises(JournalError, match="Free disk space"):
            journal.commit(call(3)).result()
    with open_journal(path) as journal:
        assert [done.index for index in range(4) for done in journal.calls(index)] == [1]
        journal.commit(call(3)).result()


def test_every_error_reaches_the_future(path, monkeypatch):
    """
    No exception leaves a commit without a result.
    """

    def explode(writer, batch):
        raise MemoryError("no memory")

    with open_journal(path) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(Writer, "_commit", explode)
            with pytest.raises(MemoryError):
                journal.commit(call()).result()
        journal.commit(call()).result()


def test_a_finished_row_removes_its_failure(path):
    """
    A failure is replaced by the next one, and removed when the row is finished.
    """
    with open_journal(path) as journal:
        journal.commit(RowFailed(index=4, reason="first")).result()
        journal.commit(RowFailed(index=4, reason="second", error="TimeoutError", transient=True)).result()
        assert journal.failures() == {4: RowFailed(index=4, reason="second", error="TimeoutError", transient=True)}
        assert read_failures(path) == journal.failures()

        journal.commit(row(4)).result()
        assert journal.failures() == {}
        assert list(read_rows(path)) == [row(4).row]


def test_a_finished_row_stays(path):
    """
    A second row with the same index is not stored, and not counted.
    """
    with open_journal(path) as journal:
        journal.commit(row(1, text="first")).result()
        journal.commit(row(1, text="second"), call()).result()

        assert list(journal.rows()) == [row(1, text="first").row]
        assert (journal.totals().rows, journal.totals().calls) == (1, 1)


def test_rows_are_delivered_in_the_order_of_their_commits(path):
    """
    Batches have at most as many rows as wanted, and each row is in one batch.
    """
    with open_journal(path) as journal:
        for index in (5, 1, 9, 2):
            journal.commit(call(index), row(index)).result()
        batches = []
        while batch := journal.next_batch(3):
            batches.append([found.index for found in batch.rows])
            journal.commit(Delivered(until=batch.until)).result()
        assert batches == [[5, 1, 9], [2]]

        journal.commit(row(0)).result()
        assert [found.index for found in journal.next_batch(3).rows] == [0]


def test_a_batch_that_was_not_delivered_comes_again(path):
    """
    With the same rows, also if other rows were finished since, and after reopening the journal.
    """
    with open_journal(path) as journal:
        journal.commit(row(3), row(1)).result()
        first = journal.next_batch(5)
        journal.commit(row(0)).result()
        assert journal.next_batch(5) == first
    with open_journal(path) as journal:
        assert journal.next_batch(1) == first
        journal.commit(Delivered(until=first.until)).result()
        assert [found.index for found in journal.next_batch(5).rows] == [0]


def test_a_changed_header_is_stored(path):
    """
    With further stages. The earlier stages stay.
    """
    later = Stage(first=300, rows=20, documents={"tea.md": "a" * 64}, passages=(3,), turns=20, digest="e")
    with open_journal(path) as journal:
        journal.commit(row(1)).result()

    with contextlib.closing(SQLiteJournal(path, replace(HEADER, root="../.."), (*STAGES, later))) as journal:
        assert journal.finished().missing(299).__next__() == 299
        journal.commit(row(319)).result()
        assert list(journal.finished()) == [1, 319]

    assert read_header(path) == replace(HEADER, root="../..")
    assert read_stages(path) == (*STAGES, later)


def test_two_writers_are_detected(path):
    """
    If the lock of the run fails, the second writer raises an error, and no entry is lost.
    """
    with open_journal(path) as one, open_journal(path) as two:
        one.commit(call(1)).result()
        with pytest.raises(JournalError, match="another process writes to the journal"):
            two.commit(call(2), call(3)).result()
        one.commit(call(4)).result()

    assert read_totals(path).calls == 2


def test_processes_can_read_during_writes(path):
    """
    Header and counts are always readable, and the counts only grow.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, PROGRAM, path], stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout.readline() == "ten\n"
        seen = [read_totals(path).calls for _ in range(20)]
        assert read_header(path).models == ("a/b",)
        last, _ = writer.communicate()

    assert writer.returncode == 0
    assert seen[0] >= 10
    assert seen == sorted(seen)
    assert read_totals(path).calls == int(last)


def test_a_journal_on_a_network_file_system_is_rejected(path, monkeypatch):
    """
    The error names the type and a solution, and no file is created.
    """
    monkeypatch.setattr(sqlite, "network_filesystem", lambda _: "nfs4")

    with pytest.raises(JournalError, match=r"network file system \(nfs4\).*local disk"):
        SQLiteJournal(path, HEADER, STAGES)
    assert list(path.parent.iterdir()) == []


def test_commits_wait_for_the_disk(tmp_path, monkeypatch):
    """
    SQLite syncs at each commit, whatever its default, so that finished turns survive a power failure.
    """
    connections = []
    connect = sqlite3.connect

    def connect_without_sync(*args, **kwargs):
        connection = connect(*args, **kwargs)
        connection.execute("PRAGMA synchronous = OFF")
        connections.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_without_sync)
    journal = SQLiteJournal(tmp_path / "journal.sqlite", HEADER, STAGES)
    known = len(connections)
    journal.commit(TurnDone(index=1, number=0, turn=Turn(question="q", answer="a"))).result(60)

    (_reader, writer) = connections[known - 2 :]
    full = 2
    assert writer.execute("PRAGMA synchronous").fetchone() == (full,)
    journal.close()
