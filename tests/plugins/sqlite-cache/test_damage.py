from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from budwood_sqlite_cache.files import identity, set_aside

KEPT = {f"key {number}": bytes([number]) * 3000 for number in range(40)}


@pytest.fixture
def filled(open_cache, path):
    """
    Make a file with entries, closed.
    """
    cache = open_cache()
    for key, value in KEPT.items():
        cache.set(key, value, ttl=1000)
    cache.close()
    return path


@pytest.fixture
def corrupt(path):
    """
    Where a damaged file goes.
    """
    return path.with_name(f"{path.name}.corrupt")


def execute(path, *statements):
    """
    Change the file behind the cache's back.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("content", [b"no database at all", b"x" * 100_000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_file_that_is_no_database_is_set_aside(open_cache, path, corrupt, content, logged):
    """
    It is renamed, not removed, a new one is begun in the same call, and the log tells.
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
    assert (fields["level"], fields["path"], fields["kept"]) == ("warning", str(path), str(corrupt))


def test_set_begins_anew_as_well(open_cache, path):
    """
    It need not be a get that finds the damage.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    cache = open_cache()

    cache.set("key", b"value")

    assert cache.get("key") == b"value"


def test_later_damage_replaces_what_was_set_aside(open_cache, path, corrupt):
    """
    One damaged file is kept, the last: a failing disk does not fill up with them.
    """
    path.parent.mkdir()
    for content in (b"first damage", b"second damage"):
        path.write_bytes(content)
        cache = open_cache()
        cache.get("key")
        cache.close()

    assert corrupt.read_bytes() == b"second damage"
    assert not [file for file in path.parent.iterdir() if file.name.count("corrupt") > 1]


def test_file_that_another_began_is_not_set_aside(open_cache, path, corrupt):
    """
    Where another process was faster to set the damaged file aside, the one that it began stays.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database")
    damaged = identity(path)
    path.rename(corrupt)
    open_cache().set("key", b"value")

    assert set_aside(path, damaged) is None

    assert open_cache().get("key") == b"value"
    assert corrupt.read_bytes() == b"no database"


@pytest.mark.parametrize("length", [0, 1, 100, 4096, 5000, 8192, 60_000])
def test_truncated_file_is_no_reason_to_fail(filled, open_cache, length):
    """
    Of a file that was cut off, an entry is there or it is not, and new ones can be kept.
    """
    with filled.open("r+b") as file:
        file.truncate(length)
    cache = open_cache()

    assert all(cache.get(key) in (value, None) for key, value in KEPT.items())
    cache.set("key", b"value")
    assert cache.get("key") == b"value"


def test_file_truncated_under_an_open_cache(open_cache, path):
    """
    The same holds where it is cut off while the program runs.
    """
    cache = open_cache()
    for key, value in KEPT.items():
        cache.set(key, value)
    cache._database.use(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    with path.open("r+b") as file:
        file.truncate(20_000)

    assert all(cache.get(key) in (value, None) for key, value in KEPT.items())
    cache.set("key", b"value")
    assert cache.get("key") == b"value"


@example(place=4015, junk=b"\x80")  # in the text of a table, which SQLite's error repeats
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 200_000), junk=st.binary(min_size=1, max_size=64))
def test_damage_never_shows_as_a_wrong_value(filled, open_cache, place, junk):
    """
    Whatever bytes are overwritten, a value is the one that was set, or none, or the fault is an `OSError`.
    """
    whole = filled.read_bytes()
    place %= len(whole)
    filled.write_bytes(whole[:place] + junk + whole[place + len(junk) :])
    cache = open_cache()
    try:
        for key, value in KEPT.items():
            assert cache.get(key) in (value, None)
        cache.set("key 7", b"new")
        assert cache.get("key 7") == b"new"
    except OSError:
        pass
    finally:
        cache.close()
        for file in filled.parent.iterdir():
            file.unlink()
        filled.write_bytes(whole)


def test_changed_value_is_damage(filled, open_cache, corrupt):
    """
    A byte that changed in a value, which SQLite does not notice, is found by its checksum.
    """
    content = filled.read_bytes()
    place = content.index(b"\x07" * 100) + 50
    filled.write_bytes(content[:place] + b"!" + content[place + 1 :])
    cache = open_cache()

    assert cache.get("key 7") is None
    assert corrupt.exists()


def test_old_log_does_not_come_back_into_a_new_file(open_cache, path, corrupt):
    """
    What was written ahead to a damaged file is not played into the file that takes its place.
    """
    cache = open_cache()
    for key, value in KEPT.items():
        cache.set(key, value)
    cache._database.use(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
    cache.set("old", b"value")
    log = path.with_name(f"{path.name}-wal")
    written_ahead = log.read_bytes()
    cache.close()
    path.write_bytes(path.read_bytes()[:4096] + b"junk" * 40_000)
    log.write_bytes(written_ahead)
    cache = open_cache()

    for key, value in KEPT.items():
        assert cache.get(key) in (value, None)
    cache.set("new", b"value")
    assert corrupt.exists()
    assert cache.get("old") is None
    assert cache.get("new") == b"value"


def test_file_removed_under_an_open_cache_is_made_again(open_cache, path):
    """
    Who removes the file empties the cache; the program that has it open begins a new one.
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
        ["CREATE TABLE accounts (id INTEGER)", "INSERT INTO accounts VALUES (7)", "PRAGMA user_version = 1"],
    ],
)
def test_database_of_something_else_is_left_alone(open_cache, path, statements, logged):
    """
    A path that names another program's database is an error, and that database stays as it is.
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


def test_file_of_another_version_is_left_alone(filled, open_cache):
    """
    A newer program's file is not read as if it were ours, nor taken from it.
    """
    execute(filled, "PRAGMA user_version = 2")
    cache = open_cache()

    with pytest.raises(OSError, match="no cache of this version"):
        cache.get("key 1")

    execute(filled, "PRAGMA user_version = 1")
    assert cache.get("key 1") == KEPT["key 1"]


def test_version_is_in_the_file(filled):
    """
    Another program can tell the file and its version without reading the tables.
    """
    with closing(sqlite3.connect(filled)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA application_id").fetchone() == (int.from_bytes(b"Budc"),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
