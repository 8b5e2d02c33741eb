"""The protocol of journals."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Protocol

from budwood.types import Row, Turn
from budwood_generation.journal.records import CallDone, Counts, Entry


class Journal(Protocol):
    """Stores the finished work of a run. Outputs are written from it."""

    def commit(self, *entries: Entry) -> Future[None]:
        """
        Store entries in one transaction. The future is done once they are durable on the disk.

        Raises:
            JournalError: Raised by the future: the entries could not be written.
        """
        ...

    def counts(self) -> Counts:
        """Return counts of all entries."""
        ...

    def finished(self) -> frozenset[int]:
        """Return the indexes of finished rows."""
        ...

    def turns(self, row_id: str) -> tuple[Turn, ...]:
        """Return the finished turns of a row."""
        ...

    def call(self, row_id: str, turn: int, purpose: str, digest: str) -> CallDone | None:
        """Return a finished call with this digest, or None."""
        ...

    def rows(self) -> Iterator[Row]:
        """Yield the rows in the order of the cells."""
        ...

    def close(self) -> None:
        """Commit pending entries, and close. Can be called twice."""
        ...
