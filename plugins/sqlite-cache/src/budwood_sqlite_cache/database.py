"""The file, and this process's connection to it."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from budwood.contracts import EmitLog
from budwood_sqlite_cache import schema
from budwood_sqlite_cache.faults import DamagedError, as_os_error, code_of
from budwood_sqlite_cache.files import BUSY_SECONDS, FileIdentity, create, identity, set_aside
from budwood_sqlite_cache.forking import pause_for_forks

T = TypeVar("T")

_HARMLESS: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})
"""After these faults a connection is as good as before."""

_inherited: list[sqlite3.Connection] = []
"""Connections of another process. They are kept from being closed here, which would release that process's locks."""


class Database:
    """
    Opens the file when it is first used, and begins a new one where it is damaged. Safe to use from several threads.

    Args:
        path: Where the file is, or will be.
        log: Told when a damaged file is set aside.
    """

    def __init__(self, path: Path, log: EmitLog) -> None:
        self.path = path
        self._log = log
        self._lock = threading.RLock()  # a fork in the middle of a use must not wait for itself
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._file: FileIdentity | None = None
        self._closed = False
        pause_for_forks(self)

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Do something with a connection, alone among the threads of this process.

        Raises:
            OSError: The file cannot be used.
        """
        with self._lock:
            try:
                return self._try(work)
            except DamagedError as damage:
                self._begin_anew(damage)
            return self._try(work)

    def close(self) -> None:
        """Close the connection, for good. Closing twice is no error."""
        with self._lock:
            self._closed = True
            self._disconnect()

    def pause(self) -> None:
        """Close the connection and let nobody open one, until `resume` is called in the same thread."""
        self._lock.acquire()
        self._disconnect()

    def resume(self) -> None:
        """Let connections be opened again."""
        self._lock.release()

    def _try(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._connected())
        except sqlite3.Error as error:
            if code_of(error) not in _HARMLESS:
                self._disconnect()
            raise as_os_error(error, self.path) from error
        except UnicodeDecodeError as error:  # the text of SQLite's own error, which repeats what it found in the file
            self._disconnect()
            raise DamagedError(errno.EIO, "The tables of the cache are not what was made", str(self.path)) from error

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise OSError(errno.EBADF, "The cache is closed", str(self.path))
        if self._connection is not None and (self._process != os.getpid() or self._is_moved()):
            self._disconnect()
        if self._connection is None:
            self._connection = self._open()
            self._process = os.getpid()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        create(self.path)
        self._file = identity(self.path)
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            schema.prepare(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._process != os.getpid():
            _inherited.append(connection)
            return
        with suppress(sqlite3.Error):  # what could not be written back is in the log file, or lost with the disk
            connection.close()

    def _is_moved(self) -> bool:
        """Tell whether the path means another file than the one that was opened, or none."""
        return self._file != identity(self.path)

    def _begin_anew(self, damage: DamagedError) -> None:
        self._disconnect()
        kept = set_aside(self.path, self._file)
        if kept is not None:
            self._log(
                "cache file damaged", level="warning", path=str(self.path), kept=str(kept), reason=damage.strerror
            )
