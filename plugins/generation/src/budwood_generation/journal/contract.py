"""The protocol of journals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import Protocol

from budwood.types import Row, Turn
from budwood_generation.journal.records import Batch, CallDone, Entry, Header, RowFailed, Stage, Totals
from budwood_generation.journal.row_set import RowSet


class Journal(Protocol):
    """
    Stores the finished work of a run. Outputs are written from it.

    All methods may be called from any thread.
    """

    @property
    def header(self) -> Header:
        """The run."""
        ...

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of the run, at least one."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know about the journal: which work was lost because the file was damaged."""
        ...

    def commit(self, *entries: Entry) -> Future[None]:
        """
        Store entries in one transaction. The future is done once they are durable on the disk.

        A row or a turn that is already in the journal stays as it is.

        Raises:
            JournalError: Raised by the future: the entries could not be written. After a failed transaction, such as on
                a full disk, all further ones fail until the journal is opened again.
        """
        ...

    def totals(self) -> Totals:
        """Return sums over all committed entries."""
        ...

    def failures(self) -> Mapping[int, RowFailed]:
        """Return the last failure of each row that failed and is not finished, by index."""
        ...

    def finished(self) -> RowSet:
        """Return the rows that are finished now."""
        ...

    def turns(self, index: int) -> tuple[Turn, ...]:
        """Return the finished turns of a row."""
        ...

    def call(self, index: int, turn: int, purpose: str, digest: str) -> CallDone | None:
        """Return the accepted call with this digest, or None."""
        ...

    def attempts(self, index: int, turn: int, purpose: str) -> int:
        """Return how many replies to this call were rejected."""
        ...

    def calls(self, index: int) -> list[CallDone]:
        """Return all calls of a row, in the order in which they were committed."""
        ...

    def rows(self, after: int = -1) -> Iterator[Row]:
        """Yield the finished rows whose index is greater, in the order of their indexes."""
        ...

    def next_batch(self, limit: int) -> Batch | None:
        """
        Return rows for the storage: in the order in which they were committed, after those that are `Delivered`.

        The end of the batch is committed before it is returned. After a crash the same batch is returned again, with
        the same rows.

        Args:
            limit: The maximum number of rows.

        Returns:
            The batch, or None if all rows are delivered.
        """
        ...

    def close(self) -> None:
        """Commit pending entries, and close. Can be called twice."""
        ...
