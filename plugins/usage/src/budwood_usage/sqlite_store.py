"""Records of calls in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Final

from budwood.contracts import EmitLog
from budwood.errors import ConfigurationError
from budwood.providing.sqlite import DamagedError, SharedFile, enable_wal
from budwood.types import CallFilter, CallRecord, UsageTotals
from budwood_usage.queries import SELECT_DROPPED, SQLITE, select_calls, select_totals
from budwood_usage.retention import SWEEP, Retention
from budwood_usage.rows import CALLS, COLUMNS, DROPPED, read_row, read_totals
from budwood_usage.writer import WRITE_SECONDS

VERSION: Final = 1
"""The version of the tables, stored in ``user_version``."""

_APPLICATION_ID: Final = 0x42756475  # "Budu"

_TABLES: Final = (
    f"""
    CREATE TABLE {CALLS} (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time REAL NOT NULL,
        call TEXT NOT NULL,
        service TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        endpoint TEXT,
        label TEXT,
        tags TEXT,
        key TEXT,
        input_tokens INTEGER,
        uncached_input_tokens INTEGER,
        cache_read_tokens INTEGER,
        cache_write_tokens INTEGER,
        output_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost INTEGER NOT NULL,
        cost_unknown TEXT,
        saved INTEGER,
        seconds REAL NOT NULL,
        first_token REAL,
        attempts INTEGER NOT NULL,
        cached INTEGER NOT NULL,
        status INTEGER,
        error TEXT,
        failures TEXT
    )
    """,
    f"CREATE INDEX budwood_calls_by_time ON {CALLS} (time)",
    f"CREATE INDEX budwood_errors_by_time ON {CALLS} (time) WHERE error IS NOT NULL",
    f"CREATE INDEX budwood_failures_by_time ON {CALLS} (time) WHERE failures IS NOT NULL",
    f"CREATE TABLE {DROPPED} (calls INTEGER NOT NULL)",
    f"INSERT INTO {DROPPED} VALUES (0)",  # noqa: S608 - constant
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)
_INSERT: Final = f"INSERT INTO {CALLS} ({', '.join(COLUMNS)}) VALUES "  # noqa: S608 - constants
_ROW: Final = f"({', '.join('?' * len(COLUMNS))})"
_ROWS: Final = 999 // len(COLUMNS)
"""Rows of one statement, of which older versions of SQLite accept 999 values."""
_ADD_DROPPED: Final = f"UPDATE {DROPPED} SET calls = calls + ?"  # noqa: S608 - constant
_REMOVE: Final = f"DELETE FROM {CALLS} WHERE id IN (SELECT id FROM {CALLS} WHERE time < ? LIMIT ?)"  # noqa: S608 - constants
_OTHER_PATH: Final = "Set `path` in [observer.usage] to a file of its own."
_NEWER: Final = "Update budwood-usage, or set `path` in [observer.usage] to another file."


class SQLiteStore:
    """
    Records in an SQLite file that processes of this machine share.

    Args:
        path: The file.
        log: Receives an event when a damaged file is replaced.
        retention: Tells when records are removed.
    """

    is_remote: Final = False

    def __init__(self, path: Path, log: EmitLog, retention: Retention) -> None:
        self.path = path
        self._file = SharedFile(path, self._prepare, "usage store", log)
        self._retention = retention
        self._seconds = WRITE_SECONDS

    def write(self, rows: Sequence[tuple[Any, ...]], dropped: int, seconds: float) -> None:
        """
        Write rows in one transaction, and remove old ones.

        Raises:
            OSError: The file cannot be written.
            ConfigurationError: It is of a newer version, or another database.
        """
        before = self._retention.due()
        self._seconds = seconds

        def run(connection: sqlite3.Connection) -> int:
            self._limit_waiting(connection)
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                _insert(connection, rows)
                if dropped:
                    connection.execute(_ADD_DROPPED, (dropped,))
                return 0 if before is None else connection.execute(_REMOVE, (before, SWEEP)).rowcount

        removed = self._file.use(run)
        if before is not None:
            self._retention.removed(removed)

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """Return the sums over groups of calls; see `budwood.contracts.UsageStore`."""
        statement, arguments = select_totals(by, where, SQLITE)
        return read_totals(self._read(statement, arguments), len(by))

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """Return records; see `budwood.contracts.UsageStore`."""
        statement, arguments = select_calls(where, after, limit, SQLITE)
        return [read_row(row[0], row[1:]) for row in self._read(statement, arguments)]

    def dropped(self) -> int:
        """Return how many calls were not recorded."""
        return sum(row[0] for row in self._read(SELECT_DROPPED, ()))

    def close(self) -> None:
        """Close the file. The next use opens it again."""
        self._file.close()

    def _read(self, statement: str, arguments: Sequence[Any]) -> list[Any]:
        if not self.path.exists():
            return []

        def run(connection: sqlite3.Connection) -> list[Any]:
            with closing(connection.execute(statement, arguments)) as cursor:
                return cursor.fetchall()

        try:
            return self._file.read(run)
        except DamagedError as error:  # what is left of the records stays until a call is recorded
            message = f"{error.strerror} The next recorded call renames it to {self.path.name}.corrupt."
            raise DamagedError(error.errno, message, error.filename) from error

    def _limit_waiting(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout = {int(self._seconds * 1000)}")

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._limit_waiting(connection)
        if not self._has_tables(connection):
            enable_wal(connection)
            with connection:
                connection.execute("BEGIN EXCLUSIVE")
                if not self._has_tables(connection):  # another process may have created them
                    for statement in _TABLES:
                        connection.execute(statement)
        connection.execute("PRAGMA synchronous = NORMAL")

    def _has_tables(self, connection: sqlite3.Connection) -> bool:
        """
        Tell whether the file has the tables of this version.

        Raises:
            ConfigurationError: It has those of a newer one, or is another database.
        """
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not tables:  # read first: another process may be creating them
            return False
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION_ID:
            raise ConfigurationError(f"{self.path} is another SQLite database.", hint=_OTHER_PATH)
        if version > VERSION:
            raise ConfigurationError(f"{self.path} is of a newer version of budwood-usage.", hint=_NEWER)
        return True


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows, many with each statement: each one lets other threads run, and then waits for its turn."""
    for start in range(0, len(rows), _ROWS):
        some = rows[start : start + _ROWS]
        connection.execute(_INSERT + ", ".join([_ROW] * len(some)), tuple(chain.from_iterable(some)))
