"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SQLiteCacheSettings(BaseModel):
    """
    Settings of the SQLite cache.

    Attributes:
        path: The file, on a local disk; by default ``replies-2.sqlite3`` in the user's cache folder.
        max_bytes: The size of the file, in bytes, from which on the least recently used entries are removed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: Path | None = None
    max_bytes: Annotated[int, Field(ge=1024 * 1024)] = 1024 * 1024 * 1024
