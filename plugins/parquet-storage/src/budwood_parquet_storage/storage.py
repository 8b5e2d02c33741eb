"""The storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from budwood.contracts import PluginContext
from budwood.errors import ConfigurationError
from budwood.providing import replace_file
from budwood.types import Dataset, Row
from budwood_parquet_storage.columns import ColumnType, parse_columns
from budwood_parquet_storage.settings import ParquetStorageSettings
from budwood_parquet_storage.writing import read_rows, write_rows


class ParquetStorage:
    """
    Writes a Parquet file whose columns have the types of the JSON schema; see `budwood.contracts.Storage`.

    The file is replaced atomically by `finish`. The same rows give the same bytes with the same version of pyarrow.

    Args:
        settings: The settings of this instance.
        context: The plugin's context.
    """

    def __init__(self, settings: ParquetStorageSettings, context: PluginContext) -> None:
        self._path = settings.output
        self._compression = settings.compression
        self._columns: dict[str, ColumnType] = {}
        self._pages: Iterator[Row] = iter(())
        self._loaded = -1

    def begin(self, dataset: Dataset) -> None:
        """Derive the columns from the schema."""
        self._columns = parse_columns(dataset.schema)

    def put(self, rows: Sequence[Row]) -> None:
        """Do nothing: `finish` writes all rows."""

    def finish(self, rows: Iterable[Row]) -> int:
        """
        Replace the file with these rows.

        Raises:
            OSError: The file cannot be written. The old file is unchanged.
        """
        self.close()
        part = self._path.with_name(f".{self._path.name}.part")
        with replace_file(self._path, part):
            return write_rows(part, rows, self._columns, self._compression)

    def load(self, after: int, limit: int) -> list[Row]:
        """
        Read rows; their indexes are their numbers in the file. It is read once if each page follows the last one.

        Raises:
            OSError: The file cannot be read.
            ConfigurationError: The file is damaged.
        """
        if after != self._loaded or after < 0:
            self._pages = self._read(max(after + 1, 0))
        rows = list(islice(self._pages, limit))
        self._loaded = rows[-1].index if rows else after
        return rows

    def close(self) -> None:
        """Close the file that `load` reads."""
        self._pages = iter(())
        self._loaded = -1

    def _read(self, start: int) -> Iterator[Row]:
        try:
            for index, data in enumerate(read_rows(self._path, start), start):
                yield Row(id=str(data.get("id") or index), index=index, data=data)
        except ValueError as error:  # the errors of Arrow are a subclass
            raise ConfigurationError(f"{self._path.name} is not a Parquet file, or is damaged: {error}.") from error
