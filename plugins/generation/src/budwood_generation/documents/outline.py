"""The outline of a document: the common result of all readers."""

from __future__ import annotations

from budwood_generation.documents.records import Section


class Outline:
    """
    Collects headings and paragraphs in reading order, and builds sections.

    Attributes:
        title: The first heading of level 1, unless the reader sets another title. Empty if there is none.
    """

    def __init__(self) -> None:
        self.title = ""
        self._sections: list[Section] = []
        self._headings: list[tuple[int, str]] = []
        self._paragraphs: list[str] = []

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
            self._paragraphs.append(text)

    def sections(self) -> tuple[Section, ...]:
        """Return the sections that have paragraphs."""
        self._end_section()
        return tuple(self._sections)

    def _end_section(self) -> None:
        if self._paragraphs:
            headings = tuple(text for _, text in self._headings if text)
            self._sections.append(Section(headings, tuple(self._paragraphs)))
            self._paragraphs = []


def normalize(text: str) -> str:
    """Collapse white space, and replace lone surrogates, which cannot be encoded, with question marks."""
    return " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")
