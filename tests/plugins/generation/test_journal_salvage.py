from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from budwood.types import Row, Turn
from budwood_generation import DamagedJournalError, JournalError
from budwood_generation.journal import (
    CallDone,
    Delivered,
    Header,
    RowDone,
    RowFailed,
    SQLiteJournal,
    Stage,
    TurnDone,
    read_header,
    read_rows,
    read_stages,
    read_totals,
    repair_journal,
    salvage,
)

HEADER = Header(run="f" * 32, spec={"rows": 90}, root="..", identity={"seed": 3}, models=("a/b",))
STAGES = (Stage(first=0, rows=90, documents={}, passages=(), turns=180, digest="d"),)
PAGE = 4096


def entries_of(index: int) -> list[CallDone | TurnDone | RowDone]:
    """Return the entries of a row: short ones, and one that needs several pages in every seventh row."""
    long = "long text " * (900 if index % 7 == 0 else 9)
    calls = [
        CallDone(index=index, turn=turn, purpose="answer", digest="d", text=f"{turn} {long}", input_tokens=3)
        for turn in range(2)
    ]
    turns = [TurnDone(index=index, number=turn, turn=Turn(question="?", answer=long)) for turn in range(2)]
    return [*calls, *turns, RowDone(Row(id=f"r{index}", index=index, data={"text": long, "number": index}))]


def write_journal(path: Path, rows: int = 80) -> None:
    """Write a journal, row by row."""
    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        for index in range(rows):
            for entry in entries_of(index):
                journal.commit(entry)
        journal.commit(RowFailed(index=rows, reason="failed")).result()


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """
    A journal of many pages.
    """
    folder = tmp_path_factory.mktemp("original.run")
    write_journal(folder / "journal.sqlite")
    return folder / "journal.sqlite"


@pytest.fixture
def path(original, tmp_path) -> Path:
    """
    A copy of the journal, to damage.
    """
    folder = tmp_path / "data.jsonl.run"
    folder.mkdir()
    return shutil.copy(original, folder / "journal.sqlite")


def overwrite(path: Path, place: int, content: bytes) -> None:
    """Write bytes into a file."""
    with path.open("rb+") as file:
        file.seek(place)
        file.write(content)


def repair(path: Path) -> None:
    """Repair a journal whose header and stages are in run.json."""
    repair_journal(path, [HEADER, *STAGES])


def check_rest(path: Path, least: int) -> tuple[str, ...]:
    """Check that a repaired journal has this many rows, all unchanged, and can be completed; return its notes."""
    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        kept = list(journal.rows())
        assert len(kept) >= least
        assert kept == [entries_of(row.index)[-1].row for row in kept]
        assert list(journal.finished()) == [row.index for row in kept]
        assert journal.totals().rows == len(kept)
        for index in range(80):
            turns = [entry.turn for entry in entries_of(index) if isinstance(entry, TurnDone)]
            found = list(journal.turns(index))
            assert found == turns[: len(found)]
            assert all(call in entries_of(index) for call in journal.calls(index))
        for index in journal.finished().missing():
            journal.commit(*entries_of(index)).result()
        assert len(list(journal.rows())) == 90
        return journal.notes


def test_every_page_can_be_lost(path, original):
    """
    Whichever page of the journal is zeroed, all entries on other pages are kept, and the note says what was lost.
    """
    pages = path.stat().st_size // PAGE
    assert pages > 60
    losses = []
    for page in range(pages):
        for file in path.parent.iterdir():
            file.unlink()
        shutil.copy(original, path)
        overwrite(path, page * PAGE, bytes(PAGE))
        repair(path)
        with contextlib.suppress(DamagedJournalError):  # the page has only text, which is checked when it is read
            read_all(path)
        repair(path)
        losses.append(80 - read_totals(path).rows)
        notes = check_rest(path, least=74)
        assert read_header(path) == HEADER
        assert read_stages(path) == STAGES
        if notes:
            old = (path.parent / "journal.damaged-1.sqlite").read_bytes()
            assert not any(old[page * PAGE : (page + 1) * PAGE])

    assert max(losses) <= 6
    assert sum(loss > 0 for loss in losses) > pages / 4


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_torn_file_keeps_what_is_there(path, share):
    """
    Rows on the pages that are left stay, whatever the length of the file.
    """
    size = int(path.stat().st_size * share)
    with path.open("rb+") as file:
        file.truncate(size)

    repair(path)

    assert len(check_rest(path, least=int(80 * share) - 6)) == 1


