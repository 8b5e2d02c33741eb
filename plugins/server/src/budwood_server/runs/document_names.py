"""The names that uploaded documents may have."""

from __future__ import annotations

import re
from typing import Final

from budwood_server.web.problems import reject

NAME_PATTERN: Final = r"^[^/\\\x00-\x1f\x7f. ~][^/\\\x00-\x1f\x7f]{0,199}$"
"""The name of a file, without a folder. It does not begin with a period."""

SUFFIXES: Final = (
    *(".csv", ".htm", ".html", ".json", ".jsonl", ".markdown", ".md", ".ndjson", ".pdf", ".rst", ".text", ".tsv"),
    ".txt",
)
"""What names end with: the types of documents, and of files with values or a schema."""  # a test compares them


def check_name(name: str, param: str) -> None:
    """
    Check the name of a file that is uploaded.

    Args:
        name: The name.
        param: The field that has it, for errors.

    Raises:
        ProblemError: 400: it has characters that cannot be seen or are not allowed, or is of a type that no run reads.
    """
    if re.fullmatch(NAME_PATTERN, name) is None or not name.isprintable():
        raise reject(
            f"The name {name[:80]!r} is not valid.",
            param=param,
            hint="Rename it: a name has at most 200 characters that can be seen, and does not begin with a period, "
            "a space or '~'.",
        )
    if not name.lower().endswith(SUFFIXES):
        raise reject(
            f"The file {name[:80]!r} has an unsupported type.",
            param=param,
            hint=f"Convert it to one of {', '.join(SUFFIXES)}.",
        )


def check_content(name: str, size: int, param: str) -> None:
    """
    Check that a file that is uploaded has a content.

    Raises:
        ProblemError: 400: it is empty.
    """
    if not size:
        raise reject(
            f"The file {name!r} is empty.", param=param, code="empty_file", hint="Upload a file that has a content."
        )
