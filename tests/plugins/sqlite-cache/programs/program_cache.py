"""Functions of the programs: open a cache, and print a line for the test."""

from __future__ import annotations

import sys
from pathlib import Path

from budwood.clock import SystemClock
from budwood.contracts import PluginContext
from budwood.logs import emit
from budwood.types import ModelRules
from budwood_sqlite_cache import SQLiteCache, SQLiteCacheSettings
from budwood_sqlite_cache.cache import build_sqlite_cache


def open_cache(path: str) -> SQLiteCache:
    """Build a cache with default settings."""
    context = PluginContext(
        instance="sqlite",
        rules=lambda _: ModelRules(),
        log=emit,
        clock=SystemClock(),
        cache_folder=Path(path).parent,
    )
    return build_sqlite_cache(SQLiteCacheSettings(path=Path(path)), context)


def print_line(*words: object) -> None:
    """Print a line and flush it."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()
