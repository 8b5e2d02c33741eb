"""Faults of files of SQLite."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from budwood.errors import ConfigurationError
from tests.sql_datasets import make_dataset, make_row, query


def test_a_missing_folder_is_an_error(make_storage, tmp_path):
    """
    The error names the path, and says to create the folder.
    """
    with pytest.raises(OSError, match="Create its folder") as raised:
        make_storage(tmp_path / "missing" / "rows.sqlite").begin(make_dataset())

    assert raised.value.filename == str(tmp_path / "missing" / "rows.sqlite")


def test_a_file_of_another_format_is_refused(make_storage, tmp_path):
    """
    A file that is not a database stays as it is.
    """
    path = tmp_path / "notes.db"
    path.write_text("No database. " * 100)
    with pytest.raises(ConfigurationError, match=r"notes\.db is not a database of SQLite"):
        make_storage(path).begin(make_dataset())

    assert path.read_text() == "No database. " * 100


def test_a_locked_file_is_a_transient_error(make_storage, tmp_path):
    """
    If another process writes for longer than the timeout, `put` raises OSError, and can be repeated.
    """
    storage = make_storage(tmp_path / "rows.sqlite", timeout=0.05)
    storage.begin(make_dataset())
    other = sqlite3.connect(tmp_path / "rows.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="locked") as raised:
        storage.put([make_row(0)])
    other.close()
    storage.put([make_row(0)])

    assert raised.value.errno == errno.ETIMEDOUT
    assert storage.finish([make_row(0)]) == 1


def test_a_full_disk_is_an_error_that_changes_nothing(make_storage, tmp_path):
    """
    A batch for which there is no space is not stored in part.
    """
    output = f"sqlite:///{tmp_path / 'rows.sqlite'}"
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0)])
    storage._database.read(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 12"))
    with pytest.raises(OSError, match="full") as raised:
        storage.put([make_row(index, review="x" * 1000) for index in range(1, 100)])

    assert raised.value.errno == errno.ENOSPC
    assert query(output, "SELECT count(*) FROM reviews") == [(1,)]


def test_readers_see_the_old_table_until_finish_has_ended(make_storage, tmp_path):
    """
    While `finish` reads its rows, another connection sees the rows before it.
    """
    output = f"sqlite:///{tmp_path / 'rows.sqlite'}"
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put([make_row(0)])
    seen = []

    def read_rows():
        for index in range(1, 1200):
            if index % 400 == 0:
                seen.extend(query(output, "SELECT count(*) FROM reviews"))
            yield make_row(index)

    storage.finish(read_rows())

    assert seen == [(1,), (1,)]
    assert query(output, "SELECT count(*) FROM reviews") == [(1199,)]


def test_other_tables_stay(make_storage, tmp_path):
    """
    A database of the user keeps its tables; several datasets can be in one file.
    """
    output = f"sqlite:///{tmp_path / 'mine.db'}"
    query(output, "CREATE TABLE notes (text)")
    for name in ("one", "two"):
        storage = make_storage(output)
        storage.begin(make_dataset(name=name, run=name))
        storage.finish([make_row(0)])
    tables = {name for (name,) in query(output, "SELECT name FROM sqlite_master WHERE type = 'table'")}

    assert tables == {"notes", "one", "two", "budwood_datasets"}


def test_begin_holds_the_lock_from_its_start(make_storage, tmp_path, monkeypatch):
    """
    Between reading the record of a table and writing it, no other process can write.
    """
    storage = make_storage(tmp_path / "rows.sqlite")
    find = storage._catalog._find
    errors = []

    def find_and_write(*arguments):
        other = sqlite3.connect(tmp_path / "rows.sqlite", timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked") as raised:
            other.execute("BEGIN IMMEDIATE")
        other.close()
        errors.append(raised.value)
        return find(*arguments)

    monkeypatch.setattr(storage._catalog, "_prepare", lambda _connection: None)
    make_storage(tmp_path / "rows.sqlite").begin(make_dataset())
    monkeypatch.setattr(storage._catalog, "_find", find_and_write)
    storage.begin(make_dataset())

    assert len(errors) == 1
