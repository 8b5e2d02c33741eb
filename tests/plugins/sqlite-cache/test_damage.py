from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from budwood.providing.sqlite import file_identity, move_damaged_file
from budwood.types import CacheCounts

ENTRIES = {f"key {number}": bytes([number]) * 3000 for number in range(40)}


@pytest.fixture
def filled(open_cache, path):
    """
    Create a file with entries, and close it.
    """
    cache = open_cache()
    for key, value in ENTRIES.items():
        cache.set(key, value, ttl=1000)
    cache.add_counts({"n": CacheCounts(1, 1)})
    cache.acquire("key", "another", 60)
    cache.close()
    return path


@pytest.fixture
def corrupt(path):
    """
    The path to which a damaged file is renamed.
    """
    return path.with_name(f"{path.name}.corrupt")


def execute(path, *statements):
    """
    Change the file without the cache.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("content", [b"no database at all", b"x" * 100_000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_file_that_is_not_a_database_is_renamed(open_cache, path, corrupt, content, logged):
    """
    A file that is not a database is renamed and logged, and the same call creates a new one.
    """
    path.parent.mkdir()
    path.write_bytes(content)
    cache = open_cache()

    assert cache.get("key") is None
    cache.set("key", b"value")

    assert cache.get("key") == b"value"
    assert corrupt.read_bytes() == content
    [(event, fields)] = logged
    assert event == "cache file damaged"
    assert (fields["level"], fields["path"], fields["moved_to"]) == ("warning", str(path), str(corrupt))


def test_set_also_renames_a_damaged_file(open_cache, path):
    """
    `set` also renames a damaged file.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    cache = open_cache()

    cache.set("key", b"value")

    assert cache.get("key") == b"value"


def test_later_damaged_file_replaces_the_earlier(open_cache, path, corrupt):
    """
    Only the last damaged file is kept, so that a failing disk does not fill up.
    """
    path.parent.mkdir()
    for content in (b"first damage", b"second damage"):
        path.write_bytes(content)
        cache = open_cache()
        cache.get("key")
        cache.close()

    assert corrupt.read_bytes() == b"second damage"
    assert not [file for file in path.parent.iterdir() if file.name.count("corrupt") > 1]


