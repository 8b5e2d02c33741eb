"""Faults of SQLite, told as the errors of the operating system that callers expect of a file."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        # Our statements are always the same: where these do not fit the tables, the tables are not those that we made.
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
    }
)
_NUMBERS: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_BUSY: errno.ETIMEDOUT,
    sqlite3.SQLITE_LOCKED: errno.ETIMEDOUT,
    sqlite3.SQLITE_TOOBIG: errno.EFBIG,
}
_CURES: Final = {
    errno.ENOSPC: "Free space on its disk, or set another path.",
    errno.EACCES: "Give this user the right to write it and its folder, or set another path.",
    errno.ETIMEDOUT: "Another process is writing it for too long.",
    errno.EIO: "Check its disk, or set another path.",
}


class DamagedError(OSError):
    """The file is no database, or not what was written."""


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 where Python itself raised."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def as_os_error(error: sqlite3.Error, path: Path) -> OSError:
    """Tell a fault of SQLite as an `OSError` that says what to do."""
    code = code_of(error)
    kind = DamagedError if code in _DAMAGE else OSError
    number = _NUMBERS.get(code, errno.EIO)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return kind(number, f"The cache cannot be used: {error} ({name}). {_CURES.get(number, '')}".rstrip(), str(path))
