"""How far a server is with a model, on standard error: bars on a terminal, a line for each part elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal

if TYPE_CHECKING:
    from budwood.types import PullProgress

SECONDS_BETWEEN_LINES: Final = 5.0

Show = Callable[["PullProgress"], None]


@contextmanager
def shown(*, quiet: bool) -> Iterator[Show]:
    """Give what shows the progress, in the form that fits standard error."""
    if quiet:
        yield lambda _: None
    elif terminal.is_live():
        with _bars() as show:
            yield show
    else:
        yield PullLines()


class PullLines:
    """
    Writes a line whenever the server does something else, and one every few seconds in between.

    Args:
        write: Takes a line.
        monotonic: The time.
    """

    def __init__(
        self, write: Callable[[str], None] = terminal.note, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._monotonic = monotonic
        self._doing: tuple[str, str | None] | None = None
        self._due = 0.0

    def __call__(self, step: PullProgress) -> None:
        """Take note of how far the server is."""
        doing = (step.status, step.digest)
        now = self._monotonic()
        if doing != self._doing or now >= self._due:
            self._doing, self._due = doing, now + SECONDS_BETWEEN_LINES
            self._write(line(step))


def line(step: PullProgress) -> str:
    """Say in one line how far the server is."""
    if not step.total or step.completed is None:
        return step.status
    return f"{step.status}: {step.completed / step.total:.0%} of {_size(step.total)}"


def _size(count: int) -> str:
    """Write a number of bytes as people read it, in powers of 1000."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


@contextmanager
def _bars() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: PullProgress) -> None:
            status = terminal.escaped(step.status)
            if step.digest is None or step.total is None:
                bars.console.print(status, markup=False, highlight=False)
                return
            if step.digest not in tasks:
                tasks[step.digest] = bars.add_task(status, total=step.total)
            bars.update(tasks[step.digest], description=status, completed=step.completed or 0, total=step.total)

        yield show
