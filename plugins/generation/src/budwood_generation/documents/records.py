"""What reading makes of a file. Nothing here holds an absolute path, so that it may go into a dataset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """
    Hold the prose under one heading.

    Attributes:
        headings: The chain of headings that leads here, outermost first; empty before the first heading.
        paragraphs: Paragraphs, list items and the like, in reading order, with single spaces and no line breaks.
    """

    headings: tuple[str, ...]
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """
    Hold one file's prose.

    Attributes:
        name: The file's path relative to the folder of the specification, with forward slashes.
        title: What the document calls itself, or else the file's name without its ending.
        sections: Its sections that have prose, in reading order.
        digest: The SHA-256 of the file's bytes, in hexadecimal.
    """

    name: str
    title: str
    sections: tuple[Section, ...]
    digest: str
