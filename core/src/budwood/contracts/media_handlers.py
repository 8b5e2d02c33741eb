"""Media handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import MediaFile, Part


class MediaHandler(Protocol):
    """Converts a file to parts of a message."""

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Convert a file.

        A part of media keeps the ``path`` of a file that has one, so that a large file is never held in memory.

        Raises:
            PromptError: The content does not match the media type.
        """
        ...
