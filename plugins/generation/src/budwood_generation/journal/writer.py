"""The thread that writes a journal."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from budwood_generation.errors import JournalError
from budwood_generation.journal.database import connect, find_last, insert, select_totals, update_totals
from budwood_generation.journal.encoding import Columns, encode
from budwood_generation.journal.problems import convert_errors
from budwood_generation.journal.records import Entry, Totals

_MAX_BATCH: Final = 1000

_Item = tuple[list[tuple[Entry, Columns]], "Future[None]"]


class Writer:
    """
    Writes entries in one thread. Those that arrive while it waits for the disk go into its next transaction.

    Args:
        path: The file.

    Attributes:
        totals: The totals after the last transaction.

    Raises:
        JournalError: The file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with convert_errors(path):
            self._connection = connect(path)
            self.totals: Totals = select_totals(self._connection)
            self._last = find_last(self._connection, "seq")
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._closed = False
        self._failure: JournalError | None = None
        self._thread = threading.Thread(target=self._write, name="budwood-journal", daemon=True)
        self._thread.start()

    def commit(self, entries: tuple[Entry, ...]) -> Future[None]:
        """Store entries in one transaction; see `Journal.commit`."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # entries are written also if the waiting task is cancelled
        try:
            encoded = [(entry, encode(entry)) for entry in entries]
        except JournalError as error:
            future.set_exception(error)
        else:
            self._queue.put((encoded, future))
        return future

    def close(self) -> None:
        """Write pending entries, and close the file. Can be called twice."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        while batch := self._next_batch():
            try:
                self._try(batch)
            except Exception as error:  # noqa: BLE001 - the waiting tasks receive it
                for _, future in batch:
                    future.set_exception(error)
            else:
                for _, future in batch:
                    future.set_result(None)
        with suppress(sqlite3.Error):  # the checkpoint may fail on a full disk; the log remains
            self._connection.close()

    def _try(self, batch: list[_Item]) -> None:
        """
        Write entries, unless an earlier transaction failed.

        What a failed transaction has left in SQLite's log must not be overwritten in part: after a crash it would look
        like damage.
        """
        if self._failure is not None:
            raise self._failure
        try:
            with convert_errors(self._path):
                self._commit(batch)
        except JournalError as error:
            self._failure = error
            raise

    def _next_batch(self) -> list[_Item]:
        """Wait for entries, and return all that are queued; an empty batch is the end."""
        batch: list[_Item] = []
        while not batch or (len(batch) < _MAX_BATCH and not self._queue.empty()):
            item = self._queue.get()
            if item is None:
                self._queue.put(None)
                break
            batch.append(item)
        return batch

    def _commit(self, batch: list[_Item]) -> None:
        """
        Write entries and totals in one transaction.

        Raises:
            JournalError: Another process has written to the file.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            last, totals = self._insert(batch)
            update_totals(self._connection, totals)
            self._connection.execute("COMMIT")
        except BaseException as error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.IntegrityError):
                raise JournalError(
                    f"{self._path.parent.name}: another process writes to the journal.",
                    hint="Stop one of them. Finished work is saved.",
                ) from error
            raise
        self._last, self.totals = last, totals

    def _insert(self, batch: list[_Item]) -> tuple[int, Totals]:
        last, totals = self._last, self.totals
        for entries, _ in batch:
            for entry, columns in entries:
                if insert(self._connection, last + 1, columns):
                    last, totals = last + 1, totals.add(entry)
        return last, totals
