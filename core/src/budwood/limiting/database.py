"""The SQLite file of lasting quotas."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from budwood.contracts import EmitLog
from budwood.providing.sqlite import SharedFile, enable_wal

T = TypeVar("T")

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS counts (
        key BLOB NOT NULL,
        resets_at REAL NOT NULL,
        used REAL NOT NULL,
        PRIMARY KEY (key, resets_at)
    ) WITHOUT ROWID
"""


class Database:
    """
    Opens the file on first use, and replaces a damaged file by a new one. Thread-safe.

    Args:
        path: The path of the file.
        log: Receives an event when a damaged file is replaced.
    """

    def __init__(self, path: Path, log: EmitLog) -> None:
        self._file = SharedFile(path, _prepare, "limits", log)
        self.close = self._file.close

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function in a transaction, which excludes the transactions of other threads and processes.

        Raises:
            OSError: The file cannot be used.
        """

        def run(connection: sqlite3.Connection) -> T:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return work(connection)

        return self._file.use(run)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may lose the last counts
    enable_wal(connection)
    connection.execute(_TABLE)
