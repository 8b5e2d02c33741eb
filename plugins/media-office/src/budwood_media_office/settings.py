"""The settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class OfficeSettings(BaseModel):
    """
    Settings of the sections ``[media_handlers.docx]``, ``xlsx`` and ``pptx``.

    Attributes:
        max_unpacked: Maximum size of the content in bytes, once it is unpacked.
        max_rows: Maximum number of rows of all sheets.
        max_characters: Maximum length of the text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_unpacked: Annotated[int, Field(ge=1)] = 100_000_000
    max_rows: Annotated[int, Field(ge=1)] = 10_000
    max_characters: Annotated[int, Field(ge=1)] = 5_000_000
