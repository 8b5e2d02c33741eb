"""Instruction strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from budwood.types import Cell, CellDraft, Instruction, SourcePassage, Turn


class InstructionStrategy(Protocol):
    """Decides what users ask in a dataset's conversations. Equal input gives equal output: chance is in ``random``."""

    def plan(self, passages: Sequence[SourcePassage], count: int, random: Random) -> Iterable[CellDraft]:
        """Draft ``count`` cells, spread over the passages."""
        ...

    def instruct(self, cell: Cell, turns: Sequence[Turn], random: Random) -> Instruction:
        """Say what the user asks next, after these turns."""
        ...
