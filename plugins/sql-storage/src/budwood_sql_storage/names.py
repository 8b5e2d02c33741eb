"""Names of tables and columns that SQLite and PostgreSQL accept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from typing import Final

MAX_BYTES: Final = 63
"""PostgreSQL's limit of a name (https://www.postgresql.org/docs/current/limits.html). SQLite has none."""

DATASETS: Final = "budwood_datasets"
"""The table with one record per table of rows."""

SYSTEM_COLUMNS: Final = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
"""PostgreSQL reserves these (https://www.postgresql.org/docs/current/ddl-system-columns.html)."""


def make_name(wanted: str, taken: Collection[str]) -> str:
    """
    Return a name as it is, unless a database refuses it: it is empty, too long or taken.

    Args:
        wanted: The name.
        taken: Names that are not available, case-folded: names of columns in SQLite do not differ by case alone.
    """
    name = wanted.replace("\0", "").encode("utf-8", "replace").decode() or "field"
    candidate = _shorten(name, "")
    number = 2
    while candidate.casefold() in taken:
        candidate = _shorten(name, f"_{number}")
        number += 1
    return candidate


def make_table_name(dataset: str) -> str:
    """Return the name of the table for a dataset: lower case, words joined by underscores."""
    name = re.sub(r"\W+", "_", dataset.encode("utf-8", "replace").decode()).strip("_").lower()
    return make_name(f"dataset_{name}" if is_reserved(name) else name or "dataset", ())


def is_reserved(table: str) -> bool:
    """Return whether the name of a table is one of SQLite (https://www.sqlite.org/lang_createtable.html) or ours."""
    return table.lower().startswith("sqlite_") or table.lower() == DATASETS


def _shorten(name: str, suffix: str) -> str:
    """Return a name with its suffix. A long one keeps its beginning, and ends with a hash of it all."""
    if len(f"{name}{suffix}".encode()) <= MAX_BYTES:
        return f"{name}{suffix}"
    suffix = f"_{hashlib.sha256(name.encode()).hexdigest()[:8]}{suffix}"
    return name.encode()[: MAX_BYTES - len(suffix)].decode("utf-8", "ignore") + suffix
