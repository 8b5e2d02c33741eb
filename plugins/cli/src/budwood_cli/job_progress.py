"""Progress of jobs at vendors, on standard error: a bar at a terminal, otherwise lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal

if TYPE_CHECKING:
    from budwood import JobState

SECONDS_BETWEEN_LINES: Final = 30.0

OnState = Callable[["JobState"], None]


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[OnState | None]:
    """Yield the function that shows the state of a job, or None if ``quiet``."""
    if quiet:
        yield None
    elif terminal.is_live():
        with _progress_bar() as show:
            yield show
    else:
        yield ProgressLines()


class ProgressLines:
    """
    Notes the state of a job whenever its status changes, and every 30 s.

    Args:
        write: Called with each line.
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self, write: Callable[[str], None] = terminal.note, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._monotonic = monotonic
        self._status: str | None = None
        self._due = 0.0

    def __call__(self, state: JobState) -> None:
        """Write a line if the status changed, or if one is due."""
        now = self._monotonic()
        if state.status != self._status or now >= self._due:
            self._status, self._due = state.status, now + SECONDS_BETWEEN_LINES
            self._write(describe_state(state))


def describe_state(state: JobState) -> str:
    """Return the state of a job in one line."""
    progress = f"{state.progress:.0%}" if state.progress is not None and not state.is_ended else None
    counts = state.counts.model_dump(exclude_none=True) if state.counts is not None else {}
    details = [progress, *(f"{number:,} {name}" for name, number in counts.items()), state.error]
    return ", ".join([state.status, *filter(None, details)])


def find_share(state: JobState) -> float | None:
    """Return which share of a job is done, from 0 to 1; None if the vendor does not tell."""
    if state.progress is not None:
        return state.progress
    counts = state.counts
    if counts is None or not counts.total:
        return None
    return ((counts.succeeded or 0) + (counts.failed or 0)) / counts.total


@contextmanager
def show_download(*, quiet: bool) -> Iterator[None]:
    """Show at a terminal that a result is being downloaded."""
    if quiet or not terminal.is_live():
        yield
    else:
        with _progress_bar("downloading"):
            yield


@contextmanager
def _progress_bar(description: str = "submitted") -> Iterator[OnState]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False, overflow="fold"))
    columns = (BarColumn(bar_width=16), TimeElapsedColumn(), text)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(description, total=None)

        def show(state: JobState) -> None:
            share = find_share(state)
            text = terminal.escape(describe_state(state))
            bars.update(task, description=text, total=None if share is None else 1.0, completed=share or 0.0)

        yield show
