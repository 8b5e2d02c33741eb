"""Exceptions of SQLAlchemy and of the drivers as errors of the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from budwood.errors import BudwoodError
from budwood_server.database.address import Address


class DatabaseError(BudwoodError):
    """The database cannot be used."""

    error_code = "database"


_HINTS: Final[Mapping[str, str]] = {
    "08": "Check that the server can be reached.",
    "25006": "It is a standby or read-only: name the primary server in the URL.",
    "28": "Check the user and the password.",
    "3D": "Create the database, or correct its name in the URL.",
    "42501": "Grant the user CREATE on the schema, and INSERT, SELECT, UPDATE and DELETE on its tables.",
    "42P01": "Run `budwood server db upgrade`.",
    "53": "Free disk space, memory or connections of the server.",
    "55": "Another transaction has locked the tables.",
    "57": "Check that the server is running and not overloaded.",
}
"""What to do about classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_SQLITE_HINTS: Final[Mapping[str, str]] = {
    "no such table": "Run `budwood server db upgrade`.",
    "database is locked": "Another program has locked the file: close it, or wait until it has finished.",
    "disk is full": "Free disk space.",
    "not a database": "The file is something else, or damaged: name another file, or restore a backup.",
    "malformed": "The file is damaged: restore a backup.",
    "readonly": "Make the file and its folder writable.",
    "unable to open": "Check that the file and its folder exist and are writable.",
}
_CONNECTION: Final = "Check the address, user, password and name of the database, and that the server is running."


def is_database_failure(error: BaseException) -> bool:
    """Tell whether an exception comes from the database: from SQLAlchemy, or from a driver while it connects."""
    module = type(error).__module__.partition(".")[0]
    return isinstance(error, SQLAlchemyError | OSError) or module in ("asyncpg", "sqlite3")


def to_database_error(error: BaseException, address: Address) -> DatabaseError:
    """Return the error for an exception. Its text contains neither secrets nor values of rows."""
    driver = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(driver).strip().splitlines()  # further lines are details, which quote values of rows
    text = address.redact(lines[0] if lines else type(error).__name__).rstrip(".")
    if text.startswith("<class "):  # SQLAlchemy puts the class before the message of asyncpg
        text = text.partition(">: ")[2]
    return DatabaseError(f"Cannot use the database {address.label}: {text}.", hint=_find_hint(driver, text, address))


def _find_hint(driver: BaseException, text: str, address: Address) -> str:
    if not address.is_postgresql:
        default = "Check the file and its folder."
        return next((hint for part, hint in _SQLITE_HINTS.items() if part in text), default)
    state = str(getattr(driver, "sqlstate", None) or "")
    if not state:
        return _CONNECTION
    return _HINTS.get(state) or _HINTS.get(state[:2]) or f"The SQLSTATE is {state}."
