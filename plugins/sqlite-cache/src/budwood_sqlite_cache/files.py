"""The file as the operating system sees it: made for its owner alone, and set aside where it is damaged."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from budwood_sqlite_cache.faults import as_os_error

BUSY_SECONDS: Final = 5.0
"""How long a statement waits for another process to finish writing."""

FileIdentity = tuple[int, int]
"""Device and inode: tells whether a path still means the same file."""

_creating = threading.Lock()


def identity(path: Path) -> FileIdentity | None:
    """Tell which file the path means now; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def create(path: Path) -> None:
    """
    Create the file, unless it is there, so that only its owner can read it. SQLite makes the files beside it alike.

    One thread at a time: closing a file releases all locks that this process has on it (`fcntl` of POSIX).
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def set_aside(path: Path, damaged: FileIdentity | None) -> Path | None:
    """
    Rename the damaged file to ``….corrupt``, where it replaces an older one.

    Returns:
        Its new path, or None where another process was faster.

    Raises:
        OSError: It cannot be renamed.
    """
    kept = _beside(path, ".corrupt")
    lock = _beside(path, ".lock")
    create(lock)
    try:
        with closing(sqlite3.connect(lock, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute(
                "BEGIN EXCLUSIVE"
            )  # a lock among processes, on every system, that no crash leaves behind
            if damaged is None or identity(path) != damaged:
                return None
            # The write-ahead log first: SQLite drops an old log beside an empty file, but not beside a filled one.
            with suppress(FileNotFoundError):
                _beside(path, "-wal").replace(_beside(kept, "-wal"))
            _beside(path, "-shm").unlink(missing_ok=True)
            path.replace(kept)
    except sqlite3.Error as error:
        raise as_os_error(error, lock) from error
    return kept


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
