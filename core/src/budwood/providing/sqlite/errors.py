"""Convert errors of SQLite to OSError."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Final

_DAMAGE: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        # The statements never change: if they do not fit the tables, the tables are damaged.
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
    }
)
_ERRNO: Final = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_BUSY: errno.ETIMEDOUT,
    sqlite3.SQLITE_LOCKED: errno.ETIMEDOUT,
    sqlite3.SQLITE_TOOBIG: errno.EFBIG,
}
_HINTS: Final = {
    errno.ENOSPC: "Free disk space, or set another path.",
    errno.EACCES: "Make the file and its folder writable, or set another path.",
    errno.ETIMEDOUT: "Another process has locked it for too long.",
    errno.EIO: "Check the disk, or set another path.",
}
_CANNOT_OPEN: Final = "Check that it is a file that this user may read and write, or set another path."


class DamagedError(OSError):
    """The file is not a database, or its content is damaged."""


def error_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, or 0 if Python raised the error."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def to_os_error(error: sqlite3.Error, path: Path, purpose: str) -> OSError:
    """Convert an error of SQLite to an `OSError` with a hint; ``purpose`` is the name of the file in its text."""
    code = error_code(error)
    kind = DamagedError if code in _DAMAGE else OSError
    number = _ERRNO.get(code, errno.EIO)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    hint = _CANNOT_OPEN if code == sqlite3.SQLITE_CANTOPEN else _HINTS.get(number, "")
    return kind(number, f"Cannot use the {purpose}: {error} ({name}). {hint}".rstrip(), str(path))
