"""Finding out which parts make up the finished dataset."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat

from budwood.types import Row
from budwood_s3_storage.manifest import IndexedPart, digest_line
from budwood_s3_storage.parts import PART_BYTES, Line, format_line


class PartSelection:
    """
    Compares the rows of a dataset with those of its parts.

    The rows come once, in the order of their indexes. The row of the first part that has it with the same content is
    kept; it is outdated in all others, as are rows that the dataset no longer has. Rows in no part are missing.

    Attributes:
        rows: The number of rows.

    Args:
        parts: The parts, the preferred ones first. In memory they take 16 bytes a row.
        add: Stores missing rows, in the order of their indexes.
    """

    def __init__(self, parts: Sequence[IndexedPart], add: Callable[[list[Line]], None]) -> None:
        self.rows = 0
        self._parts = parts
        self._add = add
        self._outdated: dict[int, set[int]] = {}
        self._missing: list[Line] = []
        self._missing_bytes = 0
        self._heads = heapq.merge(*(_number(place, part) for place, part in enumerate(parts)))

    def compare(self, rows: Iterable[Row]) -> None:
        """Read all rows of the dataset."""
        head = next(self._heads, None)
        for row in rows:
            self.rows += 1
            index, line = format_line(row)
            digest, found = digest_line(line), False
            while head is not None and head[0] <= index:
                if head[0] == index and head[2] == digest and not found:
                    found = True
                else:
                    self._outdated.setdefault(head[1], set()).add(head[0])
                head = next(self._heads, None)
            if not found:
                self._collect((index, line))
        while head is not None:
            self._outdated.setdefault(head[1], set()).add(head[0])
            head = next(self._heads, None)
        self._flush()

    def complete(self) -> list[IndexedPart]:
        """Return the parts whose rows are all in the dataset."""
        return [part for place, part in enumerate(self._parts) if place not in self._outdated]

    def mixed(self) -> list[tuple[IndexedPart, set[int]]]:
        """Return the parts with some rows of the dataset, and the indexes of their other rows."""
        return [
            (self._parts[place], outdated)
            for place, outdated in sorted(self._outdated.items())
            if len(outdated) < self._parts[place].part.rows
        ]

    def _collect(self, line: Line) -> None:
        if self._missing_bytes + len(line[1]) > PART_BYTES:
            self._flush()
        self._missing.append(line)
        self._missing_bytes += len(line[1])

    def _flush(self) -> None:
        if self._missing:
            self._add(self._missing)
        self._missing, self._missing_bytes = [], 0


def _number(place: int, part: IndexedPart) -> Iterator[tuple[int, int, int]]:
    """Yield the index of each row with the number of the part and the digest of the row."""
    return zip(part.indexes, repeat(place), part.digests, strict=False)
