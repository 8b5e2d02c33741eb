"""Plain text: paragraphs are separated by blank lines."""

from __future__ import annotations

from itertools import groupby

from budwood_generation.documents.outline import Outline


def read_plain(text: str) -> Outline:
    """Read the paragraphs of a plain text, as one section without a heading."""
    outline = Outline()
    for _, lines in groupby(text.split("\n"), key=_is_blank):
        outline.paragraph(" ".join(lines))
    return outline


def _is_blank(line: str) -> bool:
    return not line.strip()
