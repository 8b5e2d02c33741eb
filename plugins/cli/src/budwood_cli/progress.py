"""Progress of a run, on standard error: a bar at a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal
from budwood_cli.progress_display import start_bars

if TYPE_CHECKING:
    from budwood_generation import Progress, RunInfo, RunReport

SECONDS_BETWEEN_LINES: Final = 5.0

OnProgress = Callable[["Progress"], None]


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[OnProgress | None]:
    """Yield the function that shows progress, or None if ``quiet``."""
    if quiet:
        yield None
    elif terminal.is_live():
        with _progress_bar() as show:
            yield show
    else:
        yield ProgressLines()


class ProgressLines:
    """
    Writes notes, a line at once, one every few seconds, and one when an endpoint or the storage fails or the run stops.

    Args:
        write: Called with each line.
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self, write: Callable[[str], None] = terminal.note, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._monotonic = monotonic
        self._due = float("-inf")
        self._state = (False, False, False)
        self._write_notes = _NotesOnce(write)

    def __call__(self, progress: Progress) -> None:
        """Write a line if one is due."""
        self._write_notes(progress)
        now = self._monotonic()
        state = (progress.waiting is not None, progress.storage_problem is not None, progress.is_stopping)
        is_new = any(new and not old for new, old in zip(state, self._state, strict=True))
        self._state = state
        if is_new or now >= self._due:
            self._due = now + SECONDS_BETWEEN_LINES
            self._write(format_progress(progress))


class _NotesOnce:
    """Writes the notes of the first progress."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._is_done = False

    def __call__(self, progress: Progress) -> None:
        for text in () if self._is_done else progress.notes:
            self._write(f"note: {text}")
        self._is_done = True


def format_progress(progress: Progress) -> str:
    """Return the progress of a run in one line."""
    parts = [f"{progress.rows_done:,}/{progress.rows:,} rows", *_details(progress)]
    return ", ".join(parts)


def usage_parts(done: Progress | RunInfo | RunReport) -> list[str]:
    """Return the number of calls, tokens and US dollars, each as a text; unknown values are named as unknown."""
    calls = terminal.format_count(done.calls, "call")
    if not done.calls:
        return [calls]
    if done.rejected:
        calls += f" ({done.rejected:,} rejected)"
    tokens = "tokens unknown"
    if done.input_tokens is not None and done.output_tokens is not None:
        tokens = terminal.format_count(done.input_tokens + done.output_tokens, "token")
    return [calls, tokens, "cost unknown" if done.cost is None else f"${done.cost:.4f}"]


def _details(progress: Progress) -> list[str]:
    parts = usage_parts(progress)
    if progress.rows_per_second is not None:
        parts.insert(0, f"{progress.rows_per_second:.3g} rows/s")
    parts.append(terminal.format_count(progress.errors, "error"))
    if progress.seconds_left is not None:
        parts.append(f"{timedelta(seconds=round(progress.seconds_left))} left")
    if progress.is_stopping:
        parts.append("stopping after the calls in flight")
    elif progress.waiting is not None:
        parts.append(f"waiting: {progress.waiting}")
    elif progress.silent_seconds:
        parts.append(f"no reply for {progress.silent_seconds:.0f} s")
    if progress.storage_problem is not None:
        parts.append(progress.storage_problem)
    return parts


@contextmanager
def _progress_bar() -> Iterator[OnProgress]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False, overflow="fold"))
    columns = (BarColumn(bar_width=16), MofNCompleteColumn(), text)  # on a narrow terminal the text takes two lines
    with start_bars(*columns) as bars:
        task = bars.add_task("planning", total=None)
        write_notes = _NotesOnce(lambda text: bars.console.print(text, markup=False, highlight=False))

        def show(progress: Progress) -> None:
            write_notes(progress)
            description = f"rows, {', '.join(_details(progress))}"
            bars.update(task, completed=progress.rows_done, total=progress.rows, description=description)

        yield show
