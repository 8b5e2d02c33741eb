"""The file of a journal: its tables, and connections to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from pydantic_core import to_json

from budwood.providing import replace_file
from budwood.types import Row
from budwood_generation.errors import JournalFormatError
from budwood_generation.journal import encoding
from budwood_generation.journal.encoding import Columns, encode
from budwood_generation.journal.records import CallDone, Entry, Header, RowFailed, Stage, Totals

FORMAT: Final = 2
"""The version of the file format, stored as ``user_version``."""

APPLICATION: Final = 0x62756400
"""The ``application_id`` of journals without their version, which is added. A damaged version does not match it."""

SCHEMA: Final = """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, row INTEGER NOT NULL, turn INTEGER NOT NULL, data TEXT NOT NULL,
        crc INTEGER NOT NULL
    );
    CREATE INDEX entries_by_row ON entries (kind, row, turn);
    CREATE TABLE totals (data TEXT NOT NULL);
    INSERT INTO totals VALUES ('{}');
"""
"""
Entries are only added, never changed, so that a damaged file can be read page by page. All else is computed from them.
"""

_INSERT: Final = "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_ONCE: Final = (
    "INSERT INTO entries SELECT ?, ?, ?, ?, ?, ? "
    "WHERE NOT EXISTS (SELECT 1 FROM entries WHERE kind = ? AND row = ? AND turn = ?)"
)


def connect(path: Path, mode: str = "rw") -> sqlite3.Connection:
    """Open an existing file: "rw" to write, "ro" to read it."""
    address = f"{path.absolute().as_uri()}?mode={mode}"
    if (
        mode == "ro"
        and not os.access(path.parent, os.W_OK)
        and not any(file.exists() for file in find_companions(path))
    ):
        address += "&immutable=1"  # SQLite cannot create its log here, and without a log nothing writes the file
    connection = sqlite3.connect(address, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
    if mode == "rw":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # commits survive a power failure
        except sqlite3.Error:
            connection.close()
            raise
    return connection


def create(path: Path, entries: Iterable[Entry]) -> None:
    """Create the file under a temporary name, so that an incomplete file is never opened."""
    part = path.with_suffix(".part")
    # SQLite would apply an old log to the new file.
    for remnant in (part, *find_companions(part), *find_companions(path)):
        remnant.unlink(missing_ok=True)
    with replace_file(path, part), closing(sqlite3.connect(part, isolation_level=None)) as connection:
        create_tables(connection)
        for seq, entry in enumerate(entries, 1):
            insert(connection, seq, encode(entry))
        connection.execute("COMMIT")


def create_tables(connection: sqlite3.Connection) -> None:
    """Create the tables of a journal in an open transaction."""
    set_version(connection, FORMAT)
    connection.executescript(f"PRAGMA journal_mode = DELETE; BEGIN; {SCHEMA}")


def set_version(connection: sqlite3.Connection, version: int) -> None:
    """Store the version of the format."""
    connection.execute(f"PRAGMA application_id = {APPLICATION + version}")
    connection.execute(f"PRAGMA user_version = {version}")


def find_companions(path: Path) -> Iterator[Path]:
    """Yield the files that SQLite creates next to a database."""
    return (path.with_name(f"{path.name}-{ending}") for ending in ("journal", "wal", "shm"))


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """
    Check that the file is a journal of this version.

    Raises:
        JournalFormatError: It has another version.
        sqlite3.DatabaseError: It is not a journal, or its version was damaged.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if version != FORMAT and application != APPLICATION + version:
        raise sqlite3.DatabaseError("the file is empty, or is not a journal")
    if version != FORMAT:
        raise JournalFormatError(
            f"{path.parent.name}: the journal has format version {version}, but version {FORMAT} is expected.",
            hint="Use the version of budwood-generation that started the run, or choose another output.",
        )


def insert(connection: sqlite3.Connection, seq: int, columns: Columns) -> bool:
    """Insert an entry, and return whether it was new."""
    key = (columns.kind, columns.row, columns.turn)
    values = (seq, *key, columns.data, columns.checksum(seq))
    if columns.kind in encoding.ONCE:
        return connection.execute(_INSERT_ONCE, (*values, *key)).rowcount > 0
    return connection.execute(_INSERT, values).rowcount > 0


def select(connection: sqlite3.Connection, condition: str, *values: object) -> Iterator[tuple[int, Columns]]:
    """
    Yield sequence numbers and entries.

    Raises:
        ValueError: An entry was changed on the disk.
    """
    query = f"SELECT seq, kind, row, turn, data, crc FROM entries WHERE {condition}"  # noqa: S608 - of this module
    for seq, kind, row, turn, data, crc in connection.execute(query, values):
        columns = Columns(kind, row, turn, data)
        if columns.checksum(seq) != crc:
            raise ValueError(f"wrong checksum of entry {seq}")
        yield seq, columns


def find_last(connection: sqlite3.Connection, column: str, condition: str = "1") -> int:
    """Return the maximum of a column, or 0."""
    query = f"SELECT max({column}) FROM entries WHERE {condition}"  # noqa: S608 - of this package
    return connection.execute(query).fetchone()[0] or 0


def select_header(connection: sqlite3.Connection) -> Header:
    """Return the last header."""
    columns = [columns for _, columns in select(connection, "kind = ? ORDER BY seq DESC LIMIT 1", encoding.HEADER)]
    return encoding.decode_header(columns[0].data)


def select_stages(connection: sqlite3.Connection) -> tuple[Stage, ...]:
    """Return the stages in their order."""
    found = select(connection, "kind = ? ORDER BY row", encoding.STAGE)
    return tuple(encoding.decode_stage(columns.data) for _, columns in found)


def select_notes(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the notes in their order."""
    found = select(connection, "kind = ? ORDER BY row", encoding.NOTE)
    return tuple(encoding.decode_note(columns.data) for _, columns in found)


def select_totals(connection: sqlite3.Connection) -> Totals:
    """Return the totals."""
    return encoding.decode_totals(connection.execute("SELECT data FROM totals").fetchone()[0])


def update_totals(connection: sqlite3.Connection, totals: Totals) -> None:
    """Store the totals."""
    connection.execute("UPDATE totals SET data = ?", (to_json(totals).decode(),))


def select_failures(connection: sqlite3.Connection) -> dict[int, RowFailed]:
    """Return the last failure of each row that is not finished, by index."""
    condition = (
        "kind = ? AND NOT EXISTS (SELECT 1 FROM entries AS done WHERE done.kind = ? AND done.row = entries.row) "
        "ORDER BY row, seq"
    )
    found = select(connection, condition, encoding.FAILURE, encoding.ROW)
    return {columns.row: encoding.decode_failure(columns.row, columns.data) for _, columns in found}


def select_calls(connection: sqlite3.Connection, index: int) -> list[CallDone]:
    """Return all calls of a row, in the order in which they were committed."""
    found = select(connection, "kind = ? AND row = ? ORDER BY seq", encoding.CALL, index)
    return [encoding.decode_call(columns.row, columns.turn, columns.data) for _, columns in found]


def select_rows(connection: sqlite3.Connection, after: int, limit: int) -> list[Row]:
    """Return finished rows whose index is greater, in the order of their indexes."""
    found = select(connection, "kind = ? AND row > ? ORDER BY row LIMIT ?", encoding.ROW, after, limit)
    return [encoding.decode_row(columns.row, columns.data) for _, columns in found]
