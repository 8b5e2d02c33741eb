"""Passages in memory, for tests of strategies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from budwood.types import SourcePassage

_SENTENCE_END: Final = re.compile(r"[.!?](?=\s|$)")


class ListedPassages:
    """
    Passages in memory; see `budwood.contracts.PassageIndex`.

    Args:
        passages: The passages.
    """

    def __init__(self, passages: Sequence[SourcePassage]) -> None:
        self._passages = passages

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self._passages)

    def __getitem__(self, number: int) -> SourcePassage:
        """
        Return a passage.

        Raises:
            IndexError: The number is negative, or not less than the length.
        """
        if number < 0:
            raise IndexError(number)
        return self._passages[number]

    def chars(self, number: int) -> int:
        """Return the number of characters of a passage."""
        return len(self[number].text)

    def sentences(self, number: int) -> int:
        """Return the number of marks in a passage that can end a sentence, at least 1 if it has text."""
        text = self[number].text
        return max(len(_SENTENCE_END.findall(text)), 1 if text.strip() else 0)
