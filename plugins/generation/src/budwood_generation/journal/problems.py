"""Errors of SQLite as errors of journals."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from budwood_generation.errors import DamagedJournalError, JournalError

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


def is_damage(error: BaseException) -> bool:
    """Return whether an error means that the content of the file is damaged."""
    if isinstance(error, sqlite3.Error):
        code: int | None = getattr(error, "sqlite_errorcode", None)
        if code is None:  # raised by Python: for text that is not UTF-8, or for a connection that is closed
            return not isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError)
        return code & 0xFF in _DAMAGE
    return isinstance(error, ArithmeticError | LookupError | TypeError | ValueError)


def suspicion_path(path: Path) -> Path:
    """Return the path of the empty file that says that damage was noticed while the journal was in use."""
    return path.with_name(f"{path.name}-suspected")


@contextmanager
def convert_errors(path: Path) -> Iterator[None]:
    """
    Convert errors of SQLite, and of decoding what it returns, to errors of journals.

    Args:
        path: The file.

    Raises:
        DamagedJournalError: The content is damaged.
        JournalError: The file cannot be used, for example because the disk is full.
    """
    name = path.parent.name
    try:
        yield
    except (sqlite3.Error, OSError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        if is_damage(error):
            with suppress(OSError):
                suspicion_path(path).touch()
            raise DamagedJournalError(
                f"{name}: the journal is damaged: {error}.",
                hint="Resume the run: what can be read is kept, and the rest is generated again.",
            ) from error
        raise JournalError(
            f"{name}: the journal cannot be used: {error}.",
            hint="Free disk space, or make the folder writable.",
        ) from error
