"""The journal of a run: all finished work, from which outputs are written."""

from budwood_generation.journal.contract import Journal
from budwood_generation.journal.records import CallDone, Counts, Entry, Header, RowDone, RowFailed, TurnDone
from budwood_generation.journal.sqlite import SQLiteJournal, read_counts, read_header

__all__ = [
    "CallDone",
    "Counts",
    "Entry",
    "Header",
    "Journal",
    "RowDone",
    "RowFailed",
    "SQLiteJournal",
    "TurnDone",
    "read_counts",
    "read_header",
]
