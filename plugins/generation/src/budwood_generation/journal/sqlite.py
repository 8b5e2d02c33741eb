"""A journal in an SQLite file, for one machine and its local disk."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from pydantic_core import from_json, to_json

from budwood.providing import replace_file
from budwood.types import Row, Turn
from budwood_generation.errors import JournalError
from budwood_generation.journal.filesystems import network_filesystem
from budwood_generation.journal.records import CallDone, Counts, Entry, Header, RowDone, RowFailed, TurnDone

FORMAT: Final = 1
"""The version of the file format, stored as ``user_version``."""

_MAX_BATCH: Final = 1000
_SCHEMA: Final = """
    CREATE TABLE header (value TEXT NOT NULL);
    CREATE TABLE calls (
        row_id TEXT, turn INTEGER, purpose TEXT, digest TEXT NOT NULL, text TEXT NOT NULL, value TEXT NOT NULL,
        input_tokens INTEGER, output_tokens INTEGER, cost TEXT, PRIMARY KEY (row_id, turn, purpose)
    ) WITHOUT ROWID;
    CREATE TABLE turns (
        row_id TEXT, number INTEGER, question TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (row_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE rows (place INTEGER PRIMARY KEY, id TEXT NOT NULL, data TEXT NOT NULL);
    CREATE TABLE failures (place INTEGER PRIMARY KEY, row_id TEXT NOT NULL, reason TEXT NOT NULL);
"""

_Batch = list[tuple[tuple[Entry, ...], "Future[None]"]]


class SQLiteJournal:
    """
    Stores a run in SQLite's write-ahead log; see `budwood_generation.journal.Journal`.

    One thread writes: entries that arrive while it waits for the disk go into its next transaction. All other methods
    must be called from the thread of the run.

    Args:
        path: The file. It is created if it does not exist; its folder must exist.
        header: The header of a new file.

    Raises:
        JournalError: The file cannot be opened, is damaged, or is on a network file system.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self._path = path
        _reject_network(path)
        with _convert_errors(path):
            self._reader = _open(path, header)
        self._queue: SimpleQueue[tuple[tuple[Entry, ...], Future[None]] | None] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="budwood-journal", daemon=True)
        self._thread.start()

    def commit(self, *entries: Entry) -> Future[None]:
        """Store entries; see `Journal.commit`."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # entries are written also if the waiting task is cancelled
        self._queue.put((entries, future))
        return future

    def counts(self) -> Counts:
        """Return counts of all entries."""
        with _convert_errors(self._path):
            return _counts(self._reader)

    def finished(self) -> frozenset[int]:
        """Return the indexes of finished rows."""
        with _convert_errors(self._path):
            return frozenset(place for (place,) in self._reader.execute("SELECT place FROM rows"))

    def turns(self, row_id: str) -> tuple[Turn, ...]:
        """Return the finished turns of a row."""
        query = "SELECT question, answer FROM turns WHERE row_id = ? ORDER BY number"
        with _convert_errors(self._path):
            found = self._reader.execute(query, (row_id,))
            return tuple(Turn(question=question, answer=answer) for question, answer in found)

    def call(self, row_id: str, turn: int, purpose: str, digest: str) -> CallDone | None:
        """Return a finished call with this digest, or None."""
        query = (
            "SELECT text, value, input_tokens, output_tokens, cost FROM calls "
            "WHERE row_id = ? AND turn = ? AND purpose = ? AND digest = ?"
        )
        with _convert_errors(self._path):
            found = self._reader.execute(query, (row_id, turn, purpose, digest)).fetchone()
            if found is None:
                return None
            text, value, input_tokens, output_tokens, cost = found
            return CallDone(
                row_id=row_id,
                turn=turn,
                purpose=purpose,
                digest=digest,
                text=text,
                value=from_json(value),
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cost=None if cost is None else Decimal(cost),
            )

    def rows(self) -> Iterator[Row]:
        """Yield the rows in the order of the cells."""
        with _convert_errors(self._path):
            for place, row_id, data in self._reader.execute("SELECT place, id, data FROM rows ORDER BY place"):
                yield Row(id=row_id, index=place, data=from_json(data))

    def close(self) -> None:
        """Commit pending entries, and close the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._reader.close()

    def _write(self) -> None:
        connection: sqlite3.Connection | None = None
        while batch := self._next_batch():
            try:
                with _convert_errors(self._path):
                    connection = connection or _connect(self._path)
                    self._commit(connection, batch)
            except Exception as error:  # noqa: BLE001 - the waiting tasks receive it
                for _, future in batch:
                    future.set_exception(error)
            else:
                for _, future in batch:
                    future.set_result(None)
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):  # the checkpoint may fail on a full disk; the log remains
                connection.close()

    def _next_batch(self) -> _Batch:
        """Wait for entries, and return all that are queued; an empty batch is the end."""
        batch: _Batch = []
        while not batch or (len(batch) < _MAX_BATCH and not self._queue.empty()):
            item = self._queue.get()
            if item is None:
                self._queue.put(None)
                break
            batch.append(item)
        return batch

    @staticmethod
    def _commit(connection: sqlite3.Connection, batch: _Batch) -> None:
        with connection:
            for entries, _ in batch:
                for entry in entries:
                    _store(connection, entry)


