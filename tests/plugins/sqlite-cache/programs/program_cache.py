"""Functions of the programs: open a cache, and print a line for the test."""

from __future__ import annotations

import sys
from pathlib import Path

from budwood.clock import SystemClock
from budwood.logs import emit
from budwood_sqlite_cache import SQLiteCache, SQLiteCacheSettings
from budwood_sqlite_cache.cache import build_sqlite_cache
from budwood_testing import plugin_context


def open_cache(path: str) -> SQLiteCache:
    """Build a cache with default settings."""
    context = plugin_context("sqlite", log=emit, clock=SystemClock(), cache_folder=Path(path).parent)
    return build_sqlite_cache(SQLiteCacheSettings(path=Path(path)), context)


def print_line(*words: object) -> None:
    """Print a line and flush it."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()
