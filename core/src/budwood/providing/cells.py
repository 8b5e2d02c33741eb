"""Drafting the cells of datasets by number, for strategies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budwood.contracts import PassageIndex
    from budwood.types import CellDraft, SourcePassage

_ROUNDS: Final = 4
"""Rounds of the Feistel network; four suffice for a permutation that looks random (Luby and Rackoff, 1988)."""
_MIXERS: Final = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""The multipliers of splitmix64; source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators"."""
_MASK: Final = (1 << 64) - 1


class ShuffledCycle:
    """
    Uses items equally often, in a random order: all of them, then all again in another order, without end.

    The order is computed for each number, not stored, so that a dataset may have millions of cells. How often two
    items are used differs by at most one.

    Args:
        count: The number of items.
        seed: The seed of the order.
        purpose: Distinguishes the orders of several cycles with the same seed.

    Attributes:
        count: The number of items.
    """

    def __init__(self, count: int, seed: int, purpose: str = "") -> None:
        self.count = count
        self._seed = seed
        self._purpose = purpose
        self._bits = max(1, ((count - 1).bit_length() + 1) // 2)
        self._keys: tuple[int, tuple[int, ...]] = (-1, ())

    def __getitem__(self, number: int) -> int:
        """
        Return the item for a number from 0.

        Raises:
            IndexError: There are no items, or the number is negative.
        """
        if number < 0 or not self.count:
            raise IndexError(number)
        turn, place = divmod(number, self.count)
        keys = self._find_keys(turn)
        while True:  # the network permutes a range of which the items are at least a quarter
            place = _permute(place, self._bits, keys)
            if place < self.count:
                return place

    def find_previous(self, number: int) -> int | None:
        """
        Return the greatest number before the given one that has the same item, or None if there is none.

        Raises:
            IndexError: There are no items, or the number is negative.
        """
        place = self[number]
        turn = number // self.count - 1
        if turn < 0:
            return None
        keys = self._find_keys(turn)[::-1]
        while True:
            place = _swap(_permute(_swap(place, self._bits), self._bits, keys), self._bits)
            if place < self.count:
                return turn * self.count + place

    def _find_keys(self, turn: int) -> tuple[int, ...]:
        known, keys = self._keys
        if known != turn:
            digest = hashlib.sha256(f"{self._seed} {self._purpose} {turn}".encode("utf-8", "backslashreplace")).digest()
            keys = tuple(int.from_bytes(digest[8 * part : 8 * part + 8], "big") for part in range(_ROUNDS))
            self._keys = turn, keys
        return keys


def _permute(number: int, bits: int, keys: Sequence[int]) -> int:
    """Permute the numbers of ``2 * bits`` bits by a Feistel network."""
    mask = (1 << bits) - 1
    left, right = number >> bits, number & mask
    for key in keys:
        mixed = (right + key) & _MASK
        for shift, mixer in zip((30, 27), _MIXERS, strict=True):
            mixed = ((mixed ^ (mixed >> shift)) * mixer) & _MASK
        left, right = right, left ^ ((mixed ^ (mixed >> 31)) & mask)
    return left << bits | right


def _swap(number: int, bits: int) -> int:
    """Swap the halves of a number of ``2 * bits`` bits, which makes the network invertible."""
    return (number & ((1 << bits) - 1)) << bits | number >> bits


class ListedCells:
    """
    The cells of a strategy that can only list its drafts.

    All passages and drafts are kept in memory, and created at once: memory grows with the number of cells.

    Args:
        plan: Lists drafts: called with all passages, the number of drafts and a source of randomness.
        passages: The passages.
        count: The number of drafts.
        seed: The seed for the source of randomness.
    """

    def __init__(
        self,
        plan: Callable[[Sequence[SourcePassage], int, Random], Iterable[CellDraft]],
        passages: PassageIndex,
        count: int,
        seed: int,
    ) -> None:
        loaded = [passages[number] for number in range(len(passages))]
        self._drafts = list(islice(plan(loaded, count, Random(seed)), count))

    def __len__(self) -> int:
        """Return the number of drafts."""
        return len(self._drafts)

    def cell(self, number: int, random: Random) -> CellDraft:
        """
        Return a draft.

        Raises:
            IndexError: The number is negative, or not less than the length.
        """
        if number < 0:
            raise IndexError(number)
        return self._drafts[number]
