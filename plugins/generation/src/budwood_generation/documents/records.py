"""Documents and their parts. They contain no absolute path, so that they can be part of a dataset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verbatim:
    """
    A code block or a table, with its line breaks.

    Attributes:
        body: Its lines.
        opening: What precedes the lines: the fence of code, the header of a table. If the block is split, each part
            has it.
        closing: What follows the lines, likewise.
    """

    body: str
    opening: str = ""
    closing: str = ""

    @property
    def text(self) -> str:
        """The text in a passage."""
        return "\n".join(part for part in (self.opening, self.body, self.closing) if part)


Block = str | Verbatim
"""A paragraph, list item or similar, with single spaces and no line breaks; or code or a table."""


@dataclass(frozen=True, slots=True)
class Section:
    """
    The text below one heading.

    Attributes:
        headings: The headings above, outermost first. Empty before the first heading.
        blocks: The blocks, in reading order.
    """

    headings: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """
    A record of a CSV or JSONL file, which is one passage.

    Attributes:
        text: One line for each field: ``name: value``.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """
    The content of a file.

    Attributes:
        name: The path relative to the folder of the specification, with forward slashes.
        title: The title of the document, or the file name without its suffix.
        parts: Its sections or records, in reading order.
        digest: The SHA-256 of the file's bytes, in hexadecimal.
        problems: What could not be read of it, such as lines that are not valid.
    """

    name: str
    title: str
    parts: tuple[Section | Record, ...]
    digest: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """
    A document, or a part of it, that was skipped because it cannot be read.

    Attributes:
        name: The name of the document.
        reason: Why, as a sentence.
        hint: What to do.
    """

    name: str
    reason: str
    hint: str = ""
