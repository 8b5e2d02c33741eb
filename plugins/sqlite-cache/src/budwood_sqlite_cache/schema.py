"""The tables, and how a file is known to be ours."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

VERSION: Final = 1
"""Kept in ``user_version``. Changes whenever an older program could not read the file."""

_WAL_ATTEMPTS: Final = 50

_MARK: Final = 0x42756463  # "Budc", kept in `application_id`

_TABLES: Final = (
    """
    CREATE TABLE IF NOT EXISTS entries (
        namespace TEXT NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        expires REAL,
        PRIMARY KEY (namespace, key)
    )
    """,
    "CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires) WHERE expires IS NOT NULL",
    f"PRAGMA application_id = {_MARK}",
    f"PRAGMA user_version = {VERSION}",
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """
    Make the tables, if the file is empty.

    Raises:
        OSError: The file is a database of something else, or of another version.
    """
    _drop_stale_log(connection)
    mark, version, tables = _contents(connection)
    if tables and (mark, version) != (_MARK, VERSION):
        raise OSError(
            errno.EEXIST,
            "The file is an SQLite database, but no cache of this version. Remove it, or set another path",
            str(path),
        )
    _enter_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")  # in WAL mode a power cut may lose entries, never the file
    if not tables:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                connection.execute(statement)


def _drop_stale_log(connection: sqlite3.Connection) -> None:
    """
    Let SQLite look at the file, at which it removes an old write-ahead log beside an empty one.

    Where another process removed it at the same moment, that is told as a fault of the disk.
    """
    try:
        _number(connection, "PRAGMA user_version")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_IOERR_DELETE_NOENT:
            raise


def _enter_wal(connection: sqlite3.Connection) -> None:
    """
    Let readers and a writer work side by side.

    Where several processes do this at once to a new file, SQLite tells all but one that it is locked, without waiting.
    """
    for _ in range(_WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # this does wait for its turn
    connection.execute("PRAGMA journal_mode = WAL")


def _contents(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return the mark, the version and the number of tables, all of one moment: another process may be making them."""
    with connection:
        connection.execute("BEGIN")
        tables = _number(connection, "SELECT count(*) FROM sqlite_master")
        return _number(connection, "PRAGMA application_id"), _number(connection, "PRAGMA user_version"), tables


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
