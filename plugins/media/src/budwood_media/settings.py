"""The settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class NoSettings(BaseModel):
    """Settings of a plugin without settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TableSettings(BaseModel):
    """
    Settings of a section ``[media_handlers.table]``.

    Attributes:
        max_rows: Maximum number of rows, the header included. Longer tables are rejected, because they are expensive.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_rows: Annotated[int, Field(ge=1)] = 10_000
