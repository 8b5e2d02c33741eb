"""The outline of a document: the common result of the readers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from budwood_generation.documents.records import Block, Section, Verbatim

_FENCES: Final = re.compile(r"^ {0,3}(`{3,})", re.MULTILINE)
_LANGUAGE: Final = re.compile(r"[\w+#.-]{1,30}")


class Outline:
    """
    Collects headings and blocks in reading order, and builds sections.

    Attributes:
        title: The first heading of level 1, unless the reader sets another title. Empty if there is none.
    """

    def __init__(self) -> None:
        self.title = ""
        self._sections: list[Section] = []
        self._headings: list[tuple[int, str]] = []
        self._blocks: list[Block] = []

    def heading(self, level: int, text: str) -> None:
        """Start a section below the nearest earlier heading of a lower level; level 1 is the outermost."""
        self._end_section()
        text = normalize(text)
        self._headings = [above for above in self._headings if above[0] < level]
        self._headings.append((level, text))
        if level == 1 and not self.title:
            self.title = text

    def paragraph(self, text: str) -> None:
        """Add a paragraph to the section, unless it is blank."""
        if text := normalize(text):
            self._blocks.append(text)

    def code(self, text: str, language: str = "") -> None:
        """Add a code block with its line breaks, unless it is blank; a language that is not a name is ignored."""
        lines = [line.rstrip() for line in _encodable(text).split("\n")]
        while lines and not lines[0]:
            del lines[0]
        body = "\n".join(lines).rstrip()
        if body:
            fence = max((f"{found}`" for found in _FENCES.findall(body)), default="```", key=len)
            name = language if _LANGUAGE.fullmatch(language) else ""
            self._blocks.append(Verbatim(body, f"{fence}{name}", fence))

    def table(self, rows: Sequence[Sequence[str]], *, header_rows: int = 1) -> None:
        """Add a table as the rows of a Markdown table, unless it is blank."""
        lines = [_row(row) for row in rows if any(map(str.strip, row))]
        if not lines:
            return
        header = [*lines[:header_rows], _row(["---"] * max(map(len, rows)))] if header_rows else []
        self._blocks.append(Verbatim("\n".join(lines[header_rows:]), "\n".join(header)))

    def sections(self) -> tuple[Section, ...]:
        """Return the sections that have blocks."""
        self._end_section()
        return tuple(self._sections)

    def _end_section(self) -> None:
        if self._blocks:
            headings = tuple(text for _, text in self._headings if text)
            self._sections.append(Section(headings, tuple(self._blocks)))
            self._blocks = []


def normalize(text: str) -> str:
    """Collapse white space, and replace lone surrogates, which cannot be encoded, with question marks."""
    return _encodable(" ".join(text.split()))


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _row(cells: Sequence[str]) -> str:
    escaped = [normalize(cell).replace("|", r"\|") for cell in cells]
    return f"| {' | '.join(escaped)} |"
