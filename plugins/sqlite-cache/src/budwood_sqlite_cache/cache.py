"""A cache in an SQLite file."""

from __future__ import annotations

import errno
import sqlite3
import stat
import zlib
from pathlib import Path
from typing import Final

from budwood.contracts import Clock, PluginContext
from budwood.errors import ConfigurationError
from budwood.providing.sqlite import DamagedError
from budwood_sqlite_cache.database import Database
from budwood_sqlite_cache.settings import SQLiteCacheSettings

FILE_NAME: Final = "replies.sqlite3"

_SWEEP: Final = 8
"""The maximum number of expired entries that each `set` removes, so that no call has to remove many."""

_GET: Final = """
    SELECT value, checksum FROM entries
    WHERE namespace = ? AND key = ? AND (expires IS NULL OR expires > ?)
"""
_SET: Final = "INSERT OR REPLACE INTO entries (namespace, key, value, checksum, expires) VALUES (?, ?, ?, ?, ?)"
_REMOVE_EXPIRED: Final = """
    DELETE FROM entries
    WHERE rowid IN (SELECT rowid FROM entries WHERE expires <= ? ORDER BY expires LIMIT ?)
"""


class SQLiteCache:
    """
    Stores values in a file that threads and processes of this machine can share; see `budwood.contracts.Cache`.

    Args:
        database: The database.
        clock: The clock for expiry.
        namespace: The namespace; entries of others are not visible.
        ttl: The default ttl in seconds; None for no expiry.
    """

    def __init__(self, database: Database, clock: Clock, *, namespace: str, ttl: float | None) -> None:
        self._database = database
        self._clock = clock
        self._namespace = namespace
        self._ttl = ttl

    def get(self, key: str) -> bytes | None:
        """
        Return the value of the key, or None.

        Raises:
            OSError: The file cannot be read.
        """
        name = _name(key)
        now = self._clock.time()

        def read(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(_GET, (self._namespace, name, now)).fetchone()
            return None if row is None else _verify(row[0], row[1], name)

        return self._database.use(read)

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """
        Store a value for ``ttl`` seconds, by default the ttl of the settings.

        Raises:
            OSError: The file cannot be written.
        """
        name = _name(key)
        now = self._clock.time()
        ttl = self._ttl if ttl is None else ttl
        entry = (self._namespace, name, value, _checksum(name, value), None if ttl is None else now + ttl)

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_SET, entry)
                connection.execute(_REMOVE_EXPIRED, (now, _SWEEP))

        self._database.use(write)

    def close(self) -> None:
        """Close the database. It can be called repeatedly."""
        self._database.close()


def build_sqlite_cache(settings: SQLiteCacheSettings, context: PluginContext) -> SQLiteCache:
    """
    Build a cache from its settings. The file is opened on first use.

    Raises:
        ConfigurationError: The path is a folder.
    """
    path = context.cache_folder / FILE_NAME if settings.path is None else settings.path.expanduser()
    if _is_folder(path):
        raise ConfigurationError(
            f"[caches.{context.instance}] path: {path} is a folder.",
            hint=f"Set it to a file, such as {path / FILE_NAME}.",
        )
    database = Database(path.absolute(), context.log)
    return SQLiteCache(database, context.clock, namespace=settings.namespace, ttl=settings.ttl)


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False  # reported on first use: the file may exist by then


def _name(key: str) -> bytes:
    """Encode a key as bytes; it may be any text, including lone surrogates."""
    return key.encode("utf-8", "surrogatepass")


def _checksum(name: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(name))


def _verify(value: object, checksum: object, name: bytes) -> bytes:
    """Return the value if its checksum matches: SQLite itself does not detect changed bytes."""
    if isinstance(value, bytes) and _checksum(name, value) == checksum:
        return value
    raise DamagedError(errno.EIO, "The checksum of an entry does not match")
