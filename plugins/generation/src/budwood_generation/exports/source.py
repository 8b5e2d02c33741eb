"""The run that is exported, read without changing it, also while another process runs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from budwood.types import Row
from budwood_generation import journal
from budwood_generation.journal import JOURNAL, Header, Stage, Totals
from budwood_generation.outputs import dataset_name
from budwood_generation.provenance import Provenance
from budwood_generation.runs.folder import find_run_folder
from budwood_generation.runs.run import load_saved_spec
from budwood_generation.spec import GenerationSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """
    A run to export.

    Attributes:
        folder: The folder of the run.
        header: The header of its journal.
        spec: Its specification.
        stages: Its stages.
        totals: Totals of its rows and calls.
    """

    folder: Path
    header: Header
    spec: GenerationSpec
    stages: tuple[Stage, ...]
    totals: Totals

    @property
    def name(self) -> str:
        """The name of the dataset: that of the output without the suffix of its format."""
        return dataset_name(self.spec.output)

    @property
    def rows_planned(self) -> int:
        """Number of rows that the run will have."""
        return journal.count_rows(self.stages)

    @property
    def documents(self) -> Mapping[str, str]:
        """The SHA-256 of each document, by name."""
        return self.stages[-1].documents

    def rows(self) -> Iterator[Row]:
        """Yield the finished rows in the order of the plan."""
        return journal.read_rows(self.folder / JOURNAL)

    def stored_rows(self) -> Iterator[Row]:
        """Yield the finished rows in the order of the plan, with their provenance as in the output."""
        with journal.open_calls(self.folder / JOURNAL) as calls:
            yield from map(Provenance(self.spec, calls).complete, self.rows())


def open_source(run: str | Path) -> ExportSource:
    """
    Open a run for reading.

    Args:
        run: The folder of the run, or its output.

    Raises:
        ConfigurationError: There is no run.
        JournalError: Its journal cannot be read.
    """
    folder = find_run_folder(run)
    path = folder / JOURNAL
    return ExportSource(
        folder=folder,
        header=journal.read_header(path),
        spec=load_saved_spec(folder),
        stages=journal.read_stages(path),
        totals=journal.read_totals(path),
    )


def read_rows(run: str | Path, after: int = -1) -> Iterator[Row]:
    """
    Yield the finished rows of a run in the order of their indexes, also while another process runs it.

    Args:
        run: The folder of the run, or its output: a file, or a URL, whose run is in the current folder.
        after: The indexes are greater than this; -1 for all.

    Raises:
        ConfigurationError: There is no run.
        JournalError: Its journal cannot be read.
    """
    return journal.read_rows(find_run_folder(run) / JOURNAL, after)
