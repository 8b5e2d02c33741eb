"""A journal for tests: its header and stages, and entries."""

from __future__ import annotations

import contextlib
from pathlib import Path

from budwood.types import Row
from budwood_generation.journal import CallDone, Header, RowDone, SQLiteJournal, Stage

HEADER = Header(
    run="f" * 32,
    spec={"rows": 3, "conversation": {"answerer": "offline/extractive", "turns": [1, 2]}, "none": None},
    root="..",
    identity={"seed": 3, "conversation.answerer": "offline/extractive"},
    models=("a/b", "c/d"),
)
STAGES = (Stage(first=0, rows=300, documents={"tea.md": "a" * 64}, passages=(3,), turns=500, digest="d"),)


def open_journal(path: Path) -> contextlib.closing[SQLiteJournal]:
    """Open a journal for a `with` block."""
    return contextlib.closing(SQLiteJournal(path, HEADER, STAGES))


def call(index=0, turn=0, **changes) -> CallDone:
    """Return a finished call."""
    return CallDone(**{"index": index, "turn": turn, "purpose": "ask", "digest": "d", "text": "t", **changes})


def row(index=0, **data) -> RowDone:
    """Return a finished row."""
    return RowDone(Row(id=f"r{index}", index=index, data=data))
