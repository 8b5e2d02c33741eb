"""Datasets and databases for tests of the storage."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import psycopg

from budwood.types import Dataset, Row

SCHEMA = {
    "type": "object",
    "required": ["id", "value"],
    "properties": {
        "id": {"type": "string"},
        "value": {
            "type": "object",
            "required": ["review", "stars"],
            "properties": {
                "review": {"type": "string"},
                "stars": {"type": "integer"},
                "score": {"type": "number"},
                "is_kind": {"type": "boolean"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}
REVIEW = {"review": "Good.", "stars": 5, "score": 0.5, "is_kind": True, "tags": ["new"]}


def make_dataset(*, run="5eed", name="reviews", schema=SCHEMA, content="value"):
    """
    Describe a dataset of reviews.
    """
    return Dataset(run=run, name=name, content=content, schema=schema, rows=10)


def make_row(index, **changes):
    """
    Create a row with a review.
    """
    return Row(id=f"{index:08x}", index=index, data={"id": f"{index:08x}", "value": {**REVIEW, **changes}})


def query(output, statement):
    """
    Return the rows of a query, without the code of the storage.
    """
    if output.startswith("sqlite"):
        with closing(sqlite3.connect(output.removeprefix("sqlite:///"))) as connection:
            rows = connection.execute(statement).fetchall()
            connection.commit()
            return rows
    with psycopg.connect(output) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


class DatabaseLock:
    """
    Locks the table of an output for a while, so that nothing can be written or read.
    """

    def __init__(self, output):
        self._address, _, self._table = output.partition("#")
        self._connection = None
        self._timer = None

    def hold(self, seconds, then):
        """
        Lock the table, and return. After some seconds, ``then`` is called and the lock released.
        """
        if self._address.startswith("sqlite"):
            path = self._address.removeprefix("sqlite:///")
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("BEGIN EXCLUSIVE")
        else:
            self._connection = psycopg.connect(self._address)
            self._connection.execute(f"LOCK TABLE {self._table} IN ACCESS EXCLUSIVE MODE")
        self._timer = threading.Timer(seconds, self._release, [then])
        self._timer.start()

    def _release(self, then):
        then()
        self._connection.rollback()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._timer is not None:
            self._timer.join()
            self._connection.close()
