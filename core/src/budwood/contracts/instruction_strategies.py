"""Instruction strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn


class PassageIndex(Protocol):
    """
    All passages of the documents, in the order of the documents.

    Passages are read when they are asked for, since there may be millions; their lengths are known without reading.
    """

    def __len__(self) -> int:
        """Return the number of passages."""
        ...

    def __getitem__(self, number: int, /) -> SourcePassage:
        """
        Return a passage.

        Raises:
            IndexError: The number is negative, or not less than the length.
        """
        ...

    def chars(self, number: int) -> int:
        """Return the number of characters of a passage."""
        ...

    def sentences(self, number: int) -> int:
        """Return the number of sentences of a passage."""
        ...


class Cells(Protocol):
    """
    The drafts of all cells, by number.

    It may also have ``__len__``, the number of cells for which there is material; without it there is no limit. If
    cells set `CellDraft.after`, a method ``find_previous(number)`` that returns it saves drafting the cell.
    """

    def cell(self, number: int, random: Random) -> CellDraft:
        """
        Draft one cell. The result depends only on the arguments, in any order of calls.

        Args:
            number: The number of the cell, from 0.
            random: The source of all randomness, seeded for this cell.

        Raises:
            IndexError: The number is negative, or not less than ``__len__``.
        """
        ...


class InstructionStrategy(Protocol):
    """Decides what users ask in the conversations of a dataset. All randomness must come from its arguments."""

    def prepare(self, passages: PassageIndex, count: int, seed: int) -> Cells:
        """
        Prepare to draft cells. The result is used in place of the strategy's own state, which must not change.

        To use items equally often without a list, see `budwood.providing.ShuffledCycle`; to adapt a strategy that can
        only list its drafts, see `budwood.providing.ListedCells`.

        Args:
            passages: The passages; empty without documents.
            count: The numbers of the cells are less than this.
            seed: The seed for what concerns several cells, such as a random order.

        Raises:
            BudwoodError: The strategy cannot draft cells from these passages.
        """
        ...

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return what the user asks after these turns."""
        ...
