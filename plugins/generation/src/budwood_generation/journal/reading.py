"""Reading a journal without changing it, also while another process writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from budwood.types import Row
from budwood_generation.journal.database import (
    check_format,
    connect,
    select_calls,
    select_failures,
    select_header,
    select_notes,
    select_rows,
    select_stages,
    select_totals,
)
from budwood_generation.journal.problems import convert_errors
from budwood_generation.journal.records import CallDone, Header, RowFailed, Stage, Totals

JOURNAL: Final = "journal.sqlite"
"""The name of the file in the folder of a run."""

ROWS_AT_ONCE: Final = 100
"""Rows that are read in one query. A longer query would keep SQLite from emptying its log."""


def read_header(path: Path) -> Header:
    """
    Read the header of a journal.

    Raises:
        JournalError: The file cannot be read, is not a journal, or has another version.
    """
    with _open(path) as connection:
        return select_header(connection)


def read_stages(path: Path) -> tuple[Stage, ...]:
    """
    Read the stages of a run.

    Raises:
        JournalError: The file cannot be read.
    """
    with _open(path) as connection:
        return select_stages(connection)


def read_notes(path: Path) -> tuple[str, ...]:
    """
    Read what the user must know about a journal; see `Journal.notes`.

    Raises:
        JournalError: The file cannot be read.
    """
    with _open(path) as connection:
        return select_notes(connection)


def read_totals(path: Path) -> Totals:
    """
    Read the totals of a journal.

    Raises:
        JournalError: The file cannot be read.
    """
    with _open(path) as connection:
        return select_totals(connection)


def read_failures(path: Path) -> dict[int, RowFailed]:
    """
    Read the last failure of each row that is not finished, by index.

    Raises:
        JournalError: The file cannot be read.
    """
    with _open(path) as connection:
        return select_failures(connection)


def read_rows(path: Path, after: int = -1) -> Iterator[Row]:
    """
    Yield finished rows whose index is greater, in the order of their indexes.

    Raises:
        JournalError: The file cannot be read.
    """
    with _open(path) as connection:
        while rows := select_rows(connection, after, ROWS_AT_ONCE):
            yield from rows
            after = rows[-1].index


@contextmanager
def open_calls(path: Path) -> Iterator[Callable[[int], list[CallDone]]]:
    """
    Yield a function that returns all calls of a row, in the order in which they were committed.

    Raises:
        JournalError: The file cannot be read.
    """
    with _open(path) as connection:
        yield lambda index: select_calls(connection, index)


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    with convert_errors(path), closing(connect(path, "ro")) as connection:
        check_format(connection, path)
        yield connection
