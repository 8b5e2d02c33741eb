"""Instruction strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn


class InstructionStrategy(Protocol):
    """Decides what users ask in the conversations of a dataset. All randomness must come from `random`."""

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """Draft `count` cells, distributed over the passages."""
        ...

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Return what the user asks after these turns."""
        ...
