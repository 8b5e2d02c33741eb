"""The SQLite file of lasting quotas, and the connection of this process."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from budwood.contracts import EmitLog

T = TypeVar("T")

BUSY_SECONDS: Final = 5.0
"""Seconds that a transaction waits for another process."""

_WAL_ATTEMPTS: Final = 50

_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS counts (
        key BLOB NOT NULL,
        resets_at REAL NOT NULL,
        used REAL NOT NULL,
        PRIMARY KEY (key, resets_at)
    ) WITHOUT ROWID
"""

_DAMAGE: Final = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}
)
"""The statements never change: if they do not fit the tables, the tables are damaged."""


class Database:
    """
    Opens the file on first use, and replaces a damaged file by a new one. Thread-safe.

    The connection is closed before a fork: a child with a connection of its parent is not protected by its own locks.

    Args:
        path: The path of the file.
        log: Receives an event when a damaged file is replaced.
    """

    def __init__(self, path: Path, log: EmitLog) -> None:
        self._path = path
        self._log = log
        self._lock = threading.RLock()  # reentrant, since a fork during `use` acquires it again
        self._connection: sqlite3.Connection | None = None
        self._close: Callable[[], object] | None = None
        self._file: tuple[int, int] | None = None
        _databases.add(self)

    def use(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Run a function in a transaction, which excludes the transactions of other threads and processes.

        Raises:
            OSError: The file cannot be used.
        """
        with self._lock:
            try:
                return self._try(work)
            except _DamagedError as damage:
                self._replace_file(damage)
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
            connection = self._connected()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return work(connection)
        except sqlite3.Error as error:
            self._disconnect()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            kind = _DamagedError if code in _DAMAGE else OSError
            raise kind(errno.EIO, f"Cannot count in the file: {error}", str(self._path)) from error

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _identity(self._path):
            self._disconnect()  # the file was moved or removed
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> sqlite3.Connection:
        _create(self._path)
        self._file = _identity(self._path)
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may lose the last counts
            _enable_wal(connection)
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        self._close = weakref.finalize(self, connection.close)  # Python warns of connections that are not closed
        return connection

    def _disconnect(self) -> None:
        close, self._connection, self._close = self._close, None, None
        if close is not None:
            with contextlib.suppress(sqlite3.Error):  # what was not written back is in the write-ahead log
                close()

    def _replace_file(self, damage: OSError) -> None:
        """Rename the damaged file to ``….corrupt``, unless another process has done so."""
        if self._file is None or self._file != _identity(self._path):
            return
        moved_to = self._path.with_name(f"{self._path.name}.corrupt")
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._path.replace(moved_to)
        self._log(
            "limits file damaged",
            level="warning",
            path=str(self._path),
            moved_to=str(moved_to),
            reason=damage.strerror,
        )


class _DamagedError(OSError):
    """The file is not a database, or its content is damaged."""


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


_creating = threading.Lock()


def _create(path: Path) -> None:
    """
    Create the file, unless it exists, with access for its owner only. SQLite gives its other files the same mode.

    Only one thread at a time, because closing a file releases all locks of this process on it (POSIX `fcntl`).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _creating, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _enable_wal(connection: sqlite3.Connection) -> None:
    """
    Enable WAL mode, which makes commits fast.

    If several processes do this at once with a new file, SQLite reports a lock to all but one, without waiting.
    """
    for _ in range(_WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # this waits for the lock
    connection.execute("PRAGMA journal_mode = WAL")


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_paused: list[Database] = []


def _before_fork() -> None:
    for database in tuple(_databases):
        database.pause()
        _paused.append(database)


def _after_fork() -> None:
    while _paused:
        _paused.pop().resume()


if hasattr(os, "register_at_fork"):  # Windows cannot fork
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
