"""The settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PillowSettings(BaseModel):
    """
    Settings of a section ``[media_handlers.pillow]``.

    Attributes:
        max_pixels: Maximum number of pixels of an image that is opened; each takes up to 4 bytes of memory.
        quality: The quality of JPEG and WebP images that are re-encoded, from 1 to 95.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pixels: Annotated[int, Field(ge=1)] = 100_000_000
    quality: Annotated[int, Field(ge=1, le=95)] = 90
