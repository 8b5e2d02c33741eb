"""The statements about the counts of hits and misses."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from budwood.providing.money import from_pico, to_pico
from budwood.types import CacheCounts
from budwood_sqlite_cache.entries import check_rows, decode, encode

_ADD: Final = """
    INSERT INTO counts (namespace, hits, misses, saved) VALUES (?, ?, ?, ?)
    ON CONFLICT (namespace) DO UPDATE
    SET hits = hits + excluded.hits, misses = misses + excluded.misses, saved = saved + excluded.saved
"""
# The types of a damaged row may be others than those of its columns.
_READ: Final = """
    SELECT CAST(namespace AS BLOB), CAST(hits AS INTEGER), CAST(misses AS INTEGER), CAST(saved AS INTEGER) FROM counts
"""


def add(connection: sqlite3.Connection, counts: Mapping[str, CacheCounts]) -> None:
    """Add to the counts of namespaces."""
    rows = [(encode(namespace), count.hits, count.misses, to_pico(count.saved)) for namespace, count in counts.items()]
    connection.executemany(_ADD, rows)


def read(connection: sqlite3.Connection) -> dict[str, CacheCounts]:
    """Return the counts of all namespaces."""
    rows = check_rows(connection.execute(_READ).fetchall())
    return {decode(name): CacheCounts(hits, misses, from_pico(saved)) for name, hits, misses, saved in rows}
