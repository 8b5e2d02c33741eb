"""Writing rows to a Parquet file, in groups."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import from_json, to_json

from budwood.types import JSON, Row
from budwood_parquet_storage.columns import ColumnType, MismatchError, read_columns

GROUP_ROWS: Final = 10_000
GROUP_BYTES: Final = 8 * 2**20
"""Bounds of a row group: rows, and bytes of their JSON. One group is in memory."""
JSON_FIELDS: Final = b"budwood.json_fields"
"""The key in the metadata of the file that lists the fields whose text is JSON, as paths."""
READ_ROWS: Final = 500

Data = dict[str, JSON]


class RowFile:
    """
    A Parquet file that is being written.

    Args:
        path: The file.
        columns: The columns by name.
        compression: The compression.
    """

    def __init__(self, path: Path, columns: Mapping[str, ColumnType], compression: str) -> None:
        self.path = path
        self.columns = columns
        self._schema = _make_schema(columns)
        self._writer = pq.ParquetWriter(path, self._schema, compression=compression)
        self._group: list[Data] = []
        self._encoded: list[dict[str, Any]] = []
        self._bytes = 0

    def add(self, data: Data) -> None:
        """
        Add a row.

        Raises:
            MismatchError: It does not fit into the columns.
        """
        encoded = self._encode(data)
        self._group.append(data)
        self._encoded.append(encoded)
        self._bytes += len(to_json(data))
        if len(self._group) >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._write_group()

    def finish(self) -> None:
        """Write the last group and the end of the file."""
        if self._encoded:
            self._write_group()
        self._writer.close()

    def abandon(self) -> list[Data]:
        """Close the file, and return the rows that are not in it."""
        self._writer.close()
        return self._group

    def close(self) -> None:
        """Close the file, whatever its state."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()

    def _encode(self, data: Data) -> dict[str, Any]:
        for name in data:
            if name not in self.columns:
                raise MismatchError((name,))
        return {name: column.encode(data.get(name), (name,)) for name, column in self.columns.items()}

    def _write_group(self) -> None:
        columns = {field.name: [row[field.name] for row in self._encoded] for field in self._schema}
        self._writer.write_table(pa.table(columns, schema=self._schema), row_group_size=GROUP_ROWS)
        self._group, self._encoded, self._bytes = [], [], 0


def write_rows(path: Path, rows: Iterable[Row], columns: Mapping[str, ColumnType], compression: str) -> int:
    """
    Write rows to a file. Returns their number.

    If a row does not fit into its columns, the file is written again with JSON text in the column that is too narrow,
    or with a further column. Only one group is in memory.

    Args:
        path: The file. While it is written again, a second one is next to it.
        rows: The rows.
        columns: The columns by name.
        compression: The compression.

    Raises:
        OSError: The file cannot be written. No file remains.
    """
    source: Iterator[Data] = (row.data for row in rows)
    with contextlib.ExitStack() as cleanup:
        for number in range(2**31):
            part = path.with_name(f"{path.name}.{number}")
            cleanup.callback(part.unlink, missing_ok=True)
            file = RowFile(part, columns, compression)
            cleanup.callback(file.close)
            mismatch = _add_all(file, source)
            if mismatch is None:
                file.finish()
                count = int(pq.read_metadata(part).num_rows)
                part.replace(path)
                return count
            rest, data = file.abandon(), mismatch[1]
            source = chain(read_rows(part), rest, [data], source)
            columns = _widen(columns, mismatch[0].path)
    raise AssertionError("unreachable")


def _add_all(file: RowFile, source: Iterator[Data]) -> tuple[MismatchError, Data] | None:
    """Add rows, and return the first one that does not fit, with the error."""
    for data in source:
        try:
            file.add(data)
        except MismatchError as error:
            return error, data
    return None


def _widen(columns: Mapping[str, ColumnType], path: tuple[str, ...]) -> dict[str, ColumnType]:
    name, *rest = path
    column = columns[name].widen(tuple(rest)) if name in columns else ColumnType("json")
    return {**columns, name: column}


def read_rows(path: Path, start: int = 0) -> Iterator[Data]:
    """
    Yield rows of a file from a row number on. Fields without a value are null.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is damaged.
    """
    with pq.ParquetFile(path) as file:
        columns, first = read_columns(file.schema_arrow, _json_paths(file.schema_arrow)), 0
        for group in range(file.num_row_groups):
            last = first + file.metadata.row_group(group).num_rows
            if last > start:
                for number, row in enumerate(_read_group(file, group), first):
                    if number >= start:
                        yield {name: column.decode(row[name]) for name, column in columns.items()}
            first = last


def _read_group(file: pq.ParquetFile, group: int) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(READ_ROWS, row_groups=[group]):
        yield from batch.to_pylist()


def _json_paths(schema: pa.Schema) -> set[tuple[str, ...]]:
    return {tuple(path) for path in from_json((schema.metadata or {}).get(JSON_FIELDS, b"[]"))}


def _make_schema(columns: Mapping[str, ColumnType]) -> pa.Schema:
    fields = [pa.field(name, column.arrow()) for name, column in columns.items()]
    paths = [list(path) for name, column in columns.items() for path in column.json_paths((name,))]
    return pa.schema(fields, metadata={JSON_FIELDS: to_json(paths)})
