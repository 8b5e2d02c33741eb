"""A file that a media handler converts to parts of a message."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from pydantic import ConfigDict, Field

from budwood.types.models import MediaLimits
from budwood.types.record import Record


class MediaFile(Record):
    """
    A file that a media handler converts. Large files stay on the disk: read only what is needed.

    Attributes:
        name: Its name, for messages and for the model.
        media_type: The media type of its content.
        size: Its size in bytes.
        data: The content of a small file, or ``path``, the file with the content.
        limits: What the model takes of this kind of media, as far as known.
    """

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    media_type: str
    size: int = Field(ge=0)
    data: bytes | None = Field(default=None, repr=False)
    path: Path | None = None
    limits: MediaLimits = MediaLimits()

    def open(self) -> BinaryIO:
        """
        Open the content for reading. Close it afterwards.

        Raises:
            OSError: The file cannot be read; the engine reports that to the caller.
        """
        return io.BytesIO(self.data or b"") if self.path is None else self.path.open("rb")

    def read(self) -> bytes:
        """Return the content; see `open`."""
        return self.head(self.size)

    def head(self, size: int) -> bytes:
        """Return the first bytes of the content, at most ``size``; see `open`."""
        with self.open() as file:
            return file.read(size)
