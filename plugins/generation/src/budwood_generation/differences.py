"""Differences between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from budwood.types import Row
from budwood.types.record import JSON
from budwood_generation.exports.source import ExportSource, open_source


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """A key of a specification with two values, such as ``conversation.turns``; None where it is not set."""

    key: str
    first: JSON
    second: JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifferences:
    """
    The differences between two runs. Rows are compared by their index.

    Attributes:
        keys: Keys of the specifications that differ, sorted.
        documents: Names of documents that differ or that only one run has, sorted.
        rows_equal: Number of rows with the same content.
        rows_changed: Indexes of rows that both runs have, with different content.
        rows_only_first: Indexes of rows that only the first run has.
        rows_only_second: Indexes of rows that only the second run has.
    """

    keys: tuple[KeyDifference, ...]
    documents: tuple[str, ...]
    rows_equal: int
    rows_changed: tuple[int, ...]
    rows_only_first: tuple[int, ...]
    rows_only_second: tuple[int, ...]

    @property
    def is_equal(self) -> bool:
        """Whether both runs have the same rows, whatever their specifications."""
        return not (self.rows_changed or self.rows_only_first or self.rows_only_second)


def diff_runs(first: str | Path, second: str | Path) -> RunDifferences:
    """
    Compare the specifications, documents and finished rows of two runs, also while they run.

    Args:
        first: The folder of a run, or its output.
        second: The same for another run.

    Raises:
        ConfigurationError: There is no such run.
        JournalError: A journal cannot be read.
    """
    one, two = open_source(first), open_source(second)
    equal, changed, only_first, only_second = 0, [], [], []
    for left, right in _pair(one.rows(), two.rows()):
        if left is None:
            only_second.append(right.index)  # type: ignore[union-attr] # one of both is a row
        elif right is None:
            only_first.append(left.index)
        elif left.data == right.data:
            equal += 1
        else:
            changed.append(left.index)
    return RunDifferences(
        keys=tuple(_compare(one.header.spec, two.header.spec)),
        documents=_compare_documents(one, two),
        rows_equal=equal,
        rows_changed=tuple(changed),
        rows_only_first=tuple(only_first),
        rows_only_second=tuple(only_second),
    )


def _pair(first: Iterator[Row], second: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield the rows with the same index together, in the order of the indexes."""
    left, right = next(first, None), next(second, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.index < right.index):
            yield left, None
            left = next(first, None)
        elif left is None or right.index < left.index:
            yield None, right
            right = next(second, None)
        else:
            yield left, right
            left, right = next(first, None), next(second, None)


def _compare(first: JSON, second: JSON, path: str = "") -> Iterator[KeyDifference]:
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for key in sorted(first.keys() | second.keys()):
            yield from _compare(first.get(key), second.get(key), f"{path}.{key}" if path else key)
    elif first != second:
        yield KeyDifference(path, first, second)


def _compare_documents(first: ExportSource, second: ExportSource) -> tuple[str, ...]:
    one, two = first.documents, second.documents
    return tuple(sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name)))
