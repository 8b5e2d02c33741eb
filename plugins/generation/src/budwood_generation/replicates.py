"""Rows about the same passage: which questions of earlier rows an asker is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from budwood.types import Cell, Turn
from budwood_generation.cells import PlannedCells
from budwood_generation.strategies.seeds import MAX_ASKED


def find_asked(cells: PlannedCells, cell: Cell, turns_of: Callable[[int], Sequence[Turn]]) -> tuple[str, ...]:
    """
    Return the questions of earlier rows about the same passage or material, oldest first; at most `MAX_ASKED`.

    They depend only on the rows before `Cell.after`, which have all ended, so a run that is resumed tells the same.

    Args:
        cells: The cells of the plan.
        cell: The cell of the row that starts.
        turns_of: Returns the turns of a finished row by its index, and none for a row that failed.
    """
    asked: list[str] = []
    for index in _earlier(cells, cell):
        asked[:0] = [turn.question for turn in turns_of(index)]
        if len(asked) >= MAX_ASKED:
            break
    return tuple(asked[-MAX_ASKED:])


def count_asked(cells: PlannedCells, cell: Cell) -> int:
    """Return the number of questions that an asker is told, if earlier rows have as many turns as this one."""
    rows = 0
    for _ in _earlier(cells, cell):
        rows += 1
        if rows * cell.turns >= MAX_ASKED:
            break
    return min(MAX_ASKED, rows * cell.turns)


def _earlier(cells: PlannedCells, cell: Cell) -> Iterator[int]:
    """Yield the indices of earlier rows about the same passage or material, latest first."""
    after = cell.after
    while after is not None:
        yield after
        after = cells.find_previous(after)
