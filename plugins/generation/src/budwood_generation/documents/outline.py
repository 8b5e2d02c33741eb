"""The form in which every reader hands over what it found."""

from __future__ import annotations

from budwood_generation.documents.records import Section


class Outline:
    """
    Collect headings and paragraphs in reading order and make sections of them.

    Attributes:
        title: The first heading of level 1, unless a reader knows better; empty where there is none.
    """

    def __init__(self) -> None:
        self.title = ""
        self._sections: list[Section] = []
        self._headings: list[tuple[int, str]] = []
        self._paragraphs: list[str] = []

    def heading(self, level: int, text: str) -> None:
        """Begin a section below the nearest earlier heading of a lower level; level 1 is the outermost."""
        self._end_section()
        text = normalised(text)
        self._headings = [above for above in self._headings if above[0] < level]
        self._headings.append((level, text))
        if level == 1 and not self.title:
            self.title = text

    def paragraph(self, text: str) -> None:
        """Add a paragraph to the section; white space alone adds nothing."""
        if text := normalised(text):
            self._paragraphs.append(text)

    def sections(self) -> tuple[Section, ...]:
        """Hand over the sections that have paragraphs."""
        self._end_section()
        return tuple(self._sections)

    def _end_section(self) -> None:
        if self._paragraphs:
            headings = tuple(text for _, text in self._headings if text)
            self._sections.append(Section(headings, tuple(self._paragraphs)))
            self._paragraphs = []


def normalised(text: str) -> str:
    """Turn runs of white space into one space, and lone surrogates, which no file could hold, into question marks."""
    return " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")
