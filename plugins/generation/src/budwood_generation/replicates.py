"""Rows about the same passage: which questions of earlier rows an asker is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from budwood.types import Cell, Turn
from budwood_generation.cells import PlannedCells
from budwood_generation.strategies.seeds import MAX_ASKED

_MAX_FOUND: Final = 4096
"""Rows whose questions are kept in memory; those of others are read from the journal again."""


class AskedQuestions:
    """
    The questions of earlier rows about the same passage or material.

    They depend only on rows before `Cell.after`, which have all ended, so a run that is resumed tells the same.

    Args:
        cells: The cells of the plan.
        turns_of: Returns the finished turns of a row by its index.
    """

    def __init__(self, cells: PlannedCells, turns_of: Callable[[int], Sequence[Turn]]) -> None:
        self._cells = cells
        self._turns_of = turns_of
        self._found: dict[int, tuple[str, ...]] = {}

    def find(self, cell: Cell) -> tuple[str, ...]:
        """Return the questions to tell the asker of a row that starts, oldest first; at most `MAX_ASKED`."""
        asked: list[str] = []
        for index in _earlier(self._cells, cell):
            asked[:0] = [turn.question for turn in self._turns_of(index)]
            if index in self._found:  # the next row about the passage replaces it
                asked[:0] = self._found.pop(index)
                break
            if len(asked) >= MAX_ASKED:
                break
        found = self._found[cell.index] = tuple(asked[-MAX_ASKED:])
        if len(self._found) > _MAX_FOUND:
            del self._found[next(iter(self._found))]
        return found


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
