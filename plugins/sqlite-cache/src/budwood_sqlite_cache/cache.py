"""A cache in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from budwood.contracts import Clock, PluginContext
from budwood.providing.sqlite import absolute_path, check_not_a_folder
from budwood.types import CacheCounts, CachedItem, LeaseState
from budwood_sqlite_cache import counts, entries, leases
from budwood_sqlite_cache.database import Database
from budwood_sqlite_cache.entries import encode
from budwood_sqlite_cache.schema import VERSION
from budwood_sqlite_cache.settings import SQLiteCacheSettings

T = TypeVar("T")

FILE_NAME: Final = f"replies-{VERSION}.sqlite3"
"""The default file. Versions of Budwood with different formats do not share it."""

_VACUUMED_PAGES: Final = 1000
"""The pages that one transaction of `SQLiteCache.prune` releases, so that others can write in between."""


class SQLiteCache:
    """
    Stores values in a file that threads and processes of this machine can share; see `budwood.contracts.Cache`.

    All methods except `close` raise `OSError` if the file cannot be used.

    Args:
        database: The database.
        clock: The clock for expiry and leases.
        max_bytes: The size from which on the least recently used entries are removed.
    """

    def __init__(self, database: Database, clock: Clock, max_bytes: int) -> None:
        self._database = database
        self._clock = clock
        self._max_bytes = max_bytes
        self._uses: dict[bytes, float] = {}  # of entries that were read, until the next write

    def get(self, key: str) -> bytes | None:
        """Return the value of the key, or None."""
        name = encode(key)
        return self._database.use(lambda connection: self._get(connection, name))

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of the keys, in their order; None for each that is missing."""
        names = [encode(key) for key in keys]
        return self._database.use(lambda connection: [self._get(connection, name) for name in names])

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Store a value for ``ttl`` seconds, or without a limit. A value that is too large is not stored."""
        name, now = encode(key), self._now()
        expires = None if ttl is None else now + ttl

        def write(connection: sqlite3.Connection) -> None:
            if len(value) > self._max_bytes:
                entries.delete(connection, name, now)
                return
            entries.put(connection, name, value, expires, now)
            entries.evict(connection, self._max_bytes)

        self._write(write)

    def items(self, prefix: str = "") -> Iterator[CachedItem]:
        """Yield the entries whose key starts with the prefix, in the order of their keys."""
        name = encode(prefix)
        start: bytes | None = name
        while start is not None:
            found, start = self._database.read(partial(entries.list_from, start=start, prefix=name, now=self._now()))
            yield from found

    def delete(self, key: str) -> bool:
        """Remove an entry. Return whether there was one."""
        name, now = encode(key), self._now()
        return self._write(lambda connection: entries.delete(connection, name, now))

    def clear(self, prefix: str = "") -> int:
        """Remove the entries whose key starts with the prefix. Return their number."""
        start, now, removed = encode(prefix), self._now(), 0
        while True:
            count, is_all = self._write(lambda connection: entries.remove_by_prefix(connection, start, now))
            removed += count
            if is_all:
                return removed

    def prune(self) -> int:
        """Remove expired entries, and make the file smaller. Return the number of entries."""
        now, removed = self._now(), 0
        while True:
            count = self._write(lambda connection: entries.remove_expired(connection, now))
            removed += count
            if count < entries.BATCH:
                break
        self._write(lambda connection: entries.evict(connection, self._max_bytes))
        while self._database.use(_release_pages):
            pass
        return removed

    def add_counts(self, added: Mapping[str, CacheCounts]) -> None:
        """Add to the counts of namespaces."""
        self._write(lambda connection: counts.add(connection, added))

    def counts(self) -> dict[str, CacheCounts]:
        """Return the counts of all namespaces."""
        return self._database.read(counts.read)

    def acquire(self, key: str, owner: str, seconds: float) -> LeaseState:
        """Take the lease of a key, or renew it; see `budwood.contracts.LeasingCache`."""
        name, token, now = encode(key), encode(owner), self._now()
        state = self._database.use(lambda connection: leases.find(connection, name, token, now))
        if state is not None:
            return state
        if self._write(lambda connection: leases.take(connection, name, token, now, seconds)):
            return "acquired"
        return self._database.use(lambda connection: leases.find(connection, name, token, now)) or "held"

    def release(self, key: str, owner: str, *, kept: bool, seconds: float) -> None:
        """End the lease of a key, if the owner still holds it; see `budwood.contracts.LeasingCache`."""
        name, token, now = encode(key), encode(owner), self._now()
        until = None if kept else now + seconds
        self._write(lambda connection: leases.end(connection, name, token, now, until))

    def close(self) -> None:
        """Close the database. It can be called repeatedly."""
        if self._uses:
            with suppress(OSError):  # they only decide which entries are removed first
                self._write(lambda _: None)
        self._database.close()

    def _now(self) -> float:
        return self._clock.time()

    def _get(self, connection: sqlite3.Connection, name: bytes) -> bytes | None:
        now = self._now()
        found = entries.get(connection, name, now)
        if found is None:
            return None
        if found.is_use_old:
            self._uses[name] = now
        return found.value

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in a transaction, which also notes the last uses of entries."""

        def write(connection: sqlite3.Connection) -> T:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                uses, self._uses = self._uses, {}
                entries.note_uses(connection, uses)
                return work(connection)

        return self._database.use(write)


def build_sqlite_cache(settings: SQLiteCacheSettings, context: PluginContext) -> SQLiteCache:
    """
    Build a cache from its settings. The file is opened on first use.

    Raises:
        ConfigurationError: The path is a folder, or not valid.
    """
    setting = f"[caches.{context.instance}] path"
    path = absolute_path(context.cache_folder / FILE_NAME if settings.path is None else settings.path, setting)
    check_not_a_folder(path, setting=setting, file_name=FILE_NAME)
    database = Database(path, context.log)
    return SQLiteCache(database, context.clock, settings.max_bytes)


def _release_pages(connection: sqlite3.Connection) -> bool:
    """Release some unused pages of the file. Return whether there are more."""
    before = entries.count_free_pages(connection)
    # `execute` would stop after the first page, since the statement has rows without columns.
    connection.executescript(f"PRAGMA incremental_vacuum({_VACUUMED_PAGES})")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return 0 < entries.count_free_pages(connection) < before
