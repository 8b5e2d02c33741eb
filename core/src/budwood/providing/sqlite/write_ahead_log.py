"""The write-ahead log of SQLite."""

from __future__ import annotations

import sqlite3
from typing import Final

_ATTEMPTS: Final = 50


def enable_wal(connection: sqlite3.Connection) -> None:
    """
    Enable WAL mode, so that readers do not block a writer.

    If several processes do this at once with a new file, SQLite reports a lock to all but one, without waiting.
    """
    for _ in range(_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # this waits for the lock
    connection.execute("PRAGMA journal_mode = WAL")
