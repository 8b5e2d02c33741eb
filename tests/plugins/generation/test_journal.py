from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood.types import Row, Turn
from budwood_generation import JournalError
from budwood_generation.journal import (
    CallDone,
    Counts,
    Header,
    RowDone,
    RowFailed,
    SQLiteJournal,
    TurnDone,
    read_counts,
    read_header,
    sqlite,
)

PROGRAM = Path(__file__).parent / "programs" / "write_journal.py"
HEADER = Header(
    fingerprint="f" * 64,
    spec={"rows": 3, "conversation": {"answerer": "offline/extractive", "turns": [1, 2]}, "none": None},
    root="..",
    plugins={"strategy": {"plugin": "persona"}},
    documents={"tea.md": "a" * 64},
    models=("a/b", "c/d"),
    rows=3,
    turns=5,
    calls=10,
)
TEXT = st.text(max_size=20)
COUNT = st.none() | st.integers(0, 2**63 - 1)
NUMBER = st.integers(0, 5)
ROW = st.builds(lambda index, data: Row(id=f"r{index}", index=index, data=data), NUMBER, st.dictionaries(TEXT, TEXT))
ENTRIES = st.one_of(
    st.builds(
        CallDone,
        row_id=st.sampled_from(["r1", "r2"]),
        turn=NUMBER,
        purpose=st.sampled_from(["ask", "answer"]),
        digest=st.sampled_from(["one", "two"]),
        text=TEXT,
        value=st.none() | st.integers() | st.dictionaries(TEXT, st.floats(allow_nan=False)),
        input_tokens=st.none() | st.integers(0, 2**40),
        output_tokens=st.none() | st.integers(0, 2**40),
        cost=st.none() | st.decimals(0, 10, allow_nan=False, places=8),
    ),
    st.builds(
        TurnDone,
        row_id=st.sampled_from(["r1", "r2"]),
        number=NUMBER,
        turn=st.builds(Turn, question=TEXT, answer=TEXT),
    ),
    st.builds(RowDone, ROW),
    st.builds(RowFailed, row_id=TEXT, index=NUMBER, reason=TEXT),
)


@pytest.fixture
def path(tmp_path) -> Path:
    """
    Where a journal is made.
    """
    folder = tmp_path / "data.jsonl.run"
    folder.mkdir()
    return folder / "journal.sqlite"


def opened(path: Path) -> contextlib.closing[SQLiteJournal]:
    """Open a journal, for a `with` block."""
    return contextlib.closing(SQLiteJournal(path, HEADER))


def call(row_id="r", turn=0, **changes) -> CallDone:
    """Make a finished call."""
    return CallDone(**{"row_id": row_id, "turn": turn, "purpose": "ask", "digest": "d", "text": "t", **changes})


def expected(entries) -> tuple[dict, dict, dict, dict]:
    """Say what a journal holds after these entries: calls, turns, rows, failures."""
    calls, turns, rows, failures = {}, {}, {}, {}
    for entry in entries:
        match entry:
            case CallDone():
                calls[entry.row_id, entry.turn, entry.purpose] = entry
            case TurnDone():
                turns[entry.row_id, entry.number] = entry.turn
            case RowDone(row):
                rows[row.index] = row
                failures.pop(row.index, None)
            case RowFailed():
                failures[entry.index] = entry.reason
    return calls, turns, rows, failures


