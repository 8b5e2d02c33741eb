"""Progress of a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from budwood_generation.journal import CallDone, Entry, RowDone, RowFailed, Totals, TurnDone


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    Progress of a run.

    Rows and turns include those of earlier sessions; all other values are of this session. Rates and times are computed
    from the turns of this session, since a row may have been started earlier.

    Attributes:
        rows_done: Number of finished rows, of ``rows``.
        turns_done: Number of finished turns, of ``turns``.
        calls: Number of calls.
        errors: Number of failed rows.
        input_tokens: Tokens sent, or None if unknown.
        output_tokens: Tokens received, or None if unknown.
        cost: US dollars, or None if unknown.
        seconds: Time since the start.
        rows_per_second: Rate, or None before the first turn.
        seconds_left: Estimated remaining time, or None before the first turn.
    """

    rows_done: int
    rows: int
    turns_done: int
    turns: int
    calls: int
    errors: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Decimal | None
    seconds: float
    rows_per_second: float | None
    seconds_left: float | None


class Meter:
    """
    Counts finished work, and reports progress.

    Args:
        before: Totals of earlier sessions.
        rows: Total number of rows.
        turns: Total number of turns.
        report: Called after every change.
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self,
        before: Totals,
        rows: int,
        turns: int,
        report: Callable[[Progress], None] | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.before = before
        self.rows = before.rows
        self.turns = before.turns
        self.calls = 0
        self.errors = 0
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cost: Decimal | None = None
        self._all_rows = rows
        self._all_turns = turns
        self._report = report
        self._monotonic = monotonic
        self._started = monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._monotonic() - self._started

    def count(self, *entries: Entry) -> None:
        """Count committed entries, and report."""
        for entry in entries:
            match entry:
                case CallDone():
                    self._count_call(entry)
                case TurnDone():
                    self.turns += 1
                case RowDone():
                    self.rows += 1
                case RowFailed():
                    self.errors += 1
                case _:
                    pass
        if self._report is not None:
            self._report(self.progress())

    def _count_call(self, done: CallDone) -> None:
        self.calls += 1
        if done.input_tokens is not None:
            self.input_tokens = (self.input_tokens or 0) + done.input_tokens
        if done.output_tokens is not None:
            self.output_tokens = (self.output_tokens or 0) + done.output_tokens
        if done.cost is not None:
            self.cost = (self.cost or Decimal(0)) + done.cost

    def progress(self) -> Progress:
        """Return the current progress."""
        seconds = self.seconds
        turns = self.turns - self.before.turns
        return Progress(
            rows_done=self.rows,
            rows=self._all_rows,
            turns_done=self.turns,
            turns=self._all_turns,
            calls=self.calls,
            errors=self.errors,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost=self.cost,
            seconds=seconds,
            rows_per_second=turns * self._all_rows / self._all_turns / seconds if turns and seconds else None,
            seconds_left=(self._all_turns - self.turns) * seconds / turns if turns else None,
        )
