"""Progress of a download by a server, on standard error: bars at a terminal, otherwise lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal
from budwood_cli.progress_display import start_bars

if TYPE_CHECKING:
    from budwood.types import PullProgress

SECONDS_BETWEEN_LINES: Final = 5.0

Show = Callable[["PullProgress"], None]


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[Show]:
    """Yield the function that shows progress."""
    if quiet:
        yield lambda _: None
    elif terminal.is_live():
        with _progress_bars() as show:
            yield show
    else:
        yield PullLines()


class PullLines:
    """
    Writes a line whenever the step changes, and one every few seconds during a step.

    Args:
        write: Called with each line.
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self, write: Callable[[str], None] = terminal.note, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._monotonic = monotonic
        self._step: tuple[str, str | None] | None = None
        self._due = 0.0

    def __call__(self, step: PullProgress) -> None:
        """Write a line if the step changed, or if one is due."""
        key = (step.status, step.digest)
        now = self._monotonic()
        if key != self._step or now >= self._due:
            self._step, self._due = key, now + SECONDS_BETWEEN_LINES
            self._write(format_step(step))


def format_step(step: PullProgress) -> str:
    """Return the progress of a download in one line."""
    if not step.total or step.completed is None:
        return step.status
    return f"{step.status}: {step.completed / step.total:.0%} of {_format_size(step.total)}"


def _format_size(count: int) -> str:
    """Format a number of bytes, in powers of 1000."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


@contextmanager
def _progress_bars() -> Iterator[Show]:
    from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with start_bars(*columns) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: PullProgress) -> None:
            status = terminal.escape(step.status)
            if step.digest is None or step.total is None:
                bars.console.print(status, markup=False, highlight=False)
                return
            if step.digest not in tasks:
                tasks[step.digest] = bars.add_task(status, total=step.total)
            bars.update(tasks[step.digest], description=status, completed=step.completed or 0, total=step.total)

        yield show
