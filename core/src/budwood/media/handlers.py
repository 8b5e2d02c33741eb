"""Media handlers of the core: text and images."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel, ConfigDict

from budwood.errors import PromptError
from budwood.types import ImagePart, Part, TextPart

_SIGNATURES: Final = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
}
"""The first bytes of each file format. Source: the specifications of the formats."""


class NoSettings(BaseModel):
    """Settings of a plugin without settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextHandler:
    """Reads text files. The name of the file is part of the text, so that a model can distinguish several files."""

    def parts(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        """Read a UTF-8 file."""
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PromptError(
                f"{name} is not valid UTF-8 at byte {error.start}.", hint="Convert it to UTF-8."
            ) from None
        return (TextPart(text=f'<document name="{name}">\n{text}\n</document>\n'),)


class ImageHandler:
    """Reads images in the formats that vendors support."""

    def parts(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        """
        Return the image, with the media type of its first bytes instead of that of its name.

        Vendors reject an image whose media type differs from its content.

        Raises:
            PromptError: The content is not in a supported image format.
        """
        actual_type = next((kind for kind, signature in _SIGNATURES.items() if signature.match(data)), None)
        if actual_type is None:
            raise PromptError(
                f"{name} is not a valid {media_type}: its content is not PNG, JPEG, GIF or WebP.",
                hint="Check the file.",
            )
        return (ImagePart(data=data, media_type=actual_type),)
