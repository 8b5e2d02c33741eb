"""Documents and their sections. They contain no absolute path, so that they can be part of a dataset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """
    The prose below one heading.

    Attributes:
        headings: The headings above, outermost first. Empty before the first heading.
        paragraphs: Paragraphs, list items and similar, in reading order, with single spaces and no line breaks.
    """

    headings: tuple[str, ...]
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """
    The prose of a file.

    Attributes:
        name: The path relative to the folder of the specification, with forward slashes.
        title: The title of the document, or the file name without its suffix.
        sections: Sections with prose, in reading order.
        digest: The SHA-256 of the file's bytes, in hexadecimal.
    """

    name: str
    title: str
    sections: tuple[Section, ...]
    digest: str