def test_a_damaged_log_keeps_what_is_there(tmp_path):
    """
    After a kill, entries are in the write-ahead log. A torn or overwritten log loses only what it had.
    """
    source = tmp_path / "source"
    source.mkdir()
    journal = SQLiteJournal(source / "journal.sqlite", HEADER, STAGES)
    for index in range(80):
        journal.commit(*entries_of(index)).result()
    folder = tmp_path / "data.jsonl.run"
    shutil.copytree(source, folder)
    journal.close()
    path, log = folder / "journal.sqlite", folder / "journal.sqlite-wal"
    before = log.stat().st_size
    assert before > 20 * PAGE

    overwrite(log, before // 2, bytes(3 * PAGE))
    overwrite(path, 2 * PAGE, bytes(PAGE))
    repair(path)

    check_rest(path, least=20)


def test_entries_after_a_damaged_part_of_the_log_are_kept(tmp_path):
    """
    SQLite ignores the rest of a log after the first damaged page; the entries in it are read nevertheless.
    """
    folder = tmp_path / "data.jsonl.run"
    journal = SQLiteJournal(tmp_path / "journal.sqlite", HEADER, STAGES)
    for index in range(80):
        journal.commit(*entries_of(index)).result()
    folder.mkdir()
    for file in tmp_path.glob("journal.sqlite*"):
        shutil.copy(file, folder)
    journal.close()
    path, log = folder / "journal.sqlite", folder / "journal.sqlite-wal"
    frames = (log.stat().st_size - 32) // (PAGE + 24)

    overwrite(log, 32 + frames // 2 * (PAGE + 24), bytes(PAGE))
    repair(path)

    (note,) = check_rest(path, least=74)
    assert note.startswith("The journal was damaged")
    assert {file.name for file in folder.iterdir() if "damaged" in file.name} == {
        "journal.damaged-1.sqlite",
        "journal.damaged-1.sqlite-wal",
    }
    assert not (folder / "journal.sqlite-log").exists()


@pytest.mark.parametrize("missing", [0, 1, PAGE], ids=["whole", "a byte is missing", "a page is missing"])
def test_a_log_that_a_killed_process_left_is_no_damage(tmp_path, missing):
    """
    All entries are in the journal, without a note. A commit that was interrupted, also by a full disk, is ignored.
    """
    journal = SQLiteJournal(tmp_path / "journal.sqlite", HEADER, STAGES)
    for index in range(20):
        journal.commit(*entries_of(index)).result()
    folder = tmp_path / "data.jsonl.run"
    folder.mkdir()
    for file in tmp_path.glob("journal.sqlite*"):
        shutil.copy(file, folder)
    journal.close()
    log = folder / "journal.sqlite-wal"
    os.truncate(log, log.stat().st_size - missing)

    repair(folder / "journal.sqlite")

    assert check_rest(folder / "journal.sqlite", least=20 - (missing > 0)) == ()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0), st.binary(min_size=1, max_size=600))
@example(60, b"\1")  # the version of the format
def test_garbage_is_survived(tmp_path, original, place, garbage):
    """
    With garbage at any offset, the journal is read as before, or after a repair.
    """
    folder = tmp_path / "data.jsonl.run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = shutil.copy(original, folder / "journal.sqlite")
    overwrite(path, place % path.stat().st_size, garbage)

    for _ in range(2):
        repair(path)
        with contextlib.suppress(DamagedJournalError):
            read_all(path)
    check_rest(path, least=70)


def read_all(path: Path) -> None:
    """Read all calls, turns and rows of a journal."""
    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        list(journal.rows())
        for index in range(90):
            journal.calls(index)
            journal.turns(index)


def test_a_healthy_journal_stays(path):
    """
    It is not copied, and has no notes.
    """
    before = path.read_bytes()

    repair(path)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite"]


def test_text_that_changed_on_the_disk_is_not_used(path):
    """
    SQLite does not notice it, but the checksum of the entry. The next repair removes the entry.
    """
    content = path.read_bytes()
    place = content.index(b'"number":30')
    overwrite(path, place, b'"number":31')

    repair(path)
    with pytest.raises(DamagedJournalError, match="Resume the run: what can be read is kept"):
        list(read_rows(path))
    repair(path)

    assert [row.index for row in read_rows(path)] == [index for index in range(80) if index != 30]
    check_rest(path, least=79)


