"""Salvage of a damaged journal: what can be read is copied to a new file."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from budwood.providing import replace_file
from budwood.types import Row, Turn
from budwood_generation.errors import JournalFormatError
from budwood_generation.journal import encoding
from budwood_generation.journal.database import (
    connect,
    create_tables,
    find_companions,
    find_last,
    insert,
    select,
    select_totals,
    update_totals,
)
from budwood_generation.journal.encoding import Columns, encode
from budwood_generation.journal.pages import PageFile, Value
from budwood_generation.journal.records import Entry, Note, Totals, TurnDone

_INSERT: Final = "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?, ?, ?)"
_DELETE_LATER_TURNS: Final = """
    DELETE FROM entries WHERE kind = :turn AND turn <> (
        SELECT count(*) FROM entries AS earlier
        WHERE earlier.kind = :turn AND earlier.row = entries.row AND earlier.turn < entries.turn
    )
"""
"""A turn after a lost one answers what will be asked in another way."""
_DELETE_LAST_TURNS: Final = """
    DELETE FROM entries WHERE kind = :turn AND turn = (
        SELECT max(turn) FROM entries AS same WHERE same.kind = :turn AND same.row = entries.row
    ) AND NOT EXISTS (SELECT 1 FROM entries AS done WHERE done.kind = :row AND done.row = entries.row)
