"""What a runner needs of a journal."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Protocol

from budwood.types import Row, Turn
from budwood_generation.journal.records import CallDone, Counts, Entry


class Journal(Protocol):
    """Keeps all that was finished. It is the truth of a run: outputs are made from it."""

    def commit(self, *entries: Entry) -> Future[None]:
        """
        Keep these entries, all or none; done once they outlast the death of the process and of the machine.

        Raises:
            JournalError: From the future: they could not be written.
        """
        ...

    def counts(self) -> Counts:
        """Count what there is."""
        ...

    def finished(self) -> frozenset[int]:
        """List the rows that are done, by index."""
        ...

    def turns(self, row_id: str) -> tuple[Turn, ...]:
        """List the turns of a row that are done."""
        ...

    def call(self, row_id: str, turn: int, purpose: str, digest: str) -> CallDone | None:
        """Return a finished call, if it asked the same."""
        ...

    def rows(self) -> Iterator[Row]:
        """Read the rows, in the order of the cells."""
        ...

    def close(self) -> None:
        """Commit what is under way, and let go. Closing twice is no error."""
        ...
