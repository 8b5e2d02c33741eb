"""The passages of all documents, by number."""

from __future__ import annotations

from collections.abc import Sequence

from budwood.types import SourcePassage
from budwood_generation.documents.sentences import sentence_ends


class ListedPassages:
    """Passages in memory; see `budwood.contracts.PassageIndex`."""

    def __init__(self, passages: Sequence[SourcePassage]) -> None:
        self._passages = passages

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self._passages)

    def __getitem__(self, number: int) -> SourcePassage:
        """Return a passage."""
        if number < 0:
            raise IndexError(number)
        return self._passages[number]

    def chars(self, number: int) -> int:
        """Return the number of characters of a passage."""
        return len(self._passages[number].text)

    def sentences(self, number: int) -> int:
        """Return the number of sentences of a passage."""
        return len(sentence_ends(self._passages[number].text))
