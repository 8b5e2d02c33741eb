"""Media handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import Part


class MediaHandler(Protocol):
    """Turns a file into parts of a message."""

    def parts(self, name: str, data: bytes, media_type: str) -> tuple[Part, ...]:
        """
        Read the file.

        Raises:
            PromptError: It is not what its name promises.
        """
        ...
