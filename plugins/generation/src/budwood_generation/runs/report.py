"""The report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from budwood_generation.documents import UnreadableDocument


@dataclass(frozen=True, slots=True)
class Failure:
    """
    A row that failed.

    Attributes:
        index: The number of the row, from 0.
        reason: The error, for people.
        error: The name of the error's class.
    """

    index: int
    reason: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """
    The result of a run. Calls, tokens, cost and time are those of this session; ``total_…`` are those of all sessions.

    Attributes:
        output: The output file, or the URL without credentials.
        run_folder: The folder of the journal.
        rows: Number of rows in the output.
        rows_requested: Number of rows in the specification.
        failures: The rows that failed. Resuming the run tries them again.
        calls: Number of calls that were paid, also those whose reply was rejected.
        rejected: Number of calls whose reply was rejected.
        rows_reused: Number of rows that were finished in earlier sessions.
        input_tokens: Tokens sent, or None if unknown.
        output_tokens: Tokens received, or None if unknown.
        cost: US dollars, or None if no price is known.
        total_calls: The same of all sessions, and so are the following.
        total_input_tokens: Tokens sent, or None if unknown.
        total_output_tokens: Tokens received, or None if unknown.
        total_cost: US dollars, or None if no price is known.
        seconds: Duration.
        paused_seconds: Time in which calls of a model had to wait for its endpoint.
        unreadable: Documents, or lines of them, that were skipped because they cannot be read.
        skipped_files: Number of files that match the document patterns but cannot be read, by suffix.
        notes: What was lost because the journal was damaged, and which documents are not used.
    """

    output: Path | str
    run_folder: Path
    rows: int
    rows_requested: int
    failures: tuple[Failure, ...]
    calls: int
    rejected: int
    rows_reused: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    total_calls: int
    total_input_tokens: int | None
    total_output_tokens: int | None
    total_cost: Decimal | None
    seconds: float
    paused_seconds: float
    skipped_files: Mapping[str, int]
    unreadable: tuple[UnreadableDocument, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the output has all rows."""
        return self.rows == self.rows_requested
