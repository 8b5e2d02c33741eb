"""
Generate a dataset and kill this process on the way: ACT PATH SETTINGS POINT NUMBER.

ACT is "generate" or "resume", SETTINGS are JSON. The process kills itself when it reaches a POINT for the NUMBER-th
time: "commit", after a transaction was committed; "entry", after an entry was written, before the commit; "row", after
a row of the output was read. If it does not reach the point, it ends normally.
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
visits = count(1)
commit, insert, rows = SQLiteJournal._commit, sqlite._insert, SQLiteJournal.rows


def kill_at(current: str) -> None:
    """Kill the process if the point is reached."""
    if current == point and next(visits) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)


def commit_and_kill(connection, batch):
    """Commit a transaction."""
    commit(connection, batch)
    kill_at("commit")


def insert_and_kill(connection, entry):
    """Write an entry."""
    insert(connection, entry)
    kill_at("entry")


def read_and_kill(journal):
    """Read the rows."""
    for row in rows(journal):
        yield row
        kill_at("row")


SQLiteJournal._commit = staticmethod(commit_and_kill)
sqlite._insert = insert_and_kill
SQLiteJournal.rows = read_and_kill
{"generate": generate, "resume": resume}[act](path, settings=json.loads(settings))
