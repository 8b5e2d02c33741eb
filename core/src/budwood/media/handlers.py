"""Media handlers of the core: text, images, audio, video and PDF. What must be parsed is left to plugins."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from budwood.errors import PromptError
from budwood.providing import check_content, make_media, read_image_size
from budwood.types import MediaFile, Part, TextPart

MAX_TEXT_BYTES: Final = 32 * 1024 * 1024
"""The largest text file that is read: several times the context window of any model."""


class NoSettings(BaseModel):
    """Settings of a plugin without settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TextHandler:
    """Reads text files. The name of the file is part of the text, so that a model can distinguish several files."""

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Read a UTF-8 file.

        Raises:
            PromptError: The file is not text in UTF-8, or larger than `MAX_TEXT_BYTES`.
        """
        if file.size > MAX_TEXT_BYTES:
            raise PromptError(
                f"{file.name} has {file.size:,} bytes; a text can have {MAX_TEXT_BYTES:,}.",
                hint="Pass the part that matters.",
            )
        try:
            text = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PromptError(
                f"{file.name} is not valid UTF-8 at byte {error.start}.", hint="Convert it to UTF-8."
            ) from None
        return (TextPart(text=f'<document name="{file.name}">\n{text}\n</document>\n'),)


class ContentHandler:
    """Passes images, audio, videos and PDF on in the formats that vendors take, without parsing them."""

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Return the media; an image with its size in pixels, if its header says it.

        Raises:
            PromptError: The content is not in the format of its media type.
        """
        head = check_content(file)
        size = read_image_size(head)
        return (make_media(file) if size is None else make_media(file, **size._asdict()),)
