"""
Writers of JSON lines, CSV and Parquet. None holds more than one batch of records in memory.

They write to a file that is open. Closing a writer writes what is left, and leaves the file open.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import TextIOWrapper
from typing import Any, BinaryIO, Final, Protocol

from pydantic_core import to_json

from budwood_generation.errors import OutputError
from budwood_generation.exports.arrow import arrow_fields, import_pyarrow, json_text
from budwood_generation.exports.columns import Column

_BATCH_BYTES: Final = 16 * 2**20
"""Size of a row group of a Parquet file, measured as JSON."""

_LINE_SEPARATORS: Final = {
    character.encode(): f"\\u{ord(character):04x}".encode() for character in ("\u0085", "\u2028", "\u2029")
}


class Writer(Protocol):
    """Writes records to a file."""

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class LinesWriter:
    """
    Writes one JSON object per line, in UTF-8.

    Separators of lines in Unicode are escaped, because many readers end a line there.

    Args:
        file: The file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record as a line."""
        line = to_json(record)
        for separator, escaped in _LINE_SEPARATORS.items():
            line = line.replace(separator, escaped)
        self._file.write(line + b"\n")

    def close(self) -> None:
        """Do nothing: all lines are written."""


class CSVWriter:
    """
    Writes a table with a line of titles, in UTF-8, with commas (RFC 4180).

    Texts are written as they are, numbers as in JSON, and lists and objects as JSON. An empty field is a missing value.

    Args:
        file: The file.
        columns: The columns of the table.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._names = [column.name for column in columns]
        self._file = TextIOWrapper(file, encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow(self._names)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record as a line."""
        self._writer.writerow([_csv_field(record.get(name)) for name in self._names])

    def close(self) -> None:
        """Write what is left."""
        self._file.detach()


class ParquetWriter:
    """
    Writes a Parquet file with typed columns, compressed with Zstandard.

    Args:
        file: The file.
        columns: The columns of the table.

    Raises:
        ConfigurationError: The package pyarrow is not installed.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[Column]) -> None:
        self._arrow = import_pyarrow()
        self._columns = columns
        self._schema, self._converts = arrow_fields(columns)
        self._batch: list[Mapping[str, Any]] = []
        self._bytes = 0
        self._file = self._arrow.parquet.ParquetWriter(file, self._schema, compression="zstd")

    def write(self, record: Mapping[str, Any]) -> None:
        """
        Add a record to the batch, and write the batch if it is large.

        Raises:
            OutputError: A value does not fit the type of its column.
        """
        self._batch.append(record)
        self._bytes += len(to_json(record))
        if self._bytes >= _BATCH_BYTES:
            self._flush()

    def close(self) -> None:
        """Write the last batch, and the description of the file after it."""
        try:
            self._flush()
            self._file.close()
        finally:
            self._file.is_open = False  # also after an error: it would be closed once more when it is collected

    def _flush(self) -> None:
        if self._batch:
            arrays = [self._array(number) for number in range(len(self._columns))]
            self._file.write_table(self._arrow.table(arrays, schema=self._schema))
        self._batch, self._bytes = [], 0

    def _array(self, number: int) -> Any:  # noqa: ANN401 - pyarrow has no types
        name, kind, convert = self._columns[number].name, self._schema.field(number).type, self._converts[number]
        try:
            return self._arrow.array([convert(record.get(name)) for record in self._batch], kind)
        except (self._arrow.ArrowException, AttributeError, OverflowError, TypeError, ValueError) as error:
            raise OutputError(
                f"A value in the column {name!r} does not fit the type {kind} of its schema: {error}.",
                hint="Export to jsonl or csv, or correct the schema.",
            ) from error


def _csv_field(value: object) -> object:
    return value if value is None or isinstance(value, str) else json_text(value)
