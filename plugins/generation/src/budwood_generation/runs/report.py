"""What came of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that could not be made: its number, from 0, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """
    What came of a run.

    Attributes:
        output: Where the rows are.
        run_folder: Where the journal is.
        rows: How many rows there are; ``rows_wanted`` how many there should be.
        failures: Why there are fewer. Resuming the run tries these rows again.
        calls: How many calls were made this time; ``rows_reused`` is how many rows were done before.
        input_tokens: Sent this time, as far as it is known; ``output_tokens`` received. None where nothing is known.
        cost: US dollars this time, or None where no price is known.
        seconds: How long it took.
        passed_over: How many files the patterns of the documents match that cannot be read, by ending.
    """

    output: Path
    run_folder: Path
    rows: int
    rows_wanted: int
    failures: tuple[Failure, ...]
    calls: int
    rows_reused: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    seconds: float
    passed_over: Mapping[str, int]

    @property
    def complete(self) -> bool:
        """Whether all rows are there."""
        return self.rows == self.rows_wanted
