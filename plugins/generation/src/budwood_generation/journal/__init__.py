"""The journal of a run: all finished work, from which outputs are written."""

from budwood_generation.journal.contract import Journal
from budwood_generation.journal.reading import (
    JOURNAL,
    open_calls,
    read_failures,
    read_header,
    read_notes,
    read_rows,
    read_stages,
    read_totals,
)
from budwood_generation.journal.records import (
    Batch,
    BatchSent,
    CallDone,
    Delivered,
    Entry,
    Header,
    RowDone,
    RowFailed,
    Stage,
    Totals,
    TurnDone,
    count_rows,
)
from budwood_generation.journal.repair import repair_journal
from budwood_generation.journal.row_set import RowSet
from budwood_generation.journal.run_file import read_run_file, write_run_file
from budwood_generation.journal.sqlite import SQLiteJournal

__all__ = [
    "JOURNAL",
    "Batch",
    "BatchSent",
    "CallDone",
    "Delivered",
    "Entry",
    "Header",
    "Journal",
    "RowDone",
    "RowFailed",
    "RowSet",
    "SQLiteJournal",
    "Stage",
    "Totals",
    "TurnDone",
    "count_rows",
    "open_calls",
    "read_failures",
    "read_header",
    "read_notes",
    "read_rows",
    "read_run_file",
    "read_stages",
    "read_totals",
    "repair_journal",
    "write_run_file",
]
