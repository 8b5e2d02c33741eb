"""Commit calls to the journal at a path until standard input ends, and print a line after ten calls."""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

from budwood_generation.journal import CallDone, Header, SQLiteJournal, Stage

header = Header(run="f", spec={}, root="..", identity={}, models=("a/b",))
stage = Stage(first=0, rows=3, documents={}, passages=(), turns=5, digest="d")
stop = threading.Event()


def watch() -> None:
    """Wait for the end of standard input."""
    sys.stdin.read()
    stop.set()


threading.Thread(target=watch, daemon=True).start()
with contextlib.closing(SQLiteJournal(Path(sys.argv[1]), header, (stage,))) as journal:
    number = 0
    while not stop.is_set():
        journal.commit(CallDone(index=0, turn=number, purpose="ask", digest="d", text="t")).result()
        number += 1
        if number == 10:
            sys.stdout.write("ten\n")
            sys.stdout.flush()
sys.stdout.write(str(number))
