"""Reading CSV, TSV and JSON Lines, for documents and for seeds."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from threading import RLock
from typing import TYPE_CHECKING, Final

from pydantic_core import from_json

from budwood.types.record import JSON

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

_SEPARATORS: Final = ",;\t|"
_NO_SEPARATOR: Final = "\x1f"  # the csv module needs one: U+001F, which separates units in ASCII
_SAMPLE_CHARS: Final = 65_536
_MAX_FIELD: Final = 2**31 - 1
_lock: Final = RLock()


@contextmanager
def open_csv(text: str, separator: str | None = None) -> Iterator[CSVReader]:
    """
    Return a reader of a table, with quotes as in RFC 4180 and fields of any length.

    Args:
        text: The table.
        separator: The character between fields. By default that of comma, semicolon, tab and vertical bar that is most
            frequent in the first two lines. If the first line has none of them, each line is one field.
    """
    with _lock:  # the limit belongs to the process
        limit = csv.field_size_limit(_MAX_FIELD)
        try:
            yield csv.reader(StringIO(text, newline=""), delimiter=separator or _find_separator(text), strict=True)
        finally:
            csv.field_size_limit(limit)


def _find_separator(text: str) -> str:
    lines = text[:_SAMPLE_CHARS].strip("\n").split("\n")[:2]
    if not any(separator in lines[0] for separator in _SEPARATORS):
        return _NO_SEPARATOR
    return max(
        _SEPARATORS, key=lambda separator: (min(line.count(separator) for line in lines), lines[0].count(separator))
    )


def parse_json_line(line: str) -> JSON:
    """
    Parse a line of a file of JSON lines.

    Raises:
        ValueError: It is not valid.
    """
    try:
        value: JSON = from_json(line)
    except ValueError as error:
        reason = str(error).replace(" at line 1 column ", " at column ")  # the text is one line of the file
        raise ValueError(f"not valid JSON: {reason}") from error
    return value