def test_turns_after_a_lost_one_are_removed(path):
    """
    They would not fit the answer that is generated again.
    """
    content = path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (seq,) = connection.execute("SELECT seq FROM entries WHERE kind = 3 AND row = 8 AND turn = 0").fetchone()
        connection.execute("UPDATE entries SET crc = 0 WHERE seq = ?", (seq,))
        connection.commit()
    assert path.read_bytes() != content
    path.with_name("journal.sqlite-suspected").touch()

    repair(path)

    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        assert journal.turns(8) == ()
        assert len(journal.turns(9)) == 2
        assert journal.totals().turns == 158


def test_lost_turns_of_finished_conversations_are_restored(tmp_path):
    """
    Later rows about the same passage are told their questions, and would differ without them.
    """
    path = tmp_path / "journal.sqlite"
    turns = [Turn(question=f"q{number}", answer=f"a{number}") for number in range(3)]
    texts = [("user", turn.question, "assistant", turn.answer) for turn in turns]
    messages = [{"role": text[place], "content": text[place + 1]} for text in texts for place in (0, 2)]
    row = Row(id="r", index=0, data={"messages": [{"role": "system", "content": "s"}, *messages]})
    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        for number, turn in enumerate(turns):
            journal.commit(TurnDone(index=0, number=number, turn=turn))
        journal.commit(RowDone(row)).result()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE entries SET crc = 0 WHERE kind = 3 AND turn = 1")
        connection.commit()
    path.with_name("journal.sqlite-suspected").touch()

    repair(path)

    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        assert journal.turns(0) == tuple(turns)
        assert journal.totals().turns == 3


def test_the_note_says_what_was_lost(path):
    """
    The numbers of rows and calls, and the name of the old file; also in the next session.
    """
    leaf = Random(1).choice([page for page in range(4, 60) if path.read_bytes()[page * PAGE] == 0x0D])
    overwrite(path, leaf * PAGE, bytes(PAGE))

    repair(path)

    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        totals, (note,) = journal.totals(), journal.notes
    assert totals.calls < 160
    assert note == (
        f"The journal was damaged: {totals.rows} rows and {totals.calls} calls were kept, {80 - totals.rows} rows and "
        f"{160 - totals.calls} calls were lost. Lost work is done again. The old file is journal.damaged-1.sqlite."
    )


def test_a_second_damage_keeps_both_files(path):
    """
    The copies are numbered.
    """
    for _ in range(2):
        overwrite(path, 8 * PAGE, bytes(PAGE))
        repair(path)

    names = {file.name for file in path.parent.glob("*damaged*.sqlite")}
    assert names == {"journal.damaged-1.sqlite", "journal.damaged-2.sqlite"}


def test_batches_stay_after_a_repair(path):
    """
    What the storage has is not delivered again, and a batch under way comes again with the same rows.
    """
    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        first = journal.next_batch(30)
        journal.commit(Delivered(until=first.until)).result()
        second = journal.next_batch(30)
    size = path.stat().st_size
    overwrite(path, size // PAGE // 2 * PAGE, bytes(PAGE))

    repair(path)

    with contextlib.closing(SQLiteJournal(path, HEADER, STAGES)) as journal:
        again = journal.next_batch(5)
        assert again.until == second.until
        assert {row.index for row in again.rows} <= {row.index for row in second.rows}


@pytest.mark.parametrize("step", ["_complete", "_keep_copy", "finish_salvage"])
def test_a_crash_during_a_repair_loses_nothing(path, monkeypatch, step):
    """
    The repair is done again, or finished.
    """

    def crash(*_):
        raise KeyboardInterrupt

    overwrite(path, 8 * PAGE, bytes(PAGE))
    with monkeypatch.context() as patched:
        patched.setattr(salvage, step, crash)
        with pytest.raises(KeyboardInterrupt):
            repair(path)

    repair(path)
    check_rest(path, least=74)


def test_a_lost_header_needs_run_json(path):
    """
    Without it the error says that the run is unknown, and nothing is changed.
    """
    with path.open("rb+") as file:
        file.truncate(100)
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"not known which run.*Restore the folder from a backup"):
        repair_journal(path, [])
    assert path.read_bytes() == before

    repair(path)
    assert read_header(path) == HEADER
