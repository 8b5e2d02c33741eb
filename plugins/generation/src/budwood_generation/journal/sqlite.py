"""A journal in an SQLite file, for one machine and its local disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from budwood.types import Row, Turn
from budwood_generation.errors import JournalError
from budwood_generation.journal import encoding
from budwood_generation.journal.database import (
    check_format,
    connect,
    create,
    find_last,
    select,
    select_calls,
    select_failures,
    select_header,
    select_notes,
    select_rows,
    select_stages,
)
from budwood_generation.journal.filesystems import network_filesystem
from budwood_generation.journal.problems import convert_errors
from budwood_generation.journal.reading import ROWS_AT_ONCE
from budwood_generation.journal.records import (
    Batch,
    BatchSent,
    CallDone,
    Entry,
    Header,
    RowFailed,
    Stage,
    Totals,
    count_rows,
)
from budwood_generation.journal.row_set import RowSet
from budwood_generation.journal.writer import Writer


class SQLiteJournal:
    """
    Stores a run in SQLite's write-ahead log; see `budwood_generation.journal.Journal`.

    Args:
        path: The file. It is created if it does not exist; its folder must exist.
        header: The header. If the file has another one, this one is added.
        stages: The stages. Those that are not in the file are added.

    Raises:
        JournalError: The file cannot be opened, is damaged, or is on a network file system.
    """

    def __init__(self, path: Path, header: Header, stages: tuple[Stage, ...]) -> None:
        self._path = path
        _reject_network(path)
        with convert_errors(path):
            if not path.exists():
                create(path, [header, *stages])
            self._reader = connect(path)
            self._row_reader = connect(path)  # for other threads: a connection sees no commit while it reads
        self._delivery = threading.Lock()
        self._scanned = 0
        try:
            self._check_reader(header, stages)
            self._writer = Writer(path)
        except BaseException:
            self._close_readers()
            raise
        try:
            self._store_changes(header, stages)
        except BaseException:
            self.close()
            raise

    def _check_reader(self, header: Header, stages: tuple[Stage, ...]) -> None:
        with convert_errors(self._path):
            check_format(self._reader, self._path)
            self.header = select_header(self._reader)
            self.stages = select_stages(self._reader)
            self.notes = select_notes(self._reader)

    def _store_changes(self, header: Header, stages: tuple[Stage, ...]) -> None:
        changed = [header] if header != self.header else []
        added = stages[len(self.stages) :]
        if changed or added:
            self.commit(*changed, *added).result()
            self.header, self.stages = header, (*self.stages, *added)

    def commit(self, *entries: Entry) -> Future[None]:
        """Store entries; see `Journal.commit`."""
        return self._writer.commit(entries)

    def totals(self) -> Totals:
        """Return sums over all committed entries."""
        return self._writer.totals

    def failures(self) -> dict[int, RowFailed]:
        """Return the last failure of each row that failed and is not finished, by index."""
        with convert_errors(self._path):
            return select_failures(self._reader)

    def finished(self) -> RowSet:
        """Return the rows that are finished now."""
        query = "SELECT row FROM entries WHERE kind = ?"
        with convert_errors(self._path):
            found = self._reader.execute(query, (encoding.ROW,))
            return RowSet(count_rows(self.stages), (index for (index,) in found))

    def turns(self, index: int) -> tuple[Turn, ...]:
        """Return the finished turns of a row."""
        with convert_errors(self._path):
            found = select(self._reader, "kind = ? AND row = ? ORDER BY turn", encoding.TURN, index)
            return tuple(encoding.decode_turn(columns.data) for _, columns in found)

    def call(self, index: int, turn: int, purpose: str, digest: str) -> CallDone | None:
        """Return the accepted call with this digest, or None."""
        for done in self._calls_of_turn(index, turn):
            if (done.purpose, done.digest, done.rejected) == (purpose, digest, None):
                return done
        return None

    def attempts(self, index: int, turn: int, purpose: str) -> int:
        """Return how many replies to this call were rejected."""
        return sum(done.purpose == purpose and done.rejected is not None for done in self._calls_of_turn(index, turn))

    def calls(self, index: int) -> list[CallDone]:
        """Return all calls of a row, in the order in which they were committed."""
        with self._delivery, convert_errors(self._path):
            return select_calls(self._row_reader, index)

    def _calls_of_turn(self, index: int, turn: int) -> list[CallDone]:
        with convert_errors(self._path):
            condition = "kind = ? AND row = ? AND turn = ? ORDER BY seq"
            found = select(self._reader, condition, encoding.CALL, index, turn)
            return [encoding.decode_call(columns.row, columns.turn, columns.data) for _, columns in found]

    def rows(self, after: int = -1) -> Iterator[Row]:
        """Yield the finished rows whose index is greater, in the order of their indexes."""
        while True:
            with self._delivery, convert_errors(self._path):
                rows = select_rows(self._row_reader, after, ROWS_AT_ONCE)
            if not rows:
                return
            yield from rows
            after = rows[-1].index

    def next_batch(self, limit: int) -> Batch | None:
        """Return rows for the storage; see `Journal.next_batch`."""
        with self._delivery, convert_errors(self._path):
            delivered = find_last(self._row_reader, "row", f"kind = {encoding.DELIVERED}")
            until = find_last(self._row_reader, "row", f"kind = {encoding.BATCH}")
            if until <= delivered:
                until = self._find_end(delivered, limit)
                if until <= delivered:
                    return None
                self.commit(BatchSent(until=until)).result()
            found = select(
                self._row_reader, "seq > ? AND seq <= ? AND +kind = ? ORDER BY seq", delivered, until, encoding.ROW
            )
            rows = tuple(encoding.decode_row(columns.row, columns.data) for _, columns in found)
            return Batch(rows=rows, until=until)

    def _find_end(self, delivered: int, limit: int) -> int:
        """Return the sequence number of the last row of the next batch, or 0."""
        start = max(delivered, self._scanned)
        last = find_last(self._row_reader, "seq")
        query = "SELECT seq FROM entries WHERE seq > ? AND +kind = ? ORDER BY seq LIMIT ?"
        found = [seq for (seq,) in self._row_reader.execute(query, (start, encoding.ROW, limit))]
        if not found:
            self._scanned = last
            return 0
        return int(found[-1])

    def close(self) -> None:
        """Commit pending entries, and close the file."""
        self._writer.close()
        self._close_readers()

    def _close_readers(self) -> None:
        self._reader.close()
        self._row_reader.close()


def _reject_network(path: Path) -> None:
    kind = network_filesystem(path.parent)
    if kind is not None:
        raise JournalError(
            f"{path.parent} is on a network file system ({kind}), which can corrupt the journal.",
            hint="Write the output to a local disk, and copy it after the run.",
        )
