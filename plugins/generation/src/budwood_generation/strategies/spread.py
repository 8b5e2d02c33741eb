"""Cells that use passages and other material equally often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from budwood.contracts import PassageIndex
from budwood.providing import PromptTemplate, ShuffledCycle
from budwood.types import CellDraft
from budwood.types.record import JSON


class Items:
    """
    Items that cells use equally often.

    Args:
        name: The name of an item in the material of a cell. A record is not named; each of its fields is material.
        items: Texts, templates that other material fills, or records.
        seed: The seed of their order.
    """

    def __init__(self, name: str, items: Sequence[str | Mapping[str, JSON]], seed: int) -> None:
        self._name = name
        self._items = items
        self.order = ShuffledCycle(len(items), seed, name)

    def add_to(self, material: dict[str, JSON], number: int) -> None:
        """Add the item of a cell to its material."""
        if not self._items:
            return
        item = self._items[self.order[number]]
        if isinstance(item, PromptTemplate):
            material[self._name] = item.fill(material)
        elif isinstance(item, str):
            material[self._name] = item
        else:
            material.update(item)


class SpreadCells:
    """
    Cells that use each item equally often, and each passage if there are documents.

    Args:
        passages: The passages; may be empty.
        seed: The seed of their order.
        items: The items, in the order in which they become material.
        waits: Whether a cell waits for the previous one about the same passage, or without passages, the same item of
            the first kind.
    """

    def __init__(self, passages: PassageIndex, seed: int, *items: Items, waits: bool = False) -> None:
        self._passages = passages
        self._items = items
        self._order = ShuffledCycle(len(passages), seed, "passage")
        subjects = [self._order] if len(passages) else [one.order for one in items if one.order.count]
        self._subjects = subjects[0] if waits and subjects else None

    def cell(self, number: int, random: Random) -> CellDraft:
        """Draft one cell."""
        if number < 0:
            raise IndexError(number)
        passage = self._passages[self._order[number]] if len(self._passages) else None
        return CellDraft(
            passage=passage,
            material=draw_material(self._items, number),
            after=self.find_previous(number),
        )

    def find_previous(self, number: int) -> int | None:
        """Return the number of the last cell before this one about the same passage or item, if the cell waits."""
        return self._subjects.find_previous(number) if self._subjects else None


def draw_material(items: Sequence[Items], number: int) -> dict[str, JSON]:
    """Return the material of a cell."""
    material: dict[str, JSON] = {}
    for one in items:
        one.add_to(material, number)
    return material