"""
"""A row is committed with its last turn. If it was lost, the turn must be committed again; its calls are kept."""


def salvage(path: Path, log: Path, run: Sequence[Entry]) -> None:
    """
    Replace a damaged journal by one with all entries that can be read. The damaged file is kept beside it.

    Args:
        path: The journal.
        log: Its write-ahead log, or a copy of it.
        run: The header and the stages of the run, if the journal has lost them.

    Raises:
        JournalFormatError: The header is lost.
        OSError, sqlite3.Error: The files cannot be written.
    """
    before = _read_old_totals(path)
    ready = path.with_name(f"{path.name}-salvaged")
    part = path.with_name(f"{path.name}-salvaged.part")
    for remnant in (part, *find_companions(part)):
        remnant.unlink(missing_ok=True)
    with replace_file(ready, part):
        with closing(sqlite3.connect(part, isolation_level=None)) as connection:
            create_tables(connection)
            for seq, columns in read_entries(path, log):
                values = (seq, columns.kind, columns.row, columns.turn, columns.data, columns.checksum(seq))
                connection.execute(_INSERT, values)
            _complete(connection, path, run, before)
            connection.execute("COMMIT")
        _keep_copy(path, log)
    finish_salvage(path)


def finish_salvage(path: Path) -> None:
    """Put the new journal into its place, if one is ready; also after a crash in the middle of it."""
    ready = path.with_name(f"{path.name}-salvaged")
    if not ready.exists():
        return
    for companion in find_companions(path):  # SQLite would apply the old log to the new file
        companion.unlink(missing_ok=True)
    ready.replace(path)


def find_lost_entry(connection: sqlite3.Connection, path: Path, log: Path) -> int | None:
    """Return the sequence number of an entry in a log that is not in the journal, since SQLite did not read it."""
    query = "SELECT 1 FROM entries WHERE seq = ?"
    with PageFile(path, log) as file:
        for seq, values in file.logged_records():
            columns = _parse(values)
            is_valid = columns is not None and columns.checksum(seq) == values[-1]
            if is_valid and connection.execute(query, (seq,)).fetchone() is None:
                return seq
    return None


def read_entries(path: Path, log: Path) -> Iterator[tuple[int, Columns]]:
    """Yield the entries whose checksum is right; some appear twice."""
    with PageFile(path, log) as file:
        for seq, values in file.records():
            columns = _parse(values)
            if columns is not None and columns.checksum(seq) == values[-1]:
                yield seq, columns


def _parse(values: list[Value]) -> Columns | None:
    match values:
        case [None, int(kind), int(row), int(turn), str(data), int()]:
            return Columns(kind, row, turn, data)
        case _:
            return None


def _complete(connection: sqlite3.Connection, path: Path, run: Sequence[Entry], before: Totals | None) -> None:
    """Remove what cannot be used, and add what is computed from the entries."""
    kinds = {"turn": encoding.TURN, "row": encoding.ROW}
    connection.execute(_DELETE_LATER_TURNS, kinds)
    connection.execute(_DELETE_LAST_TURNS, kinds)
    last = _restore_turns(connection, find_last(connection, "seq"))
    known = {columns.kind for _, columns in select(connection, "kind <= ?", encoding.STAGE)}
    if not known >= {encoding.HEADER, encoding.STAGE}:
        for entry in run:
            last += insert(connection, last + 1, encode(entry))
    if not run and encoding.HEADER not in known:
        raise JournalFormatError(
            f"{path.parent.name}: the journal and run.json are damaged: it is not known which run they belong to.",
            hint="Restore the folder from a backup, or choose another output.",
        )
    totals = _count(connection)
    update_totals(connection, totals)
    number = find_last(connection, "row", f"kind = {encoding.NOTE}") + 1
    note = Note(number=number, text=_describe(path, totals, before))
    insert(connection, last + 1, encode(note))


def _restore_turns(connection: sqlite3.Connection, last: int) -> int:
    """
    Restore lost turns of finished rows, whose questions later rows about the same passage are told.

    Returns:
        The last sequence number.
    """
    count = "SELECT count(*) FROM entries WHERE kind = ? AND row = ?"
    lost: list[Entry] = []
    for _, columns in select(connection, "kind = ?", encoding.ROW):
        (kept,) = connection.execute(count, (encoding.TURN, columns.row)).fetchone()
        turns = list(_turns_of(encoding.decode_row(columns.row, columns.data)))
        lost += [
            TurnDone(index=columns.row, number=number, turn=turn) for number, turn in enumerate(turns) if number >= kept
        ]
    for number, entry in enumerate(lost, 1):
        insert(connection, last + number, encode(entry))
    return last + len(lost)


def _turns_of(row: Row) -> Iterator[Turn]:
    """Yield the turns in the messages of a row; none for a structured value."""
    messages: Any = row.data.get("messages") or ()
    texts = [message["content"] for message in messages if message["role"] in ("user", "assistant")]
    for question, answer in zip(texts[::2], texts[1::2], strict=True):
        yield Turn(question=question, answer=answer)


def _count(connection: sqlite3.Connection) -> Totals:
    totals = Totals()
    for _, columns in select(connection, "kind = ?", encoding.CALL):
        totals = totals.add(encoding.decode_call(columns.row, columns.turn, columns.data))
    count = "SELECT count(*) FROM entries WHERE kind = ?"
    (turns,) = connection.execute(count, (encoding.TURN,)).fetchone()
    (rows,) = connection.execute(count, (encoding.ROW,)).fetchone()
    return replace(totals, turns=turns, rows=rows)


def _describe(path: Path, totals: Totals, before: Totals | None) -> str:
    kept = f"{totals.rows:,} rows and {totals.calls:,} calls were kept"
    lost = "it is not known how much was lost"
    if before is not None:
        rows, calls = max(0, before.rows - totals.rows), max(0, before.calls - totals.calls)
        lost = f"{rows:,} rows and {calls:,} calls were lost" if rows or calls else "none was lost"
    return f"The journal was damaged: {kept}, {lost}. Lost work is done again. The old file is {_copy_name(path)}."


def _read_old_totals(path: Path) -> Totals | None:
    with suppress(sqlite3.Error, ValueError, TypeError, LookupError), closing(connect(path, "ro")) as connection:
        return select_totals(connection)
    return None


def _copy_name(path: Path) -> str:
    number = 1
    while path.with_name(f"{path.stem}.damaged-{number}{path.suffix}").exists():
        number += 1
    return f"{path.stem}.damaged-{number}{path.suffix}"


def _keep_copy(path: Path, log: Path) -> None:
    """Keep the damaged file and its log under another name."""
    copy = path.with_name(_copy_name(path))
    if log.exists():
        shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
    try:
        os.link(path, copy)
    except OSError:  # a file system without links
        shutil.copyfile(path, copy)
