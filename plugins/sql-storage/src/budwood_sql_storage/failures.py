"""Exceptions of SQLAlchemy and its drivers as errors of Budwood and the system."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from budwood.errors import ConfigurationError, CredentialError
from budwood.providing.sqlite.errors import error_code, to_os_error
from budwood_sql_storage.address import Address

_TRANSIENT: Final[Mapping[str, str]] = {
    "08": "Check that the server can be reached.",
    "40": "Another transaction is in the way.",
    "53": "Free disk space, memory or connections of the server.",
    "55": "Another transaction has locked the table.",
    "57": "Check that the server is running.",
    "58": "Check the log of the server.",
}
"""What to do about classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_PERMANENT: Final[Mapping[str, str]] = {
    "25006": "It is a standby or read-only: name the primary server in the URL.",
    "28": "Check the user and the password.",
    "3D": "Create the database, or correct its name in the URL.",
    "3F": "Create the schema, or set another one.",
    "42501": "Grant the user CREATE and USAGE on the schema, or set another `schema`.",
}
_CHANGED: Final = frozenset({"42P01", "42703", "42P10", "42804"})
"""There is no such table or column, or it has another type."""


def to_error(error: SQLAlchemyError, address: Address, *, has_connected: bool = False) -> Exception:
    """
    Return the error for an exception; its text contains neither secrets nor values of rows.

    Args:
        error: The exception.
        address: The database.
        has_connected: Whether a connection has succeeded before, so that user and password are right.
    """
    driver = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(driver, sqlite3.Error):
        return _from_sqlite(driver, address)
    text = _describe(driver or error, address)
    state = getattr(driver, "sqlstate", None)
    if state is None:
        return _from_connection(None if has_connected else driver, text)
    if state in _CHANGED:
        return _table_changed(text)
    for classes, kind in ((_PERMANENT, ConfigurationError), (_TRANSIENT, OSError)):
        hint = classes.get(state) or classes.get(state[:2])
        if hint and kind is OSError:
            return OSError(errno.EIO, f"{text}. {hint}")
        if hint:
            return ConfigurationError(f"{text}.", hint=hint)
    return OSError(errno.EIO, f"{text} (SQLSTATE {state})")


def _from_sqlite(error: sqlite3.Error, address: Address) -> Exception:
    path = address.path
    if path is None or error_code(error) == sqlite3.SQLITE_ERROR:
        return _table_changed(_describe(error, address))
    if error_code(error) == sqlite3.SQLITE_CANTOPEN:
        return OSError(errno.ENOENT, "Cannot open the database. Create its folder, and make it writable", str(path))
    if error_code(error) == sqlite3.SQLITE_NOTADB:
        return ConfigurationError(f"{path.name} is not a database of SQLite.", hint="Choose another name.")
    return to_os_error(error, path, "database")


def _from_connection(driver: BaseException | None, text: str) -> Exception:
    """Return the error for a failure without a SQLSTATE: libpq does not report it for a connection that fails."""
    connection = getattr(driver, "pgconn", None)
    if getattr(connection, "needs_password", False):
        return CredentialError(f"{text}.", hint="Set BUDWOOD_STORAGES__SQL__PASSWORD or PGPASSWORD, or use ~/.pgpass.")
    if getattr(connection, "used_password", False):
        return ConfigurationError(f"{text}.", hint="Check the user, the password and the name of the database.")
    return OSError(errno.EIO, f"{text}. Check the address, and that the server is running")


def _table_changed(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"{text}.",
        hint="The table was changed or removed. Resume the run: it creates a missing table again, with all rows.",
    )


def _describe(error: BaseException, address: Address) -> str:
    """Return the first line of a message. The others are details, which quote values of rows."""
    lines = str(error).strip().splitlines()
    return address.redact(f"{address.label}: {lines[0] if lines else type(error).__name__}").rstrip(".")
