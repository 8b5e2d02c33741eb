"""Storages of datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budwood.types import Dataset, Row


class Storage(Protocol):
    """
    Stores the rows of a dataset while a run creates them. Its methods block, and are called by one thread at a time.

    Rows are delivered in batches, in the order in which they were finished, and at least once: after a crash, the last
    batch is delivered again with the same rows.
    """

    def begin(self, dataset: Dataset) -> None:
        """
        Start to store a dataset, or continue with it: rows that are stored stay.

        Raises:
            BudwoodError: The output belongs to another dataset, or cannot be used.
            OSError: The output cannot be written.
        """
        ...

    def put(self, rows: Sequence[Row]) -> None:
        """
        Store a batch durably. A row with the id of a stored one replaces it.

        A storage whose output is a single file may leave all work to `finish`.

        Raises:
            BudwoodError, OSError: The rows cannot be stored. They are delivered again.
        """
        ...

    def finish(self, rows: Iterable[Row]) -> int:
        """
        Bring the output into its final form, in one step: readers see it complete or not at all.

        Afterwards it has exactly these rows: those that were lost since `put` are stored again, others are removed. It
        may be called again when the run was resumed.

        Args:
            rows: All rows of the dataset in the order of their indexes, read while they are iterated.

        Returns:
            The number of rows in the output.

        Raises:
            BudwoodError, OSError: The output cannot be finished. It stays as it was.
        """
        ...

    def load(self, after: int, limit: int) -> Sequence[Row]:
        """
        Read rows of a finished output, in the order of their indexes. It is called after `begin`.

        A storage that does not store indexes numbers the rows from 0.

        Args:
            after: The indexes are greater than this; -1 for all.
            limit: The maximum number of rows.
        """
        ...

    def close(self) -> None:
        """Release connections and files. Can be called twice."""
        ...
