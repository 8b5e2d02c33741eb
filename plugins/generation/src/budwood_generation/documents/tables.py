"""CSV, TSV and JSON Lines: each record is one passage."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pydantic_core import to_json

from budwood_generation.documents.records import Record
from budwood_generation.tables import open_csv, parse_json_line

if TYPE_CHECKING:
    from _csv import Reader as CSVReader

_MAX_PROBLEMS: Final = 5
"""Lines that are listed; the others are counted."""


@dataclass(slots=True)
class Table:
    """
    The records of a file.

    Attributes:
        records: The records.
        problems: What could not be read, with the number of its line.
    """

    records: list[Record] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_csv(text: str, *, separator: str | None = None) -> Table:
    """
    Read a table whose first line has the names of the columns. Empty fields are omitted.

    Args:
        text: The file, with quotes as in RFC 4180.
        separator: The character between fields; by default it is found in the first two lines.
    """
    table = _Builder()
    with open_csv(text, separator) as reader:
        names: Sequence[str] = ()
        for line, row in _rows(reader, table):
            if not names:
                names = [name.strip() or f"column {place}" for place, name in enumerate(row, 1)]
            elif len(row) == len(names):
                table.add(zip(names, row, strict=True))
            elif any(map(str.strip, row)):
                table.add_problem(line, f"it has {len(row)} fields instead of {len(names)}")
    return table.finish()


def _rows(reader: CSVReader, table: _Builder) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with the number of their first line."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the next call continues with the next line
            table.add_problem(line, str(error))
            continue
        if any(map(str.strip, row)) or len(row) > 1:
            yield line, row


def read_jsonl(text: str) -> Table:
    """Read a file with one JSON object in each line. Fields that are null are omitted."""
    table = _Builder()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = parse_json_line(line)
        except ValueError as error:
            table.add_problem(number, f"it is {error}")
            continue
        if isinstance(value, dict):
            table.add((name, _as_text(item)) for name, item in value.items() if item is not None)
        else:
            table.add_problem(number, "it is not a JSON object")
    return table.finish()


class _Builder:
    def __init__(self) -> None:
        self._table = Table()
        self._hidden_problems = 0

    def add(self, fields: Iterable[tuple[str, str]]) -> None:
        lines = [f"{name}: {text}" for name, value in fields if (text := value.strip())]
        if lines:
            self._table.records.append(Record("\n".join(lines).encode("utf-8", "replace").decode("utf-8")))

    def add_problem(self, line: int, reason: str) -> None:
        if len(self._table.problems) < _MAX_PROBLEMS:
            self._table.problems.append(f"Line {line} was skipped: {reason}.")
        else:
            self._hidden_problems += 1

    def finish(self) -> Table:
        if self._hidden_problems:
            self._table.problems.append(f"{self._hidden_problems:,} more lines were skipped.")
        return self._table


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else to_json(value).decode()
