"""A database file, and the connection of this process."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from budwood.contracts import EmitLog
from budwood.providing.sqlite.errors import DamagedError, error_code, to_os_error
from budwood.providing.sqlite.files import BUSY_SECONDS, FileIdentity, create, file_identity, move_damaged_file
from budwood.providing.sqlite.forking import pause_during_forks

T = TypeVar("T")

_RECOVERABLE: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})
"""Errors after which a connection can still be used."""

_inherited: list[sqlite3.Connection] = []
"""Connections of the parent process. Closing them here would release the locks of that process."""


class SharedFile:
    """
    Opens the file on first use, and replaces a damaged file by a new one. Thread-safe.

    Args:
        path: The path of the file.
        prepare: Creates the tables of a new file, and sets the options of a connection.
        purpose: The name of the file in errors and in the log: ``"cache"``.
        log: Receives an event when a damaged file is replaced.
    """

    def __init__(self, path: Path, prepare: Callable[[sqlite3.Connection], None], purpose: str, log: EmitLog) -> None:
        self.path = path
        self._prepare = prepare
        self._purpose = purpose
        self._log = log
        self._lock = threading.RLock()  # reentrant, since a fork during `use` acquires it again
        self._connection: sqlite3.Connection | None = None
        self._finalizer: weakref.finalize[..., SharedFile] | None = None
        self._process = 0
        self._file: FileIdentity | None = None
        pause_during_forks(self)

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function with the connection; only one thread of this process at a time.

        Raises:
            OSError: The file cannot be used.
        """
        with self._lock:
            try:
                return self._try(work)
            except DamagedError as damage:
                self._replace_file(damage)
            return self._try(work)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function that only reads, as `use` does, but leave a damaged file where it is.

        Raises:
            DamagedError: The file is damaged. The next `use` replaces it.
            OSError: The file cannot be used.
        """
        with self._lock:
            return self._try(work)

    def close(self) -> None:
        """Close the connection. The next use opens it again."""
        with self._lock:
            self._disconnect()

    def pause(self) -> None:
        """Close the connection and prevent a new one, until the same thread calls `resume`."""
        self._lock.acquire()
        self._disconnect()

    def resume(self) -> None:
        """Allow connections again."""
        self._lock.release()

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._connected())
        except sqlite3.Error as error:
            if error_code(error) not in _RECOVERABLE:
                self._disconnect()
            raise to_os_error(error, self.path, self._purpose) from error
        except UnicodeDecodeError as error:  # from SQLite's error message, which quotes the damaged file
            self._disconnect()
            raise DamagedError(errno.EIO, f"The tables of the {self._purpose} are damaged", str(self.path)) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and (self._process != os.getpid() or self._is_moved()):
            self._disconnect()
        if self._connection is None:
            self._connection = self._open()
            self._process = os.getpid()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        create(self.path)
        self._file = file_identity(self.path)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._finalizer = weakref.finalize(self, connection.close)  # Python warns of connections that are not closed
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._finalizer is not None:
            self._finalizer.detach()
        if self._process != os.getpid():
            _inherited.append(connection)
            return
        with suppress(sqlite3.Error):  # data that was not written back is in the write-ahead log, or lost
            connection.close()

    def _is_moved(self) -> bool:
        """Return whether the path now refers to another file, or to none."""
        return self._file != file_identity(self.path)

    def _replace_file(self, damage: DamagedError) -> None:
        self._disconnect()
        moved_to = move_damaged_file(self.path, self._file)
        if moved_to is not None:
            self._log(
                f"{self._purpose} file damaged",
                level="warning",
                path=str(self.path),
                moved_to=str(moved_to),
                reason=damage.strerror,
            )