def test_file_of_another_process_is_not_renamed(open_cache, path, corrupt):
    """
    If another process has already renamed the damaged file, its new file stays.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database")
    damaged = file_identity(path)
    path.rename(corrupt)
    open_cache().set("key", b"value")

    assert move_damaged_file(path, damaged) is None

    assert open_cache().get("key") == b"value"
    assert corrupt.read_bytes() == b"no database"


@pytest.mark.parametrize("length", [0, 1, 100, 4096, 5000, 8192, 60_000])
def test_truncated_file_is_handled(filled, open_cache, length):
    """
    With a truncated file, entries are found or missing, and new ones can be stored.
    """
    with filled.open("r+b") as file:
        file.truncate(length)
    cache = open_cache()

    assert all(cache.get(key) in (value, None) for key, value in ENTRIES.items())
    cache.set("key", b"value")
    assert cache.get("key") == b"value"


def test_file_truncated_under_an_open_cache(open_cache, path):
    """
    The same applies if the file is truncated while it is open.
    """
    cache = open_cache()
    for key, value in ENTRIES.items():
        cache.set(key, value)
    cache._database.use(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    with path.open("r+b") as file:
        file.truncate(20_000)

    assert all(cache.get(key) in (value, None) for key, value in ENTRIES.items())
    cache.set("key", b"value")
    assert cache.get("key") == b"value"


@example(position=4015, junk=b"\x80")  # in the schema of a table, which SQLite's error quotes
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(0, 200_000), junk=st.binary(min_size=1, max_size=64))
def test_damage_never_shows_as_a_wrong_value(filled, open_cache, position, junk):
    """
    Whatever bytes are overwritten, `get` returns the stored value or None, and no method raises anything but OSError.
    """
    original = filled.read_bytes()
    position %= len(original)
    filled.write_bytes(original[:position] + junk + original[position + len(junk) :])
    cache = open_cache()
    try:
        for key, value in ENTRIES.items():
            assert cache.get(key) in (value, None)
        list(cache.items())
        cache.counts()
        cache.acquire("key", "owner", 60)
        cache.set("key 7", b"new")
        assert cache.get("key 7") == b"new"
        cache.add_counts({"n": CacheCounts(1, 1)})
        cache.clear("key 1")
        cache.prune()
    except OSError:
        pass
    finally:
        cache.close()
        for file in filled.parent.iterdir():
            file.unlink()
        filled.write_bytes(original)


def test_changed_value_is_detected(filled, open_cache, corrupt):
    """
    A changed byte in a value, which SQLite does not notice, is detected by its checksum.
    """
    content = filled.read_bytes()
    position = content.index(b"\x07" * 100) + 50
    filled.write_bytes(content[:position] + b"!" + content[position + 1 :])
    cache = open_cache()

    assert cache.get("key 7") is None
    assert corrupt.exists()


def test_old_log_is_not_applied_to_a_new_file(open_cache, path, corrupt):
    """
    The write-ahead log of a damaged file is not applied to the file that replaces it.
    """
    cache = open_cache()
    for key, value in ENTRIES.items():
        cache.set(key, value)
    cache._database.use(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    cache.set("old", b"value")
    log = path.with_name(f"{path.name}-wal")
    log_content = log.read_bytes()
    cache.close()
    path.write_bytes(path.read_bytes()[:4096] + b"junk" * 40_000)
    log.write_bytes(log_content)
    cache = open_cache()

    for key, value in ENTRIES.items():
        assert cache.get(key) in (value, None)
    cache.set("new", b"value")
    assert corrupt.exists()
    assert cache.get("old") is None
    assert cache.get("new") == b"value"


def test_file_removed_under_an_open_cache_is_created_again(open_cache, path):
    """
    After the file was removed, an open cache is empty and creates a new one.
    """
    cache = open_cache()
    cache.set("key", b"value")
    for file in path.parent.iterdir():
        file.unlink()

    assert cache.get("key") is None
    cache.set("key", b"again")
    assert path.exists()
    assert open_cache().get("key") == b"again"


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE accounts (id INTEGER)", "INSERT INTO accounts VALUES (7)"],
        ["CREATE TABLE accounts (id INTEGER)", "INSERT INTO accounts VALUES (7)", "PRAGMA user_version = 2"],
    ],
)
def test_other_database_is_not_changed(open_cache, path, statements, logged):
    """
    A database of another program raises OSError and is not changed.
    """
    path.parent.mkdir()
    execute(path, *statements)
    before = path.read_bytes()
    cache = open_cache()

    for use in (lambda: cache.get("key"), lambda: cache.set("key", b"value")):
        with pytest.raises(OSError, match="set another path"):
            use()

    assert path.read_bytes() == before
    assert not logged


def test_file_of_another_version_is_not_changed(filled, open_cache):
    """
    A file of a newer version raises OSError and is not changed.
    """
    execute(filled, "PRAGMA user_version = 3")
    cache = open_cache()

    with pytest.raises(OSError, match="not a cache of this version"):
        cache.get("key 1")

    execute(filled, "PRAGMA user_version = 2")
    assert cache.get("key 1") == ENTRIES["key 1"]


def test_version_is_in_the_file(filled):
    """
    Application id and version are in the header of the file.
    """
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"Budc"),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("UPDATE counts SET hits = NULL", lambda cache: cache.counts()),
        ("UPDATE entries SET used = NULL", lambda cache: list(cache.items())),
    ],
)
def test_row_without_a_value_is_damage(filled, open_cache, corrupt, statement, use):
    """
    Columns that lost their value are detected, although SQLite returns them; entries can still be read.
    """
    execute(
        filled,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'NOT NULL', '') WHERE type = 'table'",
        "PRAGMA writable_schema = RESET",
        statement,
    )

    cache = open_cache()
    with pytest.raises(OSError, match="Remove the file"):
        use(cache)

    assert cache.get("key 7") == ENTRIES["key 7"]
    assert not corrupt.exists()


@pytest.mark.parametrize("use", [lambda cache: cache.counts(), lambda cache: list(cache.items())])
def test_who_looks_into_a_damaged_file_learns_of_it(open_cache, path, corrupt, use):
    """
    The file stays in its place, and the error says what to do; the cache of a client replaces it.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database at all")
    cache = open_cache()
    with pytest.raises(OSError, match="Remove the file") as caught:
        use(cache)

    assert caught.value.filename == str(path)
    assert not corrupt.exists()
    assert cache.get("key") is None
    assert corrupt.exists()
