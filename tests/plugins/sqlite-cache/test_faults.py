from __future__ import annotations

import errno
import importlib.util
import sqlite3
from contextlib import closing

import pytest

from budwood_sqlite_cache.schema import _enter_wal


def test_full_database_is_told_and_leaves_the_rest(open_cache):
    """
    Where nothing more fits, `set` says so, keeps nothing of the value, and what was there can be read.
    """
    cache = open_cache()
    cache.set("before", b"value")
    cache._database.use(lambda connection: connection.execute("PRAGMA max_page_count = 20").fetchall())

    with pytest.raises(OSError, match="Free space") as caught:
        cache.set("large", bytes(1_000_000))

    assert caught.value.errno == errno.ENOSPC
    assert cache.get("large") is None
    assert cache.get("before") == b"value"
    cache.set("small", b"value")
    assert cache.get("small") == b"value"


@pytest.mark.skipif(importlib.util.find_spec("resource") is None, reason="this system limits no sizes of files")
def test_file_that_may_not_grow_is_told(run, path):
    """
    The same with a real limit of the system: the writes themselves fail, and the cache goes on.
    """
    assert run("full_disk", path) == ["OSError True", "b'value' None", "b'value'"]


def test_file_that_may_not_be_written_can_be_read(open_cache, path):
    """
    Without the right to write, `set` says what is missing and `get` goes on; once it is given, `set` works again.
    """
    cache = open_cache()
    cache.set("key", b"value")
    cache._database.use(lambda connection: connection.execute("PRAGMA query_only = ON").fetchall())

    assert cache.get("key") == b"value"
    with pytest.raises(PermissionError, match="Give this user the right") as caught:
        cache.set("key", b"other")
    assert caught.value.filename == str(path)

    cache.set("key", b"other")  # over a new connection, which has the right
    assert cache.get("key") == b"other"


def test_folder_that_cannot_be_made_is_told(open_cache, path):
    """
    Where a file stands in the way of the folder, each use says so.
    """
    path.parent.write_text("no folder")
    cache = open_cache()

    for use in (lambda: cache.get("key"), lambda: cache.set("key", b"value")):
        with pytest.raises(OSError, match="kept"):
            use()


def test_folder_in_place_of_the_file_is_told(open_cache, path):
    """
    A folder that came to be where the file should is an error of use, is not renamed, and can be cured.
    """
    cache = open_cache()
    path.mkdir(parents=True)

    with pytest.raises(OSError, match="unable to open"):
        cache.set("key", b"value")

    assert path.is_dir()
    path.rmdir()
    cache.set("key", b"value")
    assert cache.get("key") == b"value"


def test_writer_that_never_ends_is_waited_for_only_so_long(open_cache, monkeypatch):
    """
    While another program holds the file for writing, `set` gives up with a `TimeoutError`, and `get` goes on.
    """
    monkeypatch.setattr("budwood_sqlite_cache.database.BUSY_SECONDS", 0.01)
    holder, cache = open_cache(), open_cache()
    holder.set("key", b"value")

    def hold(connection):
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError, match="Another process"):
            cache.set("key", b"other")
        kept = cache.get("key")
        connection.execute("ROLLBACK")
        return kept

    assert holder._database.use(hold) == b"value"
    cache.set("key", b"other")
    assert holder.get("key") == b"other"


def test_write_ahead_log_is_begun_when_others_let_go(tmp_path):
    """
    A process that is refused the write-ahead log, because another reads the new file, tries again.
    """
    path = tmp_path / "new.sqlite3"
    options = {"isolation_level": None, "timeout": 0}
    with closing(sqlite3.connect(path, **options)) as other, closing(sqlite3.connect(path, **options)) as connection:
        other.execute("CREATE TABLE something (id INTEGER)")
        other.execute("BEGIN")
        other.execute("SELECT * FROM something").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("PRAGMA journal_mode = WAL")
        connection.set_trace_callback(lambda statement: statement.startswith("BEGIN") and other.execute("COMMIT"))

        _enter_wal(connection)

        connection.set_trace_callback(None)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
