from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budwood_generation import JournalError
from budwood_generation.journal import (
    RowFailed,
    SQLiteJournal,
    Totals,
    read_header,
    read_totals,
)
from budwood_generation.journal.database import FORMAT, set_version
from tests.journals import HEADER, STAGES, call, open_journal, row


@pytest.fixture
def path(tmp_path) -> Path:
    """
    The path of a journal.
    """
    folder = tmp_path / "data.jsonl.run"
    folder.mkdir()
    return folder / "journal.sqlite"


def write_journal(path: Path) -> bytes:
    """Write a journal of several pages, and return its bytes."""
    with open_journal(path) as journal:
        for number in range(200):
            journal.commit(call(turn=number, text="t" * 200), row(number, a="b" * 99))
    return path.read_bytes()


def read_all(path: Path) -> None:
    """Call all methods of a journal."""
    read_header(path)
    read_totals(path)
    with open_journal(path) as journal:
        journal.totals()
        journal.finished()
        list(journal.rows())


@pytest.mark.parametrize("size", [0, 1, 99, 100, 4096, 5000, -4096], ids="{} bytes".format)
def test_a_truncated_file_is_damaged(path, size):
    """
    For every length, the error names the file and says what to do.
    """
    content = write_journal(path)
    path.write_bytes(content[:size])

    with pytest.raises(JournalError, match=r"is damaged.*Resume the run: what can be read is kept"):
        read_all(path)


@pytest.mark.parametrize(
    "content", [b"x" * 8192, b"SQLite format 3\x00" + b"\xff" * 8000, b"PK\x03\x04"], ids=["text", "sqlite", "zip"]
)
def test_garbage_is_not_a_journal(path, content):
    """
    Other content raises a JournalError.
    """
    path.write_bytes(content)

    with pytest.raises(JournalError, match="is damaged"):
        read_all(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0), st.binary(min_size=1, max_size=600))
def test_corrupt_pages_raise_journal_errors(tmp_path, place, garbage):
    """
    With garbage at any offset, a journal is read or raises a JournalError.
    """
    original = tmp_path / "original.sqlite"
    content = original.read_bytes() if original.exists() else write_journal(original)
    place %= len(content)
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(content[:place] + garbage + content[place + len(garbage) :])
    for name in ("damaged.sqlite-wal", "damaged.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)

    with contextlib.suppress(JournalError):
        read_all(damaged)


def test_another_database_is_not_a_journal(path):
    """
    Also if it is valid.
    """
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (name TEXT)")
        connection.commit()

    with pytest.raises(JournalError, match="is damaged: the file is empty, or is not a journal"):
        read_all(path)


@pytest.mark.parametrize("header", ["[]", "{}", "{", '{"models": []}', '{"models": 3}'])
def test_an_invalid_header_is_damage(path, header):
    """
    Whatever the header contains.
    """
    write_journal(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE entries SET data = ? WHERE kind = 0", (header,))
        connection.commit()

    with pytest.raises(JournalError, match="is damaged"):
        read_header(path)


@pytest.mark.parametrize("read", [read_header, read_totals, read_all])
def test_another_format_version_is_rejected(path, read):
    """
    The journal is not changed, and the error names the versions.
    """
    write_journal(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        set_version(connection, FORMAT + 1)
    before = path.read_bytes()

    with pytest.raises(JournalError, match=r"format version 3, but version 2 is expected\. Use the version"):
        read(path)
    assert path.read_bytes() == before


def test_a_missing_journal_is_an_error_for_readers(path):
    """
    Reading creates no file.
    """
    with pytest.raises(JournalError, match="cannot be used"):
        read_header(path)
    assert list(path.parent.iterdir()) == []


def test_a_journal_in_a_read_only_folder_can_be_read(path, monkeypatch):
    """
    SQLite creates no log beside the file, which would fail there.
    """
    with open_journal(path) as journal:
        journal.commit(call()).result()
    monkeypatch.setattr("os.access", lambda *_: False)

    assert read_totals(path).calls == 1
    assert [file.name for file in path.parent.iterdir()] == ["journal.sqlite"]


def test_an_old_log_is_not_applied_to_a_new_journal(path):
    """
    If a journal was deleted without its log, the new journal is empty.
    """
    journal = SQLiteJournal(path, HEADER, STAGES)
    journal.commit(call(), RowFailed(index=0, reason="old")).result()
    saved = path.parent / "saved"
    saved.mkdir()
    for file in path.parent.glob("journal.sqlite-*"):
        shutil.copy(file, saved)
    journal.close()
    path.unlink()
    for file in saved.iterdir():
        shutil.copy(file, path.parent)
    assert path.with_name("journal.sqlite-wal").stat().st_size > 0

    with open_journal(path) as journal:
        assert journal.totals() == Totals()
        journal.commit(call()).result()
        assert journal.totals().calls == 1
