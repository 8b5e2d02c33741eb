"""The progress of a run, on standard error: live on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal

if TYPE_CHECKING:
    from budwood_generation import Progress, RunReport

SECONDS_BETWEEN_LINES: Final = 5.0

OnProgress = Callable[["Progress"], None]


@contextmanager
def shown(*, quiet: bool) -> Iterator[OnProgress | None]:
    """Give what shows the progress, in the form that fits standard error; None where it shall be quiet."""
    if quiet:
        yield None
    elif terminal.is_live():
        with _live() as show:
            yield show
    else:
        yield Lines()


class Lines:
    """
    Writes a line for the first progress, and then one every few seconds.

    Args:
        write: Takes a line.
        monotonic: The time.
    """

    def __init__(
        self, write: Callable[[str], None] = terminal.note, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._monotonic = monotonic
        self._due = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Take note of how far the run is."""
        now = self._monotonic()
        if now >= self._due:
            self._due = now + SECONDS_BETWEEN_LINES
            self._write(line(progress))


def line(progress: Progress) -> str:
    """Say in one line how far a run is."""
    parts = [f"{progress.rows_done:,}/{progress.rows:,} rows", *_details(progress)]
    return ", ".join(parts)


def spent(done: Progress | RunReport) -> list[str]:
    """Say how many calls were made and what they took; what is unknown is said to be."""
    calls = terminal.counted(done.calls, "call")
    if not done.calls:
        return [calls]
    tokens = "tokens unknown"
    if done.input_tokens is not None and done.output_tokens is not None:
        tokens = terminal.counted(done.input_tokens + done.output_tokens, "token")
    return [calls, tokens, "cost unknown" if done.cost is None else f"${done.cost:.4f}"]


def _details(progress: Progress) -> list[str]:
    parts = spent(progress)
    if progress.rows_per_second is not None:
        parts.insert(0, f"{progress.rows_per_second:.3g} rows/s")
    parts.append(terminal.counted(progress.errors, "error"))
    if progress.seconds_left is not None:
        parts.append(f"{timedelta(seconds=round(progress.seconds_left))} left")
    return parts


@contextmanager
def _live() -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    said = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False, overflow="fold"))
    columns = (BarColumn(bar_width=16), MofNCompleteColumn(), said)  # on a narrow terminal the text takes two lines
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("rows", total=None)

        def show(progress: Progress) -> None:
            description = f"rows, {', '.join(_details(progress))}"
            bars.update(task, completed=progress.rows_done, total=progress.rows, description=description)

        yield show
