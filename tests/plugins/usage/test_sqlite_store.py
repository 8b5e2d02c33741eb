from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from budwood.errors import ConfigurationError
from budwood.types import CallFilter, RequestFinished
from budwood_usage.queries import SQLITE, select_calls
from budwood_usage.sqlite_store import VERSION

EVERYTHING = CallFilter()


def finished(call="1", **fields):
    """
    Return the event at the end of a call.
    """
    event = {"service": "chat", "provider": "acme", "model": "large", "seconds": 1.0, "attempts": (), "response": None}
    return RequestFinished(call=call, prompt="", error=None, **event | fields)


def record(observer, *calls):
    """
    Record calls, and write them.
    """
    for call in calls:
        observer.observe(finished(call))
    observer.flush()


def calls_of(observer):
    """
    Return the ids of the calls in the store, the newest first.
    """
    return [each.call for each in observer.calls(EVERYTHING)]


def execute(path, *statements):
    """
    Change the file without the store, and return the rows of the last statement.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def test_reading_creates_no_file(observer, path):
    """
    A store that was never written is empty, and reading it leaves no trace.
    """
    assert observer.totals((), EVERYTHING) == []
    assert observer.calls(EVERYTHING) == []
    assert observer.dropped() == 0
    assert not path.parent.exists()


def test_files_are_private(observer, path):
    """
    Only the user can read the folder and the files, with the write-ahead log.
    """
    record(observer, "1")

    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        path.name: 0o600,
        f"{path.name}-wal": 0o600,
        f"{path.name}-shm": 0o600,
    }


def test_path_of_the_settings_is_used(open_observer, tmp_path, monkeypatch):
    """
    A path may begin with ~, and a relative one is relative to the folder at the start.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    observer = open_observer(path="~/a/b.sqlite3")
    record(observer, "1")

    assert (tmp_path / "a" / "b.sqlite3").is_file()


@pytest.mark.parametrize(
    ("name", "message"),
    [("~no-such-user/usage.sqlite3", "home directory of ~no-such-user is not known"), ("a\0b", "null character")],
)
def test_path_that_no_file_can_have_is_an_error(open_observer, name, message):
    """
    The error names the setting.
    """
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_observer(path=name)

    assert "[observer.usage] path" in str(caught.value)


def test_newer_store_is_left_alone(open_observer, path, logged):
    """
    Usage is off with one warning, the file stays as it is, and reading it is an error with the cure.
    """
    first = open_observer()
    record(first, "1")
    first.close()
    execute(path, f"PRAGMA user_version = {VERSION + 1}", "ALTER TABLE budwood_calls ADD COLUMN colour TEXT")
    content = path.read_bytes()
    observer = open_observer()

    record(observer, "2")
    record(open_observer(), "3")

    [(event, fields)] = logged
    assert event == "usage is not recorded"
    assert "newer version" in fields["reason"]
    assert path.read_bytes() == content
    with pytest.raises(ConfigurationError, match="newer version of budwood-usage") as caught:
        observer.calls(EVERYTHING)
    assert "Update budwood-usage" in caught.value.hint


def test_other_database_is_left_alone(open_observer, path, logged):
    """
    A database of another program is neither used nor moved.
    """
    path.parent.mkdir()
    execute(path, "CREATE TABLE budwood_calls (id)", "INSERT INTO budwood_calls VALUES (1)")
    content = path.read_bytes()

    record(open_observer(), "1")

    assert "another SQLite database" in logged[0][1]["reason"]
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"no database at all", b"x" * 100_000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_damaged_file_is_set_aside(observer, path, logged, content):
    """
    It is renamed and logged, and the records go to a new one.
    """
    path.parent.mkdir()
    path.write_bytes(content)

    record(observer, "1")

    assert calls_of(observer) == ["1"]
    assert path.with_name(f"{path.name}.corrupt").read_bytes() == content
    [(event, fields)] = logged
    assert (event, fields["level"]) == ("usage store file damaged", "warning")


