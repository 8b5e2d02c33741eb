"""The statements about leases. Times are by the clock of the machine, which all processes at the file share."""

from __future__ import annotations

import sqlite3
from typing import Final

from budwood.types import LeaseState

_FIND: Final = "SELECT owner FROM leases WHERE key = ? AND expires > ?"
_TAKE: Final = """
    INSERT INTO leases (key, owner, expires) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires = excluded.expires
    WHERE expires <= ? OR owner = excluded.owner
"""
_END_KEPT: Final = "DELETE FROM leases WHERE key = ? AND owner = ? AND expires > ?"
_END_NOT_KEPT: Final = "UPDATE leases SET owner = NULL, expires = ? WHERE key = ? AND owner = ? AND expires > ?"
_REMOVE_EXPIRED: Final = "DELETE FROM leases WHERE expires <= ?"


def find(connection: sqlite3.Connection, name: bytes, owner: bytes, now: float) -> LeaseState | None:
    """Return the state of a lease if the owner cannot take it now. It only reads, since many may wait for a lease."""
    row = connection.execute(_FIND, (name, now)).fetchone()
    if row is None or row[0] == owner:
        return None
    return "not kept" if row[0] is None else "held"


def take(connection: sqlite3.Connection, name: bytes, owner: bytes, now: float, seconds: float) -> bool:
    """Take or renew a lease. Return whether that was possible."""
    return connection.execute(_TAKE, (name, owner, now + seconds, now)).rowcount > 0


def end(connection: sqlite3.Connection, name: bytes, owner: bytes, now: float, not_kept_until: float | None) -> None:
    """End a lease if the owner holds it, and remove leases that ended by themselves."""
    if not_kept_until is None:
        connection.execute(_END_KEPT, (name, owner, now))
    else:
        connection.execute(_END_NOT_KEPT, (not_kept_until, name, owner, now))
    connection.execute(_REMOVE_EXPIRED, (now,))
