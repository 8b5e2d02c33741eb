"""The tables, and the identification of cache files."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

from budwood.providing.sqlite import enable_wal

VERSION: Final = 2
"""The version of the format, stored in ``user_version``. Incompatible formats have different versions."""

_APPLICATION_ID: Final = 0x42756463  # "Budc"

_TABLES: Final = (
    """
    CREATE TABLE IF NOT EXISTS entries (
        key BLOB NOT NULL PRIMARY KEY, -- keys and namespaces are UTF-8, which orders them as their code points do
        value BLOB NOT NULL,
        checksum INTEGER NOT NULL,
        expires REAL,
        used REAL NOT NULL -- when it was stored or last read, accurate to an hour
    )
    """,
    "CREATE INDEX IF NOT EXISTS entries_by_end ON entries (expires) WHERE expires IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS entries_by_use ON entries (used)",
    """
    CREATE TABLE IF NOT EXISTS counts (
        namespace BLOB NOT NULL PRIMARY KEY,
        hits INTEGER NOT NULL,
        misses INTEGER NOT NULL,
        saved INTEGER NOT NULL -- in 10⁻¹² dollars
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS leases (
        key BLOB NOT NULL PRIMARY KEY,
        owner BLOB, -- NULL after a release without a value
        expires REAL NOT NULL
    )
    """,
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """
    Create the tables if the file is empty.

    Raises:
        OSError: The file is another kind of database, or of another version.
    """
    _drop_stale_log(connection)
    application_id, version, tables = _read_header(connection)
    if tables and (application_id, version) != (_APPLICATION_ID, VERSION):
        raise OSError(
            errno.EEXIST,
            "The file is an SQLite database, but not a cache of this version. Remove it, or set another path",
            str(path),
        )
    if not tables:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first write: it cannot be changed later
    enable_wal(connection)
    connection.execute(
        "PRAGMA synchronous = NORMAL"
    )  # in WAL mode a power failure may lose entries, but not corrupt the file
    if not tables:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                connection.execute(statement)


def _drop_stale_log(connection: sqlite3.Connection) -> None:
    """
    Let SQLite read the file, so that it removes an old write-ahead log of an empty file.

    If another process removes it at the same time, SQLite reports a disk error, which is ignored.
    """
    try:
        _read_number(connection, "PRAGMA user_version")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_IOERR_DELETE_NOENT:
            raise


def _read_header(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Return application id, version and number of tables in one transaction: another process may be creating them."""
    with connection:
        connection.execute("BEGIN")
        tables = _read_number(connection, "SELECT count(*) FROM sqlite_master")
        return (
            _read_number(connection, "PRAGMA application_id"),
            _read_number(connection, "PRAGMA user_version"),
            tables,
        )


def _read_number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
