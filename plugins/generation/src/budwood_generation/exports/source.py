"""The run that is exported, read without changing it, also while another process runs it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_core import from_json

from budwood.types import Row
from budwood_generation.errors import JournalError
from budwood_generation.files import check_path
from budwood_generation.journal import Counts, Header, read_counts, read_header
from budwood_generation.runs.folder import JOURNAL, run_folder_at
from budwood_generation.runs.run import load_saved_spec
from budwood_generation.spec import GenerationSpec

_SUFFIXES: Final = (".jsonl", ".json", ".parquet", ".csv", ".sqlite", ".db")
_PAGE: Final = 500
"""Rows that are read in one transaction, so that a long export does not keep the log of the run from being emptied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """
    A run to export.

    Attributes:
        folder: The folder of the run.
        header: The header of its journal.
        spec: Its specification.
        totals: Counts of its rows and calls.
    """

    folder: Path
    header: Header
    spec: GenerationSpec
    totals: Counts

    @property
    def name(self) -> str:
        """The name of the dataset: that of the output without the suffix of its format."""
        path = Path(self.spec.output_path.name.removesuffix(".gz"))
        return path.stem if path.suffix in _SUFFIXES else path.name

    @property
    def rows_planned(self) -> int:
        """Number of rows that the run will have."""
        return self.header.rows

    @property
    def documents(self) -> Mapping[str, str]:
        """The SHA-256 of each document, by name."""
        return self.header.documents

    def rows(self) -> Iterator[Row]:
        """Yield the finished rows in the order of the plan."""
        return read_rows(self.folder / JOURNAL)


def open_source(run: str | Path) -> ExportSource:
    """
    Open a run for reading.

    Args:
        run: The folder of the run, or its output.

    Raises:
        ConfigurationError: There is no run.
        JournalError: Its journal cannot be read.
    """
    folder = run_folder_at(check_path(run))
    path = folder / JOURNAL
    return ExportSource(folder=folder, header=read_header(path), spec=load_saved_spec(folder), totals=read_counts(path))


def read_rows(path: Path) -> Iterator[Row]:
    """
    Yield the finished rows of a journal by index, also while another process writes it.

    Raises:
        JournalError: The journal cannot be read.
    """
    last = -1
    while page := _read_page(path, last):
        yield from page
        last = page[-1].index


def _read_page(path: Path, after: int) -> list[Row]:
    query = "SELECT place, id, data FROM rows WHERE place > ? ORDER BY place LIMIT ?"
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as found:
            return [
                Row(id=row_id, index=place, data=from_json(data))
                for place, row_id, data in found.execute(query, (after, _PAGE))
            ]
    except (sqlite3.Error, ValueError) as error:
        raise JournalError(f"{path.parent.name}: the journal cannot be read: {error}.") from error
