"""The supported formats of documents."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from budwood.errors import ConfigurationError


class Kind(StrEnum):
    """A supported format."""

    PLAIN = "plain text"
    MARKDOWN = "Markdown"
    HTML = "HTML"
    RESTRUCTURED = "reStructuredText"
    CSV = "CSV"
    TSV = "TSV"
    JSONL = "JSON Lines"
    PDF = "PDF"


KINDS: Final[dict[str, Kind]] = {
    ".rst.txt": Kind.RESTRUCTURED,  # before ".txt": Sphinx publishes sources with this suffix
    ".rst": Kind.RESTRUCTURED,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
    ".txt": Kind.PLAIN,
    ".text": Kind.PLAIN,
    ".csv": Kind.CSV,
    ".tsv": Kind.TSV,
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".pdf": Kind.PDF,
}

_PARSER_VERSION: Final = 2
"""Incremented when a parser or the splitting into passages gives other results than before."""

_LIBRARIES: Final = {
    Kind.MARKDOWN: "markdown-it-py",
    Kind.HTML: "selectolax",
    Kind.RESTRUCTURED: "docutils",
    Kind.PDF: "pypdfium2",
}


def detect_kind(name: str) -> Kind:
    """
    Return the format of a file by its suffix, in any case.

    Raises:
        ConfigurationError: The suffix is not in `KINDS`.
    """
    suffix = find_suffix(name)
    if suffix is None:
        raise ConfigurationError(
            f"The document {name!r} has an unsupported type.",
            hint=f"Convert it to one of {', '.join(KINDS)}, or exclude it.",
        )
    return KINDS[suffix]


def find_suffix(name: str) -> str | None:
    """Return the suffix of a name if it is in `KINDS`, otherwise None."""
    lowered = name.lower()
    return next((suffix for suffix in KINDS if lowered.endswith(suffix)), None)


@cache
def parser_version(kind: Kind) -> str:
    """Return a text that changes when files of a format may be read differently than before."""
    library = _LIBRARIES.get(kind)
    try:
        return f"{_PARSER_VERSION} {library} {version(library)}" if library else f"{_PARSER_VERSION}"
    except PackageNotFoundError:  # without the extra, its files cannot be read
        return f"{_PARSER_VERSION} {library}"