def total(numbers):
    """Add what is known; None where nothing is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def check(journal: SQLiteJournal, entries) -> None:
    """Hold what a journal says against what was written."""
    calls, turns, rows, failures = expected(entries)
    for (row_id, turn, purpose), done in calls.items():
        assert journal.call(row_id, turn, purpose, done.digest) == done
        assert journal.call(row_id, turn, purpose, "another question") is None
    for row_id in ("r1", "r2"):
        assert journal.turns(row_id) == tuple(turns[key] for key in sorted(turns) if key[0] == row_id)
    assert list(journal.rows()) == [rows[index] for index in sorted(rows)]
    assert journal.finished() == rows.keys()
    assert journal.counts() == Counts(
        rows=len(rows),
        turns=len(turns),
        calls=len(calls),
        input_tokens=total(done.input_tokens for done in calls.values()),
        output_tokens=total(done.output_tokens for done in calls.values()),
        cost=total(done.cost for done in calls.values()),
        failures=dict(sorted(failures.items())),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(ENTRIES, max_size=4), max_size=8))
def test_what_is_committed_is_read_back(tmp_path, groups):
    """
    Any entries in any order are read as they were written, at once and when the file is opened again.
    """
    path = tmp_path / "journal.sqlite"
    path.unlink(missing_ok=True)
    entries = [entry for group in groups for entry in group]
    with opened(path) as journal:
        for group in groups:
            journal.commit(*group).result()
        check(journal, entries)
    with opened(path) as journal:
        check(journal, entries)


def test_the_header_is_read_as_it_was_written(path):
    """
    Also once there are entries, and without opening the journal for writing.
    """
    with opened(path) as journal:
        journal.commit(call()).result()

    assert read_header(path) == HEADER


def test_what_waits_for_the_disk_is_committed_together(path, monkeypatch):
    """
    Entries that arrive while a transaction is written all go into the next one.
    """
    batches = []
    first_begun, go_on = threading.Event(), threading.Event()
    commit = SQLiteJournal._commit

    def slow_commit(connection, batch):
        first_begun.set()
        go_on.wait()
        batches.append(len(batch))
        commit(connection, batch)

    monkeypatch.setattr(SQLiteJournal, "_commit", staticmethod(slow_commit))
    with opened(path) as journal:
        futures = [journal.commit(call("first"))]
        first_begun.wait()
        futures += [journal.commit(call(f"r{number}")) for number in range(40)]
        go_on.set()
        for future in futures:
            future.result()

    assert batches == [1, 40]
    assert read_counts(path).calls == 41


def test_many_threads_may_commit(path):
    """
    No entry of any thread is lost.
    """
    with opened(path) as journal:

        def write(name):
            for number in range(50):
                journal.commit(call(name, number)).result()

        threads = [threading.Thread(target=write, args=(f"t{name}",)) for name in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert journal.counts().calls == 400


def test_closing_commits_what_is_under_way(path):
    """
    Whoever does not wait for the disk loses nothing by closing; closing twice is no error.
    """
    journal = SQLiteJournal(path, HEADER)
    futures = [journal.commit(call(turn=number)) for number in range(300)]

    journal.close()
    journal.close()

    assert all(future.done() for future in futures)
    assert read_counts(path).calls == 300


def test_entries_of_one_commit_are_kept_together_or_not_at_all(path):
    """
    Where one of them cannot be kept, none is, whoever waits is told why, and the next commit is written.
    """
    with opened(path) as journal:
        with pytest.raises(JournalError, match="A CallDone cannot be stored"):
            journal.commit(call("good"), call("bad", input_tokens=2**70)).result()
        with pytest.raises(JournalError, match="A CallDone cannot be stored"):
            journal.commit(call("bad", text="\ud800")).result()
        journal.commit(call("next")).result()

        assert journal.counts().calls == 1
        assert journal.call("next", 0, "ask", "d") == call("next")


def test_whatever_goes_wrong_is_told_to_who_waits(path, monkeypatch):
    """
    Not even an error that nobody thought of leaves a commit unanswered.
    """

    def explode(connection, batch):
        raise MemoryError("no memory")

    with opened(path) as journal:
        with monkeypatch.context() as patched:
            patched.setattr(SQLiteJournal, "_commit", staticmethod(explode))
            with pytest.raises(MemoryError):
                journal.commit(call()).result()
        journal.commit(call()).result()


def test_a_row_that_is_done_is_no_failure_any_more(path):
    """
    A failure is replaced by the next one, and goes when the row is there.
    """
    with opened(path) as journal:
        journal.commit(RowFailed(row_id="r", index=4, reason="first")).result()
        journal.commit(RowFailed(row_id="r", index=4, reason="second")).result()
        assert journal.counts().failures == {4: "second"}

        journal.commit(RowDone(Row(id="r", index=4, data={}))).result()
        assert journal.counts().failures == {}


def filled(path: Path) -> bytes:
    """Write a journal of some pages, and return its bytes."""
    with opened(path) as journal:
        for number in range(200):
            journal.commit(call(turn=number, text="t" * 200), RowDone(Row(id="r", index=number, data={"a": "b" * 99})))
    return path.read_bytes()


def use(path: Path) -> None:
    """Do all that one does with a journal."""
    read_header(path)
    read_counts(path)
    with opened(path) as journal:
        journal.counts()
        journal.finished()
        list(journal.rows())


@pytest.mark.parametrize("size", [0, 1, 99, 100, 4096, 5000, -4096], ids="kept {}".format)
def test_a_truncated_file_is_damaged(path, size):
    """
    Wherever it ends, the error says so, names the file, and tells what helps.
    """
    whole = filled(path)
    path.write_bytes(whole[:size])

    with pytest.raises(JournalError, match=r"is damaged.*Restore journal\.sqlite from a backup, or start a new run"):
        use(path)


@pytest.mark.parametrize(
    "content", [b"x" * 8192, b"SQLite format 3\x00" + b"\xff" * 8000, b"PK\x03\x04"], ids=["text", "sqlite", "zip"]
)
def test_garbage_is_no_journal(path, content):
    """
    Whatever else lies in its place is no journal.
    """
    path.write_bytes(content)

    with pytest.raises(JournalError, match="is damaged"):
        use(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0), st.binary(min_size=1, max_size=600))
def test_torn_pages_never_raise_anything_else(tmp_path, place, garbage):
    """
    Wherever garbage lies, a journal either works or is a JournalError.
    """
    original = tmp_path / "original.sqlite"
    whole = original.read_bytes() if original.exists() else filled(original)
    place %= len(whole)
    torn = tmp_path / "torn.sqlite"
    torn.write_bytes(whole[:place] + garbage + whole[place + len(garbage) :])
    for name in ("torn.sqlite-wal", "torn.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)

    with contextlib.suppress(JournalError):
        use(torn)


def test_a_database_of_something_else_is_no_journal(path):
    """
    Also where it is a healthy one.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.commit()

    with pytest.raises(JournalError, match="is damaged: the file is empty, or is not a journal"):
        use(path)


