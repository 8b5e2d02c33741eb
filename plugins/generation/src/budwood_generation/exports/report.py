"""The report of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """
    The result of an export.

    Attributes:
        format: The name of the format.
        files: The files that were written.
        rows: Number of rows in each split; without a split, all are in "train".
        rows_planned: Number of rows that the run will have.
        skipped: Number of rows that the format cannot hold, by reason.
        notes: What the user should know about the files, such as a split without a row.
    """

    format: str
    files: tuple[Path, ...]
    rows: Mapping[str, int]
    rows_planned: int
    skipped: Mapping[str, int]
    notes: tuple[str, ...]
