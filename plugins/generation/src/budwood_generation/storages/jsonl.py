"""Rows as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from budwood.contracts import PluginContext
from budwood.providing import replace_file
from budwood.types import Dataset, Row


class JSONLStorageSettings(BaseModel):
    """
    Settings of the storage.

    Attributes:
        output: The output file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: Path


class JSONLStorage:
    """Writes one JSON object per line, in UTF-8. The file is replaced atomically once all rows are on the disk."""

    def __init__(self, settings: JSONLStorageSettings, _context: PluginContext) -> None:
        self._path = settings.output

    def begin(self, dataset: Dataset) -> None:
        """Do nothing: `finish` writes the file."""

    def put(self, rows: Sequence[Row]) -> None:
        """Do nothing: `finish` writes all rows."""

    def finish(self, rows: Iterable[Row]) -> int:
        """
        Replace the file with these rows.

        Raises:
            OSError: The file cannot be written. The old file is unchanged.
        """
        count = 0
        part = self._path.with_name(f".{self._path.name}.part")
        with replace_file(self._path, part), part.open("wb") as file:
            for row in rows:
                file.write(_format_line(row))
                count += 1
        return count

    def load(self, after: int, limit: int) -> list[Row]:
        """Read rows; their indexes are the numbers of the lines."""
        return list(islice((row for row in self._read() if row.index > after), limit))

    def close(self) -> None:
        """Do nothing: no file is open."""

    def _read(self) -> Iterator[Row]:
        with self._path.open("rb") as file:
            for index, line in enumerate(file):
                data = from_json(line)
                yield Row(id=str(data.get("id", index)), index=index, data=data)


def _format_line(row: Row) -> bytes:
    """Return a row as a line. Line separators of Unicode, which many readers treat as line ends, are escaped."""
    line = to_json(row.data)
    for separator in ("\u0085", "\u2028", "\u2029"):
        line = line.replace(separator.encode(), f"\\u{ord(separator):04x}".encode())
    return line + b"\n"