@pytest.mark.parametrize("header", ["[]", "{}", "{", '{"models": []}', '{"models": 3}'])
def test_a_header_that_says_nothing_is_damage(path, header):
    """
    Whatever stands there that is no header.
    """
    filled(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE header SET value = ?", (header,))
        connection.commit()

    with pytest.raises(JournalError, match="is damaged"):
        read_header(path)


@pytest.mark.parametrize("read", [read_header, read_counts, use])
def test_another_format_asks_for_its_version(path, read):
    """
    A journal of a later version is not touched; the error says which form it has.
    """
    filled(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {sqlite.FORMAT + 1}")
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"format version 2, but version 1 is expected\. Use the version"):
        read(path)
    assert path.read_bytes() == before


def test_a_missing_journal_is_an_error_to_readers(path):
    """
    Reading makes no file.
    """
    with pytest.raises(JournalError, match="cannot be used"):
        read_header(path)
    assert list(path.parent.iterdir()) == []


def test_what_an_earlier_journal_left_behind_is_not_played_into_a_new_one(path):
    """
    Where a journal was deleted and its log was not, the new journal is empty all the same.
    """
    journal = SQLiteJournal(path, HEADER)
    journal.commit(call(), RowFailed(row_id="r", index=0, reason="old")).result()
    saved = path.parent / "saved"
    saved.mkdir()
    for file in path.parent.glob("journal.sqlite-*"):
        shutil.copy(file, saved)
    journal.close()
    path.unlink()
    for file in saved.iterdir():
        shutil.copy(file, path.parent)
    assert path.with_name("journal.sqlite-wal").stat().st_size > 0

    with opened(path) as journal:
        assert journal.counts() == Counts()
        journal.commit(call()).result()
        assert journal.counts().calls == 1


def test_others_read_while_a_process_writes(path):
    """
    Header and counts are there at every moment, and the numbers only grow.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, PROGRAM, path], stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout.readline() == "ten\n"
        seen = [read_counts(path).calls for _ in range(20)]
        assert read_header(path).models == ("a/b",)
        last, _ = writer.communicate()

    assert writer.returncode == 0
    assert seen[0] >= 10
    assert seen == sorted(seen)
    assert read_counts(path).calls == int(last)


def test_a_journal_on_a_networks_filesystem_is_refused(path, monkeypatch):
    """
    The error names the kind and the cure, and no file is made.
    """
    monkeypatch.setattr(sqlite, "network_filesystem", lambda _: "nfs4")

    with pytest.raises(JournalError, match=r"network file system \(nfs4\).*local disk"):
        SQLiteJournal(path, HEADER)
    assert list(path.parent.iterdir()) == []


def test_commits_wait_for_the_disk(tmp_path, monkeypatch):
    """
    SQLite syncs at each commit, whatever it would do by itself: finished turns outlast a loss of power.
    """
    opened = []
    connect = sqlite3.connect

    def careless(*args, **kwargs):
        connection = connect(*args, **kwargs)
        connection.execute("PRAGMA synchronous = OFF")
        opened.append(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", careless)
    journal = SQLiteJournal(tmp_path / "journal.sqlite", HEADER)
    known = len(opened)
    journal.commit(TurnDone(row_id="r1", number=0, turn=Turn(question="q", answer="a"))).result(60)

    (writer,) = opened[known:]
    full = 2
    assert writer.execute("PRAGMA synchronous").fetchone() == (full,)
    journal.close()
