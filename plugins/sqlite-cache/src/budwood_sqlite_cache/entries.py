"""The statements about entries. Each function runs them on a connection; those that write need a transaction."""

from __future__ import annotations

import errno
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, Final, NamedTuple

from budwood.providing.sqlite import DamagedError
from budwood.types import CachedItem

Rows = list[tuple[Any, ...]]

HOUR: Final = 3600.0
"""The accuracy of the time of the last use, so that a read seldom causes a write."""

BATCH: Final = 500
"""The maximum number of entries that one transaction lists or removes."""

_SWEEP: Final = 8
"""The maximum number of expired entries that each `put` removes, so that no call has to remove many."""

_END: Final = b"\xff"
"""Follows all keys with the same prefix, since UTF-8 never contains it."""

_LIVE: Final = "(expires IS NULL OR expires > ?)"
_GET: Final = f"SELECT value, checksum, used <= ? FROM entries WHERE key = ? AND {_LIVE}"  # noqa: S608 - constants
_PUT: Final = "INSERT OR REPLACE INTO entries (key, value, checksum, expires, used) VALUES (?, ?, ?, ?, ?)"
_NOTE_USE: Final = "UPDATE entries SET used = ? WHERE key = ?"
_DELETE: Final = f"DELETE FROM entries WHERE key = ? AND {_LIVE}"  # noqa: S608 - constants
_REMOVE: Final = "DELETE FROM entries WHERE rowid = ?"
_EXPIRED: Final = "SELECT rowid FROM entries WHERE expires <= ? ORDER BY expires LIMIT ?"
_BY_PREFIX: Final = f"SELECT rowid, {_LIVE} FROM entries WHERE key >= ? AND key < ? LIMIT ?"  # noqa: S608 - constants
_BY_USE: Final = "SELECT rowid, length(value) FROM entries ORDER BY used LIMIT ?"
# The types of a damaged row may be others than those of its columns.
_LIST: Final = f"""
    SELECT CAST(key AS BLOB), length(value), CAST(expires AS REAL), CAST(used AS REAL) FROM entries
    WHERE key >= ? AND key < ? AND {_LIVE} ORDER BY key LIMIT ?
"""  # noqa: S608 - constants


class Found(NamedTuple):
    """
    An entry that was read.

    Attributes:
        value: Its value.
        is_use_old: Whether its last use was noted an hour ago or earlier.
    """

    value: bytes
    is_use_old: bool


def get(connection: sqlite3.Connection, name: bytes, now: float) -> Found | None:
    """
    Return an entry, or None.

    Raises:
        DamagedError: Its checksum does not match.
    """
    row = connection.execute(_GET, (now - HOUR, name, now)).fetchone()
    return None if row is None else Found(_verify(row[0], row[1], name), bool(row[2]))


def put(connection: sqlite3.Connection, name: bytes, value: bytes, expires: float | None, now: float) -> None:
    """Store an entry, and remove a few expired ones."""
    connection.execute(_PUT, (name, value, _checksum(name, value), expires, now))
    _remove(connection, _select(connection, _EXPIRED, now, _SWEEP))


def note_uses(connection: sqlite3.Connection, uses: Mapping[bytes, float]) -> None:
    """Note when entries were last read."""
    if uses:
        connection.executemany(_NOTE_USE, [(used, name) for name, used in uses.items()])


def delete(connection: sqlite3.Connection, name: bytes, now: float) -> bool:
    """Remove an entry. Return whether there was one."""
    return connection.execute(_DELETE, (name, now)).rowcount > 0


def list_from(
    connection: sqlite3.Connection, start: bytes, prefix: bytes, now: float
) -> tuple[list[CachedItem], bytes | None]:
    """Return the entries with a prefix from a key on, and the key from which to continue; None if that was all."""
    rows = check_rows(connection.execute(_LIST, (start, prefix + _END, now, BATCH)).fetchall(), optional=2)
    items = [CachedItem(decode(name), size, expires, used) for name, size, expires, used in rows]
    return items, rows[-1][0] + b"\0" if len(rows) == BATCH else None


def remove_by_prefix(connection: sqlite3.Connection, prefix: bytes, now: float) -> tuple[int, bool]:
    """Remove entries whose key starts with the prefix. Return how many had not expired, and whether that was all."""
    rows = connection.execute(_BY_PREFIX, (now, prefix, prefix + _END, BATCH)).fetchall()
    _remove(connection, [rowid for rowid, _ in rows])
    return sum(is_live for _, is_live in rows), len(rows) < BATCH


def remove_expired(connection: sqlite3.Connection, now: float) -> int:
    """Remove expired entries, and return how many; fewer than `BATCH` if that was all."""
    expired = _select(connection, _EXPIRED, now, BATCH)
    _remove(connection, expired)
    return len(expired)


def evict(connection: sqlite3.Connection, max_bytes: int) -> None:
    """Remove the least recently used entries until the others fit into a number of bytes."""
    while (excess := _used_bytes(connection) - max_bytes) > 0:
        evicted: list[int] = []
        with closing(connection.execute(_BY_USE, (BATCH,))) as found:  # not all are read: one often suffices
            for rowid, size in found:
                evicted.append(rowid)
                excess -= size
                if excess <= 0:
                    break
        if not evicted:
            return
        _remove(connection, evicted)


def check_rows(rows: Rows, optional: int | None = None) -> Rows:
    """
    Return rows whose columns have values. One column may have none.

    Raises:
        DamagedError: A value is missing, which SQLite itself does not detect.
    """
    if any(value is None for row in rows for column, value in enumerate(row) if column != optional):
        raise DamagedError(errno.EIO, "A row lacks a value")
    return rows


def encode(text: str) -> bytes:
    """Encode a key as bytes; it may be any text, including lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def decode(name: bytes) -> str:
    """Return the text that `encode` encoded."""
    return name.decode("utf-8", "surrogatepass")


def count_free_pages(connection: sqlite3.Connection) -> int:
    """Return the number of pages of the file that are not used."""
    return _number(connection, "PRAGMA freelist_count")


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = _number(connection, "PRAGMA page_count") - count_free_pages(connection)
    return pages * _number(connection, "PRAGMA page_size")


def _number(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])


def _select(connection: sqlite3.Connection, statement: str, *values: object) -> list[int]:
    return [row[0] for row in connection.execute(statement, values).fetchall()]


def _remove(connection: sqlite3.Connection, rowids: Sequence[int]) -> None:
    if rowids:
        connection.executemany(_REMOVE, [(rowid,) for rowid in rowids])


def _checksum(name: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(name))


def _verify(value: object, checksum: object, name: bytes) -> bytes:
    """Return the value if its checksum matches: SQLite itself does not detect changed bytes."""
    if isinstance(value, bytes) and _checksum(name, value) == checksum:
        return value
    raise DamagedError(errno.EIO, "The checksum of an entry does not match")
