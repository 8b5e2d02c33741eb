"""The passages of all documents, by number."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from budwood.types import SourcePassage
from budwood_generation.documents.passages import make_passage
from budwood_generation.documents.sources import PassageReader, Source


class DocumentIndex:
    """
    The passages of documents, numbered in the order of the documents; see `budwood.contracts.PassageIndex`.

    Lengths and numbers of sentences are in memory, in eight bytes for each passage; texts are read from the cache.
    Thread-safe. An index with more documents at the end numbers the passages of the first ones alike.

    Args:
        sources: The documents, in order.
        reader: Reads their passages.
    """

    def __init__(self, sources: Iterable[Source], reader: PassageReader) -> None:
        self._sources = tuple(sources)
        self._reader = reader
        self._starts = array("Q", [0])
        self._chars = array("I")
        self._sentences = array("I")
        for source in self._sources:
            self._chars.extend(source.summary.chars)
            self._sentences.extend(source.summary.sentences)
            self._starts.append(len(self._chars))

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self._chars)

    def __getitem__(self, number: int) -> SourcePassage:
        """
        Return a passage.

        Raises:
            IndexError: The number is negative, or not less than the length.
            ConfigurationError: The passage is not in the cache any more, and its document has changed.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        place = bisect_right(self._starts, number) - 1
        source = self._sources[place]
        position = number - self._starts[place]
        return make_passage(source.name, position, self._reader.read(source, position))

    def chars(self, number: int) -> int:
        """Return the number of characters of a passage."""
        return self._chars[number]

    def sentences(self, number: int) -> int:
        """Return the number of sentences of a passage, without those in code and tables."""
        return self._sentences[number]

    @property
    def documents(self) -> dict[str, str]:
        """The SHA-256 of each document by name, in order."""
        return {source.name: source.digest for source in self._sources}

    @property
    def without_passages(self) -> tuple[str, ...]:
        """Names of documents without a passage."""
        return tuple(source.name for source in self._sources if not source.summary.chars)

    @property
    def counts(self) -> Sequence[int]:
        """The number of passages of each document, in order."""
        return [len(source.summary.chars) for source in self._sources]
