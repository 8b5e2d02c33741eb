from __future__ import annotations

import errno
import importlib.util
import sqlite3
import sys
from contextlib import closing

import pytest

from budwood.providing.sqlite import enable_wal
from tests.small_disk import KIB, mount_disk


def test_full_disk_is_an_error(open_cache):
    """
    If the disk is full, `set` raises OSError without storing the value, and other entries stay readable.
    """
    cache = open_cache()
    cache.set("before", b"value")
    cache._database.use(lambda connection: connection.execute("PRAGMA max_page_count = 20").fetchall())

    with pytest.raises(OSError, match="Free disk space") as caught:
        cache.set("large", bytes(1_000_000))

    assert caught.value.errno == errno.ENOSPC
    assert cache.get("large") is None
    assert cache.get("before") == b"value"
    cache.set("small", b"value")
    assert cache.get("small") == b"value"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no tmpfs")
def test_disk_that_fills_up(open_cache, tmp_path):
    """
    On a full disk entries can be read, and those that cannot be written are not stored; with space the cache works.
    """
    with mount_disk(tmp_path / "disk") as disk:
        cache = open_cache(path=disk.folder / "replies.sqlite3")
        cache.set("before", b"value")
        disk.leave(200 * KIB)
        stored = [number for number in range(20) if is_stored(cache, f"key {number}", bytes([number]) * 50_000)]
        assert 0 < len(stored) < 20
        assert cache.get("before") == b"value"
        found = {item.key for item in cache.items()}
        assert found == {"before", *(f"key {number}" for number in stored)}
        assert all(cache.get(f"key {number}") == bytes([number]) * 50_000 for number in stored)

        disk.make_room()
        assert is_stored(cache, "after", b"value")
        cache.close()
        assert open_cache(path=disk.folder / "replies.sqlite3").get("after") == b"value"


def is_stored(cache, key, value):
    """
    Set a value, and return whether that was possible.
    """
    try:
        cache.set(key, value)
    except OSError:
        return False
    return True


@pytest.mark.skipif(importlib.util.find_spec("resource") is None, reason="this system has no limit for file sizes")
def test_file_size_limit_is_an_error(run, path):
    """
    With a real limit of the system, writes fail, and the cache continues to work.
    """
    assert run("full_disk", path) == ["OSError True", "b'value' None", "b'value'"]


def test_read_only_file_can_be_read(open_cache, path):
    """
    If the file is read-only, `set` raises PermissionError and `get` works; later `set` works again.
    """
    cache = open_cache()
    cache.set("key", b"value")
    cache._database.use(lambda connection: connection.execute("PRAGMA query_only = ON").fetchall())

    assert cache.get("key") == b"value"
    with pytest.raises(PermissionError, match="Make the file and its folder writable") as caught:
        cache.set("key", b"other")
    assert caught.value.filename == str(path)

    cache.set("key", b"other")  # with a new connection, which can write
    assert cache.get("key") == b"other"


def test_folder_that_cannot_be_created_is_an_error(open_cache, path):
    """
    If the parent of the file is not a folder, each use raises OSError.
    """
    path.parent.write_text("no folder")
    cache = open_cache()

    for use in (lambda: cache.get("key"), lambda: cache.set("key", b"value")):
        with pytest.raises(OSError, match="cache-files"):
            use()


def test_folder_instead_of_the_file_is_an_error(open_cache, path):
    """
    A folder at the path is an error and is not renamed; after its removal the cache works.
    """
    cache = open_cache()
    path.mkdir(parents=True)

    with pytest.raises(OSError, match="unable to open"):
        cache.set("key", b"value")

    assert path.is_dir()
    path.rmdir()
    cache.set("key", b"value")
    assert cache.get("key") == b"value"


def test_lock_of_another_process_times_out(open_cache, monkeypatch):
    """
    While another connection holds the write lock, `set` raises TimeoutError, and `get` works.
    """
    monkeypatch.setattr("budwood.providing.sqlite.shared_file.BUSY_SECONDS", 0.01)
    holder, cache = open_cache(), open_cache()
    holder.set("key", b"value")

    def hold(connection):
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError, match="Another process"):
            cache.set("key", b"other")
        value = cache.get("key")
        connection.execute("ROLLBACK")
        return value

    assert holder._database.use(hold) == b"value"
    cache.set("key", b"other")
    assert holder.get("key") == b"other"


def test_wal_mode_is_enabled_after_others_release_the_file(tmp_path):
    """
    If another connection reads the new file, enabling WAL mode is retried.
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

        enable_wal(connection)

        connection.set_trace_callback(None)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
