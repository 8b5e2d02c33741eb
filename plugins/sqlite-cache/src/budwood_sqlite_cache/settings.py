"""What users can set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SQLiteCacheSettings(BaseModel):
    """
    Settings of the SQLite cache.

    Attributes:
        path: The file, on a disk of this machine; by default ``replies.sqlite3`` in the user's cache folder.
        namespace: Entries of one namespace are invisible to another, in the same file.
        ttl: Seconds that an entry is kept where whoever sets it does not say; by default for ever.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    path: Path | None = None
    namespace: Annotated[str, Field(min_length=1)] = "default"
    ttl: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
