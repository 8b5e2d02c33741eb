"""Exceptions of SQLAlchemy and psycopg as errors of the system."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from budwood_usage.postgresql.address import Address

_HINTS: Final[Mapping[str, str]] = {
    "08": "Check that the server can be reached.",
    "25006": "It is a standby or read-only: name the primary server in the URL.",
    "28": "Check the user and the password.",
    "3D": "Create the database, or correct its name in the URL.",
    "42501": "Grant the user CREATE on the schema, and INSERT, SELECT, UPDATE and DELETE on its tables.",
    "42P01": "Its tables were removed: remove budwood_usage_version, too, and they are created again.",
    "53": "Free disk space, memory or connections of the server.",
    "55": "Another transaction has locked the tables.",
    "57": "Check that the server is running and not overloaded.",
}
"""What to do about classes of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_CONNECTION: Final = "Check the address, user, password and name of the database, and that the server is running."


def to_os_error(error: SQLAlchemyError, address: Address) -> OSError:
    """Return the error for an exception. Its text contains neither secrets nor values of rows."""
    driver = error.orig if isinstance(error, DBAPIError) else None
    lines = str(driver or error).strip().splitlines()  # further lines are details, which quote values of rows
    text = address.redact(lines[0] if lines else type(error).__name__).rstrip(".")
    state = getattr(driver, "sqlstate", None) or ""
    hint = _CONNECTION if not state else _HINTS.get(state) or _HINTS.get(state[:2]) or f"The SQLSTATE is {state}."
    return OSError(errno.EIO, f"Cannot use the usage store {address.label}: {text}. {hint}")
