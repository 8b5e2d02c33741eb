"""A set of rows, as one bit for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class RowSet:
    """
    Indexes of rows.

    Args:
        size: Number of rows of the run; indexes are less than this.
        indexes: The rows in the set.
    """

    def __init__(self, size: int, indexes: Iterable[int] = ()) -> None:
        self._size = size
        self._bits = bytearray((size + 7) // 8)
        self._count = 0
        for index in indexes:
            self.add(index)

    def add(self, index: int) -> None:
        """Add a row. An index outside the run is ignored."""
        if 0 <= index < self._size and index not in self:
            self._bits[index >> 3] |= 1 << (index & 7)
            self._count += 1

    def __contains__(self, index: object) -> bool:
        """Return whether a row is in the set."""
        return isinstance(index, int) and 0 <= index < self._size and bool(self._bits[index >> 3] & (1 << (index & 7)))

    def __len__(self) -> int:
        """Return the number of rows in the set."""
        return self._count

    def __iter__(self) -> Iterator[int]:
        """Yield the rows in the set, in their order."""
        return (index for index in range(self._size) if index in self)

    def missing(self, start: int = 0) -> Iterator[int]:
        """Yield the rows of the run that are not in the set, from an index on, in their order."""
        index = max(start, 0)
        while index < self._size:
            if not index & 7 and self._bits[index >> 3] == 0xFF:
                index += 8
                continue
            if index not in self:
                yield index
            index += 1
