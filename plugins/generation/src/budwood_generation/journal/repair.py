"""Detection of damage before a journal is opened, and its repair."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from budwood.providing import replace_file
from budwood_generation.journal import encoding
from budwood_generation.journal.database import (
    check_format,
    connect,
    select,
    select_header,
    select_stages,
    select_totals,
)
from budwood_generation.journal.problems import convert_errors, is_damage, suspicion_path
from budwood_generation.journal.records import Entry, count_rows
from budwood_generation.journal.salvage import find_lost_entry, finish_salvage, salvage

_COUNT: Final = "SELECT count(*) FROM entries WHERE kind = ?"


def repair_journal(path: Path, run: Sequence[Entry]) -> None:
    """
    Check a journal, and replace it by what can be read if it is damaged. Call it only with the lock of the run.

    The whole file is checked if there is work left, or if damage was noticed before; otherwise only its header, its
    totals and the list of rows, so that a finished run is opened at once.

    Args:
        path: The journal.
        run: The header and the stages of the run, in case the journal has lost them.

    Raises:
        JournalFormatError: The journal has another version, or it is not known which run it belongs to.
        JournalError: It cannot be used, for example because the disk is full.
    """
    suspicion = suspicion_path(path)
    with convert_errors(path):
        finish_salvage(path)
        if not path.exists():
            return
        log = _copy_log(path)
        if _is_damaged(path, log, is_suspected=suspicion.exists()):
            salvage(path, log, run)
        for file in (log, suspicion):
            file.unlink(missing_ok=True)


def _copy_log(path: Path) -> Path:
    """Copy the log that a killed process has left: SQLite removes it, also if it reads only its start."""
    log, copy = path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-log")
    if log.exists() and log.stat().st_size and not copy.exists():  # otherwise a repair was interrupted
        part = path.with_name(f"{copy.name}.part")
        with replace_file(copy, part):
            shutil.copyfile(log, part)
    return copy


def _is_damaged(path: Path, log: Path, *, is_suspected: bool) -> bool:
    try:
        with closing(connect(path)) as connection:
            check_format(connection, path)
            is_readable = _is_readable(connection, is_suspected=is_suspected)
            return not is_readable or (log.exists() and find_lost_entry(connection, path, log) is not None)
    except (sqlite3.Error, ArithmeticError, LookupError, TypeError, ValueError) as error:
        if is_damage(error):
            return True
        raise


def _is_readable(connection: sqlite3.Connection, *, is_suspected: bool) -> bool:
    select_header(connection)
    rows = count_rows(select_stages(connection))
    totals = select_totals(connection)
    (finished,) = connection.execute(_COUNT, (encoding.ROW,)).fetchone()
    if finished != totals.rows:
        return False
    if is_suspected and sum(1 for _ in select(connection, "1")) == 0:  # it raises an error for a wrong checksum
        return False
    if finished == rows and not is_suspected:
        return True
    return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
