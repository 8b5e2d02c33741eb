"""Progress of a long export, on standard error: a bar at a terminal, otherwise lines. A short one shows none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from budwood_cli import terminal
from budwood_cli.progress_display import start_bars

SECONDS_BETWEEN_LINES: Final = 5.0
SECONDS_BETWEEN_UPDATES: Final = 0.5

OnRow = Callable[[int, int], None]
"""Called with the number of rows that were read, and of all rows."""


@contextmanager
def show_export(*, quiet: bool) -> Iterator[OnRow | None]:
    """Yield the function that shows progress, or None if ``quiet``."""
    with ExitStack() as stack:
        if quiet:
            yield None
        elif terminal.is_live():
            yield ExportProgress(_Bar(stack), SECONDS_BETWEEN_UPDATES)
        else:
            yield ExportProgress(_write_line, SECONDS_BETWEEN_LINES)


class ExportProgress:
    """
    Shows the number of rows every few seconds, for the first time after that time.

    Args:
        show: Called with the number of rows that were read, and of all rows.
        interval: Seconds between two calls.
        monotonic: Returns the time in seconds.
    """

    def __init__(self, show: OnRow, interval: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._show = show
        self._interval = interval
        self._monotonic = monotonic
        self._due = monotonic() + interval

    def __call__(self, done: int, total: int) -> None:
        """Show the numbers if it is time."""
        now = self._monotonic()
        if now >= self._due:
            self._due = now + self._interval
            self._show(done, total)


def _write_line(done: int, total: int) -> None:
    terminal.note(f"{done:,}/{total:,} rows")


class _Bar:
    """A bar that appears with the first numbers, and disappears with the stack."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._update: OnRow | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._update is None:
            self._update = self._stack.enter_context(_progress_bar())
        self._update(done, total)


@contextmanager
def _progress_bar() -> Iterator[OnRow]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    columns = (BarColumn(bar_width=16), MofNCompleteColumn(), TextColumn("rows"))
    with start_bars(*columns) as bars:
        task = bars.add_task("rows", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
