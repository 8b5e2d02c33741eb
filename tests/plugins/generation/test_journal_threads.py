"""The journal is read by the storage's thread while the run reads and writes it."""

from __future__ import annotations

import contextlib

import pytest

from budwood.types import Row, Turn
from budwood_generation.journal import CallDone, Header, RowDone, SQLiteJournal, Stage, TurnDone, sqlite

HEADER = Header(spec={}, root="..", identity={}, models=())
STAGE = Stage(first=0, rows=10, documents={}, passages=(), turns=10, digest="")


@pytest.mark.parametrize(
    ("decode", "read"),
    [
        ("decode_row", lambda journal: journal.next_batch(5)),
        ("decode_row", lambda journal: list(journal.rows())),
        ("decode_call", lambda journal: journal.calls(0)),
    ],
    ids=["next_batch", "rows", "calls"],
)
def test_turns_are_current_while_the_storage_reads(tmp_path, monkeypatch, decode, read):
    """
    A turn that was committed is found, although rows or calls are being read for the storage.
    """
    found, turn, original = [], Turn(question="q", answer="a"), getattr(sqlite.encoding, decode)
    with contextlib.closing(SQLiteJournal(tmp_path / "journal.sqlite", HEADER, (STAGE,))) as journal:
        for index in (0, 1):
            call = CallDone(index=0, turn=index, purpose="ask", digest="d", text="t", model="a/b")
            journal.commit(RowDone(Row(id=f"r{index}", index=index, data={})), call).result()

        def decode_meanwhile(*columns):
            if not found:
                journal.commit(TurnDone(index=7, number=0, turn=turn)).result()
                found.append(journal.turns(7))
            return original(*columns)

        monkeypatch.setattr(sqlite.encoding, decode, decode_meanwhile)
        read(journal)

    assert found == [(turn,)]
