"""The database file of the cache."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from budwood.contracts import EmitLog
from budwood.providing.sqlite import DamagedError, SharedFile
from budwood_sqlite_cache import schema

T = TypeVar("T")


class Database:
    """
    Opens the file on first use, and replaces a damaged file by a new one. Thread-safe.

    Args:
        path: The path of the file.
        log: Receives an event when a damaged file is replaced.
    """

    def __init__(self, path: Path, log: EmitLog) -> None:
        self.path = path
        self._file = SharedFile(path, lambda connection: schema.prepare(connection, path), "cache", log)
        self._closed = False

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function with the connection; only one thread of this process at a time.

        Raises:
            OSError: The file cannot be used.
        """
        self._check_open()
        return self._file.use(work)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function that only reads, as `use` does, but leave a damaged file where it is.

        Raises:
            OSError: The file is damaged, or cannot be used.
        """
        self._check_open()
        try:
            return self._file.read(work)
        except DamagedError as error:
            message = f"{(error.strerror or '').rstrip('.')}. Remove the file, or rename it"
            raise DamagedError(error.errno, message, str(self.path)) from error

    def close(self) -> None:
        """Close the connection permanently. It can be called repeatedly."""
        self._closed = True
        self._file.close()

    def _check_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "The cache is closed", str(self.path))
