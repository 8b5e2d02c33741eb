"""Rows as JSON lines."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood.providing import replace_file
from budwood.types import JSON, Dataset, Row

_COMPRESSION_LEVEL: Final = 6
"""The default of the program gzip; level 9 takes twice the time for one percent."""


class JSONLStorageSettings(BaseModel):
    """
    Settings of the storage.

    Attributes:
        output: The output file. If its name ends in ``.gz``, it is compressed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: Path


class JSONLStorage:
    """Writes one JSON object per line, in UTF-8. The file is replaced atomically once all rows are on the disk."""

    def __init__(self, settings: JSONLStorageSettings, _context: PluginContext) -> None:
        self._path = settings.output
        self._is_compressed = self._path.suffix.lower() == ".gz"
        self._pages: Iterator[Row] = iter(())
        self._loaded = -1

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
        self.close()
        count = 0
        part = self._path.with_name(f".{self._path.name}.part")
        with replace_file(self._path, part), self._create(part) as file:
            for row in rows:
                file.write(_format_line(row))
                count += 1
        return count

    def load(self, after: int, limit: int) -> list[Row]:
        """
        Read rows; their indexes are the numbers of the lines. The file is read once if each page follows the last one.

        Raises:
            OSError: The file cannot be read.
            ConfigurationError: The file is damaged: a line is not a JSON object, or compressed data is missing.
        """
        if after != self._loaded or after < 0:
            self._pages = (row for row in self._read() if row.index > after)
        rows = list(islice(self._pages, limit))
        self._loaded = rows[-1].index if rows else after
        return rows

    def close(self) -> None:
        """Close the file that `load` reads."""
        self._pages = iter(())
        self._loaded = -1

    @contextlib.contextmanager
    def _create(self, path: Path) -> Iterator[IO[bytes]]:
        """Create a file. A compressed one contains no name and no time, so that the same rows give the same bytes."""
        with path.open("wb") as file:
            if not self._is_compressed:
                yield file
                return
            with (
                gzip.GzipFile("", "wb", _COMPRESSION_LEVEL, file, mtime=0) as compressed,
                io.BufferedWriter(compressed) as buffer,
            ):
                yield buffer

    def _read(self) -> Iterator[Row]:
        with gzip.open(self._path) if self._is_compressed else self._path.open("rb") as file:
            index = -1
            try:
                for index, line in enumerate(file):
                    data = _parse_line(line, self._path.name, index)
                    yield Row(id=str(data.get("id", index)), index=index, data=data)
            except (EOFError, zlib.error) as error:
                raise ConfigurationError(f"{self._path.name} is damaged after line {index + 1}: {error}.") from error


def _format_line(row: Row) -> bytes:
    """Return a row as a line. Line separators of Unicode, which many readers treat as line ends, are escaped."""
    line = to_json(row.data)
    for separator in ("\u0085", "\u2028", "\u2029"):
        line = line.replace(separator.encode(), f"\\u{ord(separator):04x}".encode())
    return line + b"\n"


def _parse_line(line: bytes, name: str, index: int) -> dict[str, JSON]:
    try:
        data = from_json(line)
    except ValueError as error:
        raise ConfigurationError(f"{name}: line {index + 1} is not valid JSON: {error}.") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"{name}: line {index + 1} is not a JSON object.")
    return data
