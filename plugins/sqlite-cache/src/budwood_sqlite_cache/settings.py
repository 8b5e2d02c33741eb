"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SQLiteCacheSettings(BaseModel):
    """
    Settings of the SQLite cache.

    Attributes:
        path: The file, on a local disk; by default ``replies.sqlite3`` in the user's cache folder.
        namespace: The namespace; entries of one namespace are not visible in another.
        ttl: The default ttl of entries in seconds; by default they do not expire.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: Path | None = None
    namespace: Annotated[str, Field(min_length=1)] = "default"
    ttl: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
