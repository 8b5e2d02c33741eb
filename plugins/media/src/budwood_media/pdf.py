"""PDF documents with the number of their pages, by pypdf."""

from __future__ import annotations

import os
from typing import Any, Final

from budwood.errors import PromptError
from budwood.providing import check_content, make_media
from budwood.types import MediaFile, Part

MAX_BYTES: Final = 64 * 1024 * 1024
"""Pages of larger documents are not counted: pypdf reads all of a damaged document into memory."""

_TAIL_BYTES: Final = 64 * 1024
_TAIL: Final = b"startxref"
"""Every document ends with this mark and a number (ISO 32000-2, section 7.5.5). pypdf would look for it everywhere."""


class PDFHandler:
    """Passes PDF documents on; see `budwood.contracts.MediaHandler`."""

    def parts(self, file: MediaFile) -> tuple[Part, ...]:
        """
        Return the document with the number of its pages.

        Raises:
            PromptError: The file is no PDF document, damaged, or protected by a password.
        """
        check_content(file)
        return (make_media(file, pages=count_pages(file)),)


def count_pages(file: MediaFile) -> int | None:
    """
    Return the number of pages that the root of the page tree states, without reading a page.

    It is None if the root states none, or the document is larger than `MAX_BYTES`.

    Raises:
        PromptError: The document is damaged, or protected by a password.
    """
    from pypdf import PdfReader

    if file.size > MAX_BYTES:
        return None
    with file.open() as content:
        content.seek(max(0, file.size - _TAIL_BYTES), os.SEEK_SET)
        if _TAIL not in content.read():
            raise PromptError(f"{file.name} is a damaged PDF document: its end is missing.", hint="Export it again.")
        try:
            reader = PdfReader(content, strict=False)
            is_protected = reader.is_encrypted and not reader.decrypt("")
            count: Any = None if is_protected else reader.root_object["/Pages"]["/Count"]  # type: ignore[index]
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - a damaged document can make pypdf raise anything
            raise PromptError(
                f"{file.name} is a damaged PDF document: {type(error).__name__}: {error}.", hint="Export it again."
            ) from None
    if is_protected:
        raise PromptError(f"{file.name} is protected by a password.", hint="Save it without the password.")
    return int(count) if isinstance(count, int) and count > 0 else None
