"""Media handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import Part


class MediaHandler(Protocol):
    """Converts a file to parts of a message."""

    def parts(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        """
        Convert a file.

        Raises:
            PromptError: The content does not match the media type.
        """
        ...
