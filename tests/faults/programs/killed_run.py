"""
Make a dataset and die on the way: ACT PATH SETTINGS POINT NUMBER.

ACT is "generate" or "resume", SETTINGS are JSON. The process kills itself at a POINT that it passes for the NUMBER-th
time: "commit", when a transaction was committed; "entry", when an entry was written and its transaction was not; "row",
when a row of the output was read. Where it does not come that far, it ends as always.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count

from budwood_generation import generate, resume
from budwood_generation.journal import SQLiteJournal, sqlite

act, path, settings, point, number = sys.argv[1:]
passed = count(1)
commit, put, rows = SQLiteJournal._commit, sqlite._put, SQLiteJournal.rows


def pass_by(here: str) -> None:
    """Die where it is time."""
    if here == point and next(passed) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)


def commit_and_die(connection, batch):
    """Commit a transaction."""
    commit(connection, batch)
    pass_by("commit")


def put_and_die(connection, entry):
    """Write an entry."""
    put(connection, entry)
    pass_by("entry")


def read_and_die(journal):
    """Read the rows."""
    for row in rows(journal):
        yield row
        pass_by("row")


SQLiteJournal._commit = staticmethod(commit_and_die)
sqlite._put = put_and_die
SQLiteJournal.rows = read_and_die
{"generate": generate, "resume": resume}[act](path, settings=json.loads(settings))
