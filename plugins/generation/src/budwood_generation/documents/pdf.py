"""PDF: the text of the pages, with the headings of the bookmarks."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError
from budwood_generation.documents.outline import Outline, normalize
from budwood_generation.documents.sentences import has_sentence

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_lock: Final = threading.Lock()
"""PDFium is not thread-safe; source: pypdfium2's documentation, "Incompatibility with Threading"."""

_PASSWORD_ERROR: Final = 4  # FPDF_ERR_PASSWORD of fpdfview.h
_MAX_LEVEL: Final = 6
_REPEATED: Final = 3
"""Pages on which the same first or last line is a header or footer."""
_NUMBER: Final = re.compile(r"(?:\d+\.?)+\s+")
_HYPHEN: Final = re.compile("[\x02\ufffe](?:\r?\n)?|-\r?\n(?=[a-z])")
"""A word that was split at the end of a line; PDFium writes U+0002 or U+FFFE for the hyphen."""
_LIST_MARK: Final = re.compile(r"[\u2022\u2023\u25aa\u25cf\u25e6\u2013-]\s|\(?\d{1,3}[.)]\s")
_FULL_LINE: Final = 0.8
"""A line shorter than this part of the longest one on the page may be the last of its paragraph."""


def read_pdf(data: bytes, name: str) -> Outline:
    """
    Read the paragraphs of a PDF file. Bookmarks become headings if their text is a line of their page.

    Lines that most pages share, such as page headers and page numbers, are excluded.

    Args:
        data: The file.
        name: The name of the document, for errors.

    Raises:
        ConfigurationError: pypdfium2 is not installed; or the file is damaged, encrypted, or contains no text.
    """
    with _lock:
        document = _open(data, name)
        try:
            pages = [_page_lines(document, number) for number in range(len(document))]
            bookmarks = _find_bookmarks(document)
        finally:
            document.close()
    if not any(pages):
        raise ConfigurationError(
            f"The document {name!r} contains no text: its pages may be images.",
            hint=f"Add the text with OCR, for example with ocrmypdf {name!r} OUTPUT, or exclude it.",
        )
    reader = _Reader(bookmarks)
    repeated = _find_repeated_lines(pages)
    for number, lines in enumerate(pages):
        reader.read_page(number, [line for line in lines if _without_digits(line) not in repeated])
    reader.end_paragraph()
    return reader.outline


class _Reader:
    def __init__(self, bookmarks: Mapping[tuple[int, str], int]) -> None:
        self.outline = Outline()
        self._bookmarks = bookmarks
        self._lines: list[str] = []

    def read_page(self, number: int, lines: Sequence[str]) -> None:
        width = max(map(len, lines), default=0)
        for line in lines:
            level = self._bookmarks.get((number, _without_number(line)))
            if level is not None:
                self.end_paragraph()
                self.outline.heading(level, line)
                continue
            if _LIST_MARK.match(line):
                self.end_paragraph()
            self._lines.append(line)
            if len(line) < _FULL_LINE * width and has_sentence(line):
                self.end_paragraph()

    def end_paragraph(self) -> None:
        self.outline.paragraph(" ".join(self._lines))
        self._lines = []


def _open(data: bytes, name: str) -> PdfDocument:
    try:
        from pypdfium2 import PdfDocument, PdfiumError
    except ImportError as error:
        raise ConfigurationError(
            f"The document {name!r} cannot be read without pypdfium2.",
            hint="Run `pip install pypdfium2`, or exclude the document.",
        ) from error
    try:
        return PdfDocument(data)
    except PdfiumError as error:
        if error.err_code == _PASSWORD_ERROR:
            raise ConfigurationError(
                f"The document {name!r} is encrypted.",
                hint=f"Decrypt it, for example with qpdf --decrypt --password=... {name!r} OUTPUT, or exclude it.",
            ) from error
        raise ConfigurationError(
            f"The document {name!r} is not a valid PDF file.", hint="Save it again, or exclude it."
        ) from error


def _page_lines(document: PdfDocument, number: int) -> list[str]:
    from pypdfium2 import PdfiumError

    try:
        text = document[number].get_textpage().get_text_bounded()
    except PdfiumError:  # a damaged page; the others are read
        return []
    lines = _HYPHEN.sub("", text).replace("\0", "").splitlines()
    return [line for line in map(normalize, lines) if line]


def _find_bookmarks(document: PdfDocument) -> dict[tuple[int, str], int]:
    """Return the level of each heading by the number of its page and its text."""
    found: dict[tuple[int, str], int] = {}
    for bookmark in document.get_toc(max_depth=_MAX_LEVEL):
        destination = bookmark.get_dest()
        page = destination.get_index() if destination else None
        if page is not None:
            found.setdefault((page, _without_number(bookmark.get_title())), bookmark.level + 1)
    return found


def _find_repeated_lines(pages: Sequence[Sequence[str]]) -> set[str]:
    """Return the headers and footers of pages, without digits."""
    edges = Counter(_without_digits(line) for lines in pages for line in {*lines[:1], *lines[-1:]})
    return {line for line, count in edges.items() if count >= _REPEATED}


def _without_digits(line: str) -> str:
    return "".join(character for character in line if not character.isdigit())


def _without_number(line: str) -> str:
    """Remove the number of a section, which bookmarks may have or not."""
    return _NUMBER.sub("", normalize(line)).casefold()
