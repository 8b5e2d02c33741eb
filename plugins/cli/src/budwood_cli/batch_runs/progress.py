"""The progress of `budwood batch run`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from budwood_cli import terminal
from budwood_cli.batch_runs.rows import ResultRows
from budwood_cli.progress_display import Step


class Meter:
    """
    Measures how fast requests are finished.

    Args:
        rows: The results.
        total: How many requests there are.
        remaining: Returns how many of them have to be sent, those that failed and are sent again included.
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self,
        rows: ResultRows,
        total: int,
        remaining: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._total = total
        self._remaining = remaining
        self._monotonic = monotonic
        self._started = monotonic()
        self._at_start = remaining()

    def step(self, *, is_stopping: bool = False) -> Step:
        """Return what is shown."""
        remaining = self._remaining()
        total = self._total
        done = total - remaining
        parts = [f"{done:,}/{total:,} requests", *self._speed(remaining), format_cost(self._rows)]
        parts.append(terminal.format_count(self._rows.failed, "error"))
        if is_stopping:
            parts.append("stopping")
        return Step(", ".join(parts), share=done / total if total else 1.0, state=is_stopping)

    def _speed(self, remaining: int) -> tuple[str, ...]:
        """Return the rate and the time that is left, if something is finished."""
        sent = self._at_start - remaining
        seconds = self._monotonic() - self._started
        if sent <= 0 or seconds <= 0:
            return ()
        rate = sent / seconds
        return (f"{rate:.3g}/s", f"{timedelta(seconds=round(remaining / rate))} left")


def format_cost(rows: ResultRows) -> str:
    """Return the known cost of all results."""
    return f"${rows.spent:.4f}" if rows.has_cost or not rows.done else "cost unknown"


def summarize(rows: ResultRows) -> str:
    """Return the result in one line."""
    replies = terminal.format_count(rows.done - rows.failed, "reply").replace("replys", "replies")
    return f"{replies}, {terminal.format_count(rows.failed, 'error')}, {format_cost(rows)}"