def read_header(path: Path) -> Header:
    """
    Read the header of a journal.

    Raises:
        JournalError: The file cannot be read, is not a journal, or has another version.
    """
    with _convert_errors(path), contextlib.closing(_connect(path, "ro")) as connection:
        return _read_header(connection, path)


def read_counts(path: Path) -> Counts:
    """
    Return counts of a journal, also while another process is writing it.

    Raises:
        JournalError: The file cannot be read.
    """
    with _convert_errors(path), contextlib.closing(_connect(path, "ro")) as connection:
        _check_format(connection, path)
        return _counts(connection)


def _open(path: Path, header: Header) -> sqlite3.Connection:
    if not path.exists():
        _create(path, header)
    connection = _connect(path)
    try:
        _check_format(connection, path)
        _check_pages(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path, header: Header) -> None:
    """Create the file under a temporary name, so that an incomplete file is never opened."""
    part = path.with_suffix(".part")
    for remnant in (part, *_companions(part), *_companions(path)):  # SQLite would apply an old log to the new file
        remnant.unlink(missing_ok=True)
    with replace_file(path, part), contextlib.closing(sqlite3.connect(part, isolation_level=None)) as connection:
        connection.executescript(f"PRAGMA journal_mode = DELETE; BEGIN; {_SCHEMA}")
        connection.execute("INSERT INTO header VALUES (?)", (to_json(header).decode(),))
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.execute("COMMIT")


def _companions(path: Path) -> Iterator[Path]:
    """Yield the files that SQLite creates next to a database."""
    return (path.with_name(f"{path.name}-{ending}") for ending in ("journal", "wal", "shm"))


def _connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30, check_same_thread=False
    )
    if mode == "rw":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # commits survive a power failure
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def _read_header(connection: sqlite3.Connection, path: Path) -> Header:
    _check_format(connection, path)
    table = from_json(connection.execute("SELECT value FROM header").fetchone()[0])
    return Header(**table | {"models": tuple(table["models"])})


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:  # the default of SQLite, also for an empty file
        raise sqlite3.DatabaseError("the file is empty, or is not a journal")
    if version != FORMAT:
        raise JournalError(
            f"{path.parent.name}: the journal has format version {version}, but version {FORMAT} is expected.",
            hint="Use the version of budwood-generation that started the run.",
        )


def _check_pages(connection: sqlite3.Connection) -> None:
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)


def _counts(connection: sqlite3.Connection) -> Counts:
    (rows,) = connection.execute("SELECT count(*) FROM rows").fetchone()
    (turns,) = connection.execute("SELECT count(*) FROM turns").fetchone()
    totals = "SELECT count(*), sum(input_tokens), sum(output_tokens) FROM calls"
    calls, input_tokens, output_tokens = connection.execute(totals).fetchone()
    costs = [Decimal(cost) for (cost,) in connection.execute("SELECT cost FROM calls WHERE cost IS NOT NULL")]
    return Counts(
        rows=rows,
        turns=turns,
        calls=calls,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=sum(costs, Decimal(0)) if costs else None,
        failures=dict(connection.execute("SELECT place, reason FROM failures ORDER BY place").fetchall()),
    )


def _store(connection: sqlite3.Connection, entry: Entry) -> None:
    try:
        _insert(connection, entry)
    except (OverflowError, TypeError, ValueError) as error:  # the entry is not valid; the journal is intact
        raise JournalError(f"A {type(entry).__name__} cannot be stored: {error}.") from error


def _insert(connection: sqlite3.Connection, entry: Entry) -> None:
    match entry:
        case CallDone():
            cost = None if entry.cost is None else str(entry.cost)
            value = to_json(entry.value).decode()
            columns = (entry.row_id, entry.turn, entry.purpose, entry.digest, entry.text, value)
            connection.execute(
                "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*columns, entry.input_tokens, entry.output_tokens, cost),
            )
        case TurnDone():
            connection.execute(
                "INSERT OR REPLACE INTO turns VALUES (?, ?, ?, ?)",
                (entry.row_id, entry.number, entry.turn.question, entry.turn.answer),
            )
        case RowDone(row):
            connection.execute(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", (row.index, row.id, to_json(row.data).decode())
            )
            connection.execute("DELETE FROM failures WHERE place = ?", (row.index,))
        case RowFailed():
            connection.execute(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", (entry.index, entry.row_id, entry.reason)
            )


def _reject_network(path: Path) -> None:
    kind = network_filesystem(path.parent)
    if kind is not None:
        raise JournalError(
            f"{path.parent} is on a network file system ({kind}), which can corrupt the journal.",
            hint="Write the output to a local disk, and copy it after the run.",
        )


@contextlib.contextmanager
def _convert_errors(path: Path) -> Iterator[None]:
    """Convert errors of SQLite to `JournalError`."""
    name = path.parent.name
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        raise JournalError(
            f"{name}: the journal cannot be used: {error}.",
            hint="Free disk space, or make the folder writable.",
        ) from error
    except (sqlite3.DatabaseError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise JournalError(
            f"{name}: the journal is damaged: {error}.",
            hint=f"Restore {path.name} from a backup, or start a new run with another output.",
        ) from error
