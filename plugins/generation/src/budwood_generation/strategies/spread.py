"""Cells that use passages and other material equally often."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from budwood.contracts import PassageIndex
from budwood.providing import ShuffledCycle
from budwood.types import CellDraft
from budwood.types.record import JSON


class SpreadCells:
    """
    Cells that use each item equally often, and each passage if there are documents.

    Args:
        passages: The passages; may be empty.
        name: The name of the items in the material of a cell.
        items: The items.
        seed: The seed of both orders.
    """

    def __init__(self, passages: PassageIndex, name: str, items: Sequence[JSON], seed: int) -> None:
        self._passages = passages
        self._name = name
        self._items = items
        self._order = ShuffledCycle(len(items), seed, name)
        self._passage_order = ShuffledCycle(len(passages), seed, "passage")

    def cell(self, number: int, random: Random) -> CellDraft:
        """Draft one cell."""
        passage = self._passages[self._passage_order[number]] if len(self._passages) else None
        return CellDraft(passage=passage, material={self._name: self._items[self._order[number]]})
