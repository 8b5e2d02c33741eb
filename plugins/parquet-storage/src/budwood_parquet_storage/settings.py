"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict


class ParquetStorageSettings(BaseModel):
    """
    Settings of the Parquet storage.

    Attributes:
        output: The output file.
        compression: How the columns are compressed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    output: Path
    compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"