def test_reading_leaves_a_damaged_file(observer, path, logged):
    """
    The error says what happens to it: only a call that is recorded renames it.
    """
    path.parent.mkdir()
    path.write_bytes(b"no database at all")

    with pytest.raises(OSError, match=r"not a database .* next recorded call renames it to usage\.sqlite3\.corrupt"):
        calls_of(observer)

    assert (path.read_bytes(), logged) == (b"no database at all", [])


def test_path_that_is_no_file_is_an_error_with_the_cure(observer, path):
    """
    It asks for a file with access for this user, since the disk is fine.
    """
    path.mkdir(parents=True)

    with pytest.raises(OSError, match="file that this user may read and write"):
        calls_of(observer)


def test_full_disk_keeps_the_records(observer, logged):
    """
    Records wait until there is space again; none is lost, and none is twice in the store.
    """
    record(observer, "1")
    observer._store._file.use(lambda connection: connection.execute("PRAGMA max_page_count = 8").fetchall())
    names = [f"{number:0199}" for number in range(400)]
    record(observer, *names)
    assert calls_of(observer) == ["1"]
    observer._store._file.use(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchall())
    observer.flush()

    assert sorted(calls_of(observer)[:100]) == sorted(each.call for each in observer.calls(EVERYTHING, limit=100))
    assert observer.totals((), EVERYTHING)[0].calls == 401
    assert [event for event, _ in logged] == ["usage store failed", "usage store works again"]
    assert "Free disk space" in logged[0][1]["reason"]


def test_folder_that_cannot_be_created_is_logged(observer, path, logged):
    """
    A file in place of the folder breaks no call, and the records are written when it is gone.
    """
    path.parent.write_text("no folder")
    record(observer, "1")
    path.parent.unlink()
    record(observer, "2")

    assert sorted(calls_of(observer)) == ["1", "2"]
    assert [event for event, _ in logged] == ["usage store failed", "usage store works again"]


def test_removed_file_is_created_again(observer, path):
    """
    A user who removes the file while a program runs loses its records alone.
    """
    record(observer, "1")
    for file in path.parent.iterdir():
        file.unlink()
    record(observer, "2")

    assert calls_of(observer) == ["2"]


@pytest.mark.parametrize(
    ("where", "index"),
    [({"error": "*"}, "errors"), ({"error": "ValueError"}, "errors"), ({"has_failures": True}, "failures")],
)
def test_errors_are_found_by_an_index(observer, path, where, index):
    """
    Commands that look for errors need not read all calls.
    """
    record(observer, "1")
    statement, arguments = select_calls(CallFilter(**where), None, 10, SQLITE)
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", arguments).fetchall()

    assert [step[-1] for step in plan] == [f"SCAN budwood_calls USING INDEX budwood_{index}_by_time"]


def test_dropped_calls_are_counted_in_the_store(observer, open_observer, monkeypatch):
    """
    Their number is stored with the next records, for all who read the store.
    """
    monkeypatch.setattr("budwood_usage.writer.MAX_WAITING", 2)
    for number in range(5):
        observer.observe(finished(str(number)))
    assert observer.dropped() == 3
    observer.flush()

    assert observer.dropped() == open_observer().dropped() == 3


def test_old_records_are_removed_in_portions(open_observer, clock, monkeypatch):
    """
    A write removes a bounded number, and the next ones remove the rest.
    """
    monkeypatch.setattr("budwood_usage.retention.SWEEP", 3)
    monkeypatch.setattr("budwood_usage.sqlite_store.SWEEP", 3)
    observer = open_observer(retention_days=1)
    record(observer, *map(str, range(8)))
    clock.advance(2 * 86_400)

    counts = []
    for number in range(4):
        record(observer, f"new {number}")
        counts.append(len(calls_of(observer)))

    assert counts == [6, 4, 3, 4]


def test_write_waits_only_as_long_as_it_may(observer):
    """
    The time that a write may take limits how long it waits for the lock of another process.
    """
    observer._store.write((), 0, 0.25)

    assert observer._store._file.use(lambda connection: connection.execute("PRAGMA busy_timeout").fetchone()) == (250,)
