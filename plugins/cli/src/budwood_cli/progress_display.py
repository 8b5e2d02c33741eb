"""Progress on standard error: a bar at a terminal, otherwise lines. Data on standard output stays as it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from budwood_cli import terminal

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BETWEEN_LINES: Final = 5.0


@dataclass(frozen=True)
class Step:
    """
    What is shown.

    Attributes:
        text: The progress in one line.
        share: Which share is done, from 0 to 1; None if that is unknown.
        state: In a pipe, a line is written at once when this changes, and otherwise every few seconds.
    """

    text: str
    share: float | None = None
    state: object = None


Show = Callable[[Step], None]


@contextmanager
def show_steps(*, quiet: bool, start: str = "starting", seconds: float = SECONDS_BETWEEN_LINES) -> Iterator[Show]:
    """
    Yield the function that shows a step.

    Args:
        quiet: Whether to show nothing.
        start: The text of a bar before the first step.
        seconds: Seconds between two lines in a pipe.
    """
    if quiet:
        yield lambda _: None
    elif terminal.is_live():
        with _show_bar(start) as show:
            yield show
    else:
        yield StepLines(seconds)


class StepLines:
    """
    Writes a line whenever the state changes, and one every few seconds.

    Args:
        seconds: Seconds between two lines.
        write: Called with each line.
        monotonic: Returns the time in seconds.
    """

    def __init__(
        self,
        seconds: float = SECONDS_BETWEEN_LINES,
        write: Callable[[str], None] = terminal.note,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._write = write
        self._monotonic = monotonic
        self._state: object = None
        self._due = float("-inf")

    def __call__(self, step: Step) -> None:
        """Write a line if the state changed, or if one is due."""
        now = self._monotonic()
        if step.state != self._state or now >= self._due:
            self._state, self._due = step.state, now + self._seconds
            self._write(step.text)


@contextmanager
def _show_bar(start: str) -> Iterator[Show]:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=False, overflow="fold"))
    with start_bars(BarColumn(bar_width=16), TimeElapsedColumn(), text) as bars:
        task = bars.add_task(start, total=None)

        def show(step: Step) -> None:
            total = None if step.share is None else 1.0
            bars.update(task, description=terminal.escape(step.text), total=total, completed=step.share or 0.0)

        yield show


@contextmanager
def start_bars(*columns: object) -> Iterator[Progress]:
    """
    Yield bars of rich that disappear after the block.

    Notes on standard error appear above them. They leave no rows behind when the terminal is made narrower.
    """
    from rich.console import Console
    from rich.progress import Progress

    from budwood_cli.reflowed_render import ReflowedRender

    bars = Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)  # type: ignore[arg-type] # columns of rich
    bars.live._live_render = ReflowedRender(bars.console)  # noqa: SLF001 - rich has no public way to replace it
    with bars:
        yield bars
