"""
Generate a dataset and kill this process on the way: ACT PATH SETTINGS POINT NUMBER.

ACT is "generate" or "resume", SETTINGS are JSON. The process kills itself when it reaches a POINT for the NUMBER-th
time: "commit", after a transaction was committed; "entry", after an entry was written, before the commit; "row", after
a row of the output was read; "put", after the storage has a batch, which the journal does not know yet. If it does not
reach the point, it ends normally.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count

from budwood_generation import generate, resume
from budwood_generation.guards import GuardedStorage
from budwood_generation.journal import SQLiteJournal, writer
from budwood_generation.journal.writer import Writer
from budwood_generation.runs import sink

act, path, settings, point, number = sys.argv[1:]
visits = count(1)
commit, insert, rows, put = Writer._commit, writer.insert, SQLiteJournal.rows, GuardedStorage.put


def kill_at(current: str) -> None:
    """Kill the process if the point is reached."""
    if current == point and next(visits) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)


def commit_and_kill(journal, batch):
    """Commit a transaction."""
    commit(journal, batch)
    kill_at("commit")


def insert_and_kill(connection, seq, columns):
    """Write an entry."""
    is_new = insert(connection, seq, columns)
    kill_at("entry")
    return is_new


def read_and_kill(journal):
    """Read the rows."""
    for row in rows(journal):
        yield row
        kill_at("row")


def put_and_kill(storage, batch):
    """Store a batch."""
    put(storage, batch)
    kill_at("put")


if point == "put":
    sink.BATCH_ROWS, sink.DELIVERY_SECONDS = 2, 0.01
Writer._commit = commit_and_kill
writer.insert = insert_and_kill
SQLiteJournal.rows = read_and_kill
GuardedStorage.put = put_and_kill
{"generate": generate, "resume": resume}[act](path, settings=json.loads(settings))
