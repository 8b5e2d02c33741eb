"""Progress of jobs at vendors, on standard error: a bar at a terminal, otherwise lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from budwood_cli.progress_display import Step, show_steps

if TYPE_CHECKING:
    from budwood import JobState

SECONDS_BETWEEN_LINES: Final = 30.0

OnState = Callable[["JobState"], None]


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[OnState | None]:
    """Yield the function that shows the state of a job, or None if ``quiet``."""
    with show_steps(quiet=quiet, start="submitted", seconds=SECONDS_BETWEEN_LINES) as show:
        yield None if quiet else lambda state: show(as_step(state))


def as_step(state: JobState) -> Step:
    """Return what is shown of the state of a job. A new status is shown at once."""
    return Step(describe_state(state), find_share(state), state.status)


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
    with show_steps(quiet=quiet, start="downloading"):
        yield
